package engine

// Conn is a connection from its dial to its end. It has no pointers, so the garbage collector never looks at it.
type Conn struct {
	Claim
	Since     int64 // when it was established
	Mark      int64 // the rules' own
	Sent      int64 // bytes
	Received  int64 // bytes
	Handshake Handshake
	Tag       uint32 // the rules' own
	Left      uint32 // the rules' own: bytes that are still to be sent
	phase     phase
	inLane    bool // counts against the concurrency
}

// phase is where in its life a connection is.
type phase uint8

const (
	unused phase = iota
	dialing
	established
)

const chunkSize = 1 << 8 // calls with a connection or two are made by the thousand

// slab keeps the connections of a core. A connection's key is its index. It grows by chunks, which never move.
type slab struct {
	chunks []*[chunkSize]Conn
	free   []uint32
	used   uint32 // keys ever used
}

func (s *slab) at(key uint32) *Conn { return &s.chunks[key/chunkSize][key%chunkSize] }

// open returns the number of connections in the slab.
func (s *slab) open() int { return int(s.used) - len(s.free) }

func (s *slab) put(c Claim) (key uint32, conn *Conn) {
	if n := len(s.free); n > 0 {
		key, s.free = s.free[n-1], s.free[:n-1]
	} else {
		key = s.used
		s.used++
		if int(key/chunkSize) == len(s.chunks) {
			s.chunks = append(s.chunks, new([chunkSize]Conn))
		}
	}
	conn = s.at(key)
	*conn = Conn{Claim: c, phase: dialing, inLane: true}
	return key, conn
}

func (s *slab) remove(key uint32) {
	s.at(key).phase = unused
	s.free = append(s.free, key)
}

// each calls do for every connection in a phase; do may end connections.
func (s *slab) each(in phase, do func(key uint32)) {
	for key := range s.used {
		if s.at(key).phase == in {
			do(key)
		}
	}
}
