package packets

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
)

// conn is a connection from its dial to the end of TIME-WAIT. It has no pointers, so the garbage collector never looks at it.
type conn struct {
	tcp.Conn
	port  uint16 // local; 0 if there is no connection here
	alarm tick   // of its entry in alarms
	marks marks
}

// marks are what a driver notes about a connection.
type marks uint8

const (
	dirty   marks = 1 << iota // in the driver's list of those that may have something to send
	armed                     // has an entry in alarms
	writing                   // Send took less than it was given
)

// connID names a connection: by the core's key, or, once the core has closed it, by its place among those that linger.
type connID uint32

func idOf(key uint32) connID     { return connID(key << 1) }
func lingererAt(i uint32) connID { return connID(i<<1 | 1) }
func (id connID) lingers() bool  { return id&1 != 0 }
func (id connID) index() uint32  { return uint32(id >> 1) }

// conns are a driver's connections.
type conns struct {
	known     blocks.Array[conn, asleep] // to the core, by key
	windows   *windows                   // of those that are asleep
	lingerers chunks[lingerer]
	free      []uint32 // lingerers' places
	ever      uint32   // places ever used
}

// lingerer is a connection that the core has closed, and the peer has not, or that is in TIME-WAIT.
type lingerer struct {
	conn
	number uint32 // in the job
}

func newConns() conns {
	w := &windows{}
	return conns{windows: w, known: blocks.Array[conn, asleep]{Kind: blocks.Kind[conn, asleep]{Sleep: w.sleep, Wake: w.wake}}}
}

// at returns a connection, valid until it falls asleep.
func (s *conns) at(id connID) *conn {
	if id.lingers() {
		return &s.lingerers.at(id.index()).conn
	}
	return s.known.At(id.index())
}

// awake returns a connection, nil if it is asleep.
func (s *conns) awake(id connID) *conn {
	if id.lingers() {
		return s.at(id)
	}
	c, _ := s.known.Peek(id.index())
	return c
}

// port returns a connection's own port, 0 if there is none. It wakes nothing.
func (s *conns) port(id connID) uint16 {
	if id.lingers() {
		return s.lingerers.at(id.index()).port
	}
	switch c, a := s.known.Peek(id.index()); {
	case c != nil:
		return c.port
	case a != nil:
		return a.rests[id.index()%blocks.Size].Port
	}
	return 0
}

// copy returns a connection that the core knows as it is, and wakes nothing.
func (s *conns) copy(key uint32) conn {
	c, a := s.known.Peek(key)
	if c == nil {
		return s.windows.wakened(a, key%blocks.Size)
	}
	return *c
}

// add takes a connection that the core has begun.
func (s *conns) add(key uint32, port uint16) (connID, *conn) {
	s.known.Reach(key)
	c := s.known.At(key)
	*c = conn{port: port, marks: c.marks & dirty} // it may still be in the list
	return idOf(key), c
}

// linger gives a connection that the core has closed an id of its own.
func (s *conns) linger(c *conn, number uint32) (connID, *conn) {
	i := s.ever
	if last := len(s.free) - 1; last >= 0 {
		i, s.free = s.free[last], s.free[:last]
	} else {
		s.ever++
		s.lingerers.makeRoom(i)
	}
	l := s.lingerers.at(i)
	*l = lingerer{conn{Conn: c.Conn, port: c.port, marks: l.marks & dirty}, number}
	return lingererAt(i), &l.conn
}

// remove removes a connection, and wakes nothing.
func (s *conns) remove(id connID) {
	if id.lingers() {
		l := s.lingerers.at(id.index())
		*l = lingerer{conn: conn{marks: l.marks & dirty}}
		s.free = append(s.free, id.index())
		return
	}
	c, a := s.known.Peek(id.index())
	if c == nil {
		a.rests[id.index()%blocks.Size] = tcp.Rest{}
		return
	}
	*c = conn{marks: c.marks & dirty}
}

// eachLingerer calls do for every connection that the core has closed.
func (s *conns) eachLingerer(do func(connID, *conn)) {
	for i := range s.ever {
		if c := &s.lingerers.at(i).conn; c.port != 0 {
			do(lingererAt(i), c)
		}
	}
}

// chunkSize makes a chunk whole pages of memory, so that none of it is lost.
const chunkSize = 1 << 11

// chunks is an array that grows by chunks, which never move: growing copies nothing and leaves no garbage.
type chunks[T any] []*[chunkSize]T

func (c chunks[T]) at(i uint32) *T { return &c[i/chunkSize][i%chunkSize] }

func (c *chunks[T]) makeRoom(i uint32) {
	for int(i/chunkSize) >= len(*c) {
		*c = append(*c, new([chunkSize]T))
	}
}
