package packets

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"

// conn is a connection from its dial to the end of TIME-WAIT. It has no pointers, so the garbage collector never looks at it.
type conn struct {
	tcp.Conn
	number uint32 // in the job; tells source address and target
	key    uint32 // the core's, noKey once that has closed it
	port   uint16 // local
	alarm  tick   // of its entry in alarms
	marks  marks
}

// noKey is the key of a connection that the core has closed.
const noKey = 1<<32 - 1

// marks are what a driver notes about a connection.
type marks uint8

const (
	used    marks = 1 << iota
	dirty         // in the driver's list of those that may have something to send
	armed         // has an entry in alarms
	writing       // Send took less than it was given
)

// chunkSize makes a chunk of connections whole pages of memory, so that none of it is lost.
const chunkSize = 1 << 11

// chunks is an array that grows by chunks, which never move: growing copies nothing and leaves no garbage.
type chunks[T any] []*[chunkSize]T

func (c chunks[T]) at(i uint32) *T { return &c[i/chunkSize][i%chunkSize] }

func (c *chunks[T]) makeRoom(i uint32) {
	for int(i/chunkSize) >= len(*c) {
		*c = append(*c, new([chunkSize]T))
	}
}

// conns is the slab of a driver's connections, known by their index.
type conns struct {
	chunks[conn]
	free []uint32
	used uint32 // indices ever used
}

func (s *conns) add(c conn) (id uint32) {
	if last := len(s.free) - 1; last >= 0 {
		id, s.free = s.free[last], s.free[:last]
	} else {
		id = s.used
		s.used++
		s.makeRoom(id)
	}
	at := s.at(id)
	c.marks = used | at.marks&dirty // it may still be in the list
	*at = c
	return id
}

func (s *conns) remove(id uint32) {
	c := s.at(id)
	*c = conn{key: noKey, marks: c.marks & dirty}
	s.free = append(s.free, id)
}

// each calls do for every connection; do may remove it.
func (s *conns) each(do func(id uint32, c *conn)) {
	for id := range s.used {
		if c := s.at(id); c.marks&used != 0 {
			do(id, c)
		}
	}
}
