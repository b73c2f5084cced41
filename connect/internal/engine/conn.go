package engine

import (
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/arena"
)

// Conn is a connection from its dial to its end. It has no pointers, so the garbage collector never looks at it, and 32 bytes.
type Conn struct {
	Planned     int64  // when it was due
	Since       int64  // when it was established
	Number      uint32 // within the job
	received    uint32 // bytes, as many as fit; see slab.received
	rtt         uint32 // of the handshake
	Tag         uint16 // the rules' own
	retransmits uint8  // of the handshake; no more are counted than fit
	phase       phase
}

// Claim is the claim that the connection was made for.
func (c *Conn) Claim() Claim { return Claim{Number: int64(c.Number), Planned: c.Planned} }

// noteHandshake keeps what there is to know of the handshake.
func (c *Conn) noteHandshake(h Handshake) {
	c.rtt, c.retransmits = h.RTT, uint8(min(h.Retransmits, math.MaxUint8)) // #nosec G115 -- it fits
}

// Outgoing is what a connection sends. Connections that send nothing have none of it.
type Outgoing struct {
	Sent  int64  // bytes
	Mark  int64  // the rules' own: when the peer was asked for something
	Left  uint32 // the rules' own: bytes that are still to be sent
	wraps uint32 // of the connection's received
}

// phase is where in its life a connection is.
type phase uint8

const (
	unused phase = iota
	dialing
	established // and no longer in its lane
	settling    // established, and in its lane: it counts against the concurrency
)

func (p phase) isDialing() bool     { return p == dialing }
func (p phase) isEstablished() bool { return p == established || p == settling }

const chunkSize = 1 << 8 // calls with a connection or two are made by the thousand

// slab keeps the connections of a core. A connection's key is its index. It grows by chunks, which never move.
type slab struct {
	arena    arena.Arena
	chunks   []*[chunkSize]Conn
	outgoing []*[chunkSize]Outgoing // nil where nothing was ever sent
	free     []uint32
	used     uint32 // keys ever used
}

func (s *slab) at(key uint32) *Conn { return &s.chunks[key/chunkSize][key%chunkSize] }

func (s *slab) outgoingAt(key uint32) *Outgoing {
	chunk := &s.outgoing[key/chunkSize]
	if *chunk == nil {
		*chunk = arena.New[[chunkSize]Outgoing](&s.arena)
	}
	return &(*chunk)[key%chunkSize]
}

// sent is how many bytes a connection has sent.
func (s *slab) sent(key uint32) int64 {
	if s.outgoing[key/chunkSize] == nil {
		return 0
	}
	return s.outgoingAt(key).Sent
}

// receive counts bytes that a connection has received.
func (s *slab) receive(key uint32, n int) {
	c := s.at(key)
	before := c.received
	if c.received += uint32(n); c.received < before { // #nosec G115 -- less than 4 GiB
		s.outgoingAt(key).wraps++
	}
}

// received is how many bytes a connection has received.
func (s *slab) received(key uint32) int64 {
	n := int64(s.at(key).received)
	if s.outgoing[key/chunkSize] != nil {
		n += int64(s.outgoingAt(key).wraps) << 32
	}
	return n
}

// open returns the number of connections in the slab.
func (s *slab) open() int { return int(s.used) - len(s.free) }

func (s *slab) put(c Claim) (key uint32) {
	if n := len(s.free); n > 0 {
		key, s.free = s.free[n-1], s.free[:n-1]
	} else {
		key = s.used
		s.used++
		if int(key/chunkSize) == len(s.chunks) {
			s.chunks, s.outgoing = append(s.chunks, arena.New[[chunkSize]Conn](&s.arena)), append(s.outgoing, nil)
		}
	}
	conn := s.at(key)
	*conn = Conn{Number: uint32(c.Number), Planned: c.Planned, phase: dialing} // #nosec G115 -- at most connect.MaxConnections
	return key
}

func (s *slab) remove(key uint32) {
	s.at(key).phase = unused
	if s.outgoing[key/chunkSize] != nil {
		*s.outgoingAt(key) = Outgoing{}
	}
	s.free = append(s.free, key)
}

// each calls do for every connection in such a phase; do may end connections.
func (s *slab) each(is func(phase) bool, do func(key uint32)) {
	for key := range s.used {
		if is(s.at(key).phase) {
			do(key)
		}
	}
}
