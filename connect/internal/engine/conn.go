package engine

import (
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/arena"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
)

// Conn is a connection from its dial to its end. It has no pointers, so the garbage collector never looks at it, and 32 bytes; see asleep.
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

// slab keeps the connections of a core. A connection's key is its index.
type slab struct {
	conns    blocks.Array[Conn, asleep]
	arena    arena.Arena              // of outgoing
	outgoing []*[blocks.Size]Outgoing // nil where nothing was ever sent
	free     []uint32
	used     uint32 // keys ever used
}

func newSlab() slab {
	return slab{conns: blocks.Array[Conn, asleep]{Kind: blocks.Kind[Conn, asleep]{Sleep: sleep, Wake: wake}}}
}

// reserve makes room for so many connections: tables that grow leave as much again behind.
func (s *slab) reserve(n int64) {
	s.conns.Reserve(n)
	s.outgoing = make([]*[blocks.Size]Outgoing, 0, (n+blocks.Size-1)/blocks.Size)
}

// at returns a connection, valid until it falls asleep.
func (s *slab) at(key uint32) *Conn { return s.conns.At(key) }

// phase is in which phase a connection is. It wakes nothing.
func (s *slab) phase(key uint32) phase {
	switch c, a := s.conns.Peek(key); {
	case c != nil:
		return c.phase
	case a != nil && a.has(key%blocks.Size):
		return established
	}
	return unused
}

// number is a connection's number in the job. It wakes nothing.
func (s *slab) number(key uint32) uint32 {
	c, a := s.conns.Peek(key)
	if c == nil {
		return a.number + uint32(a.conns[key%blocks.Size].number)
	}
	return c.Number
}

func (s *slab) outgoingAt(key uint32) *Outgoing {
	block := &s.outgoing[key/blocks.Size]
	if *block == nil {
		*block = arena.New[[blocks.Size]Outgoing](&s.arena)
	}
	return &(*block)[key%blocks.Size]
}

// sent is how many bytes a connection has sent.
func (s *slab) sent(key uint32) int64 {
	if s.outgoing[key/blocks.Size] == nil {
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
	if s.outgoing[key/blocks.Size] != nil {
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
		if s.conns.Reach(key); int(key/blocks.Size) == len(s.outgoing) {
			s.outgoing = append(s.outgoing, nil)
		}
	}
	conn := s.at(key)
	*conn = Conn{Number: uint32(c.Number), Planned: c.Planned, phase: dialing} // #nosec G115 -- at most connect.MaxConnections
	return key
}

func (s *slab) remove(key uint32) {
	s.at(key).phase = unused
	if s.outgoing[key/blocks.Size] != nil {
		*s.outgoingAt(key) = Outgoing{}
	}
	s.free = append(s.free, key)
}

// each calls do for every connection in such a phase; do may end that connection. What it wakes falls asleep again.
func (s *slab) each(is func(phase) bool, do func(key uint32)) {
	for key := range s.used {
		if is(s.phase(key)) {
			do(key)
		}
		if key%blocks.Size == blocks.Size-1 {
			s.conns.RestLast(key)
		}
	}
}
