package simulated

import (
	"errors"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Conn is a connection, and the truth about it.
type Conn struct {
	Key       uint32
	Number    int64
	Script    Script
	Local     netip.AddrPort
	Bare      bool // without a descriptor, which the core is told later
	Next      *Conn
	Due, Told int64 // the test's own

	Dialed      int64
	Established int64 // when the core was told; 0 if it was not
	Ended       int64 // when the core closed it
	EndedIn     Phase // what the driver was doing then
	SeenThen    int64 // all that had arrived by then had been told
	IsClosed    bool
	DialFault   class.Class // that the core was told
	PeerEnded   bool        // the core was told that the peer has ended the connection, or that it has failed
	EndFault    class.Class
	Holding     int64 // connections of the job that had a descriptor when this one was told to have none
	Beside      int64 // connections of the job that were open beside it then

	FirstData []byte // that the core was told, if not empty
	FirstTold int64  // when
	HasData   bool
	Answers   int     // that were complete
	Answered  bool    // all that was asked for has come
	Begun     bool    // a part of it has
	Verdict   Verdict // of the last answer
	LastHost  string  // that the last of these has named
	Moved     bool    // another host than before has answered
	Sent      int64   // bytes
	Received  int64   // bytes that the core was told

	Packets     int   // sends that began a packet
	NotTaken    int   // sends that this host did not take
	LastPacket  int64 // when the last packet was begun, or not taken
	SentFirst   int64 // when the first packet was sent that has no answer yet; 0 if there is none
	SinceAnswer int   // packets
	LastTold    int64 // when the core was told of bytes last
	Silence     int64 // from then until the packet was sent that waits for its answer, or has it
	Gap         int64 // from the bytes before the last ones until these
	Took        int64 // from the packet to its answer
	LastAnswer  int64 // when all that was asked for had come last
	Sending     bool  // a packet has not been sent in full
	HasShut     bool
	ShutAt      int64
	SendFault   class.Class
	Rejected    class.Class // what was told last of datagrams that wait for an answer, such as by ICMP

	Echoes    int // whole echoes that the core was told
	FirstEcho int64
	LastEcho  int64
	Corrupted int   // echoes that were spoilt
	TooMuch   int64 // when the core was told more than was sent; 0 is never
	Sizes     []Size

	driver   *Driver
	readIn   uint64              // look of the driver
	isUp     bool                // at the peer
	lastSaid int64               // when what the peer said last arrives: a stream keeps its order
	toEcho   int                 // bytes of the packet that is being sent that are still to be sent
	size     int                 // of that packet
	owed     int                 // bytes of it that are still to come back
	spoilt   bool                // some of them were
	heard    []byte              // of an answer
	stamps   map[uint64]datagram // those without an echo
	last     uint64              // the last one's
	got      int64               // bytes that the peer has got
	active   int64               // when something passes last on its way
	forgot   bool                // something on the way has forgotten the connection
	first    Verdict             // of the first answer
}

// datagram is one that was sent.
type datagram struct {
	size int
	at   int64
}

// Size is what has become of the packets of one size.
type Size struct{ Size, Sent, Received int }

func (c *Conn) sizeOf(size int) *Size {
	for i := range c.Sizes {
		if c.Sizes[i].Size == size {
			return &c.Sizes[i]
		}
	}
	c.Sizes = append(c.Sizes, Size{Size: size})
	return &c.Sizes[len(c.Sizes)-1]
}

// Job is the job that the connection belongs to.
func (c *Conn) Job() *engine.Job { return c.driver.Job }

// Driver is the driver that carries the connection.
func (c *Conn) Driver() *Driver { return c.driver }

func (c *Conn) handshake() engine.Handshake {
	if c.driver.datagram {
		return engine.Handshake{}
	}
	h := engine.Handshake{RTT: c.Script.RTT, Retransmits: c.Script.SYNRetries}
	if c.Packets > 0 {
		h.Retransmits += c.Script.Answers.Retrans
	}
	return h
}

// later lets something arrive.
func (c *Conn) later(after int64, a arrival) {
	if after == Never {
		return
	}
	w := c.driver.World
	w.push(w.reported(w.now+after), happening{conn: c, arrival: a})
}

// arrives puts something before the process.
func (c *Conn) arrives(a arrival) {
	if c.IsClosed {
		if c = c.heir(&a); c == nil {
			return
		}
	}
	switch a.kind {
	case engine.Connected:
		c.up(true)
	case engine.Ended:
		if !c.driver.datagram || a.fault != class.HostUnreachable { // else see isRejected
			c.up(false)
		}
	case engine.Data, engine.Writable, engine.Expired:
	}
	c.driver.inbox = append(c.driver.inbox, delivery{c, a})
	c.driver.look(c.driver.World.now + 100)
}

// heir is the connection that gets what comes too late, if it has the same port.
func (c *Conn) heir(a *arrival) *Conn {
	if !c.driver.SamePorts || a.kind != engine.Data {
		return nil
	}
	a.inherit = true
	for next := c.Next; next != nil; next = next.Next {
		if !next.IsClosed && next.isUp {
			return next
		}
	}
	return nil
}

// up takes note of whether the peer has the connection.
func (c *Conn) up(now bool) {
	if c.isUp == now {
		return
	}
	c.isUp = now
	n := &c.driver.World.ups
	if c.driver.Ups != nil {
		n = c.driver.Ups
	}
	if now {
		n.Now++
		n.Most = max(n.Most, n.Now)
	} else {
		n.Now--
	}
}

func (c *Conn) shakeHands() {
	s := &c.Script
	switch {
	case c.Bare:
		c.later(10_000, arrival{kind: engine.Ended, fault: class.FDLimit})
		return
	case s.Refused != class.None:
		c.later(s.Handshake, arrival{kind: engine.Ended, fault: s.Refused})
		return
	}
	c.later(s.Handshake, arrival{kind: engine.Connected})
	if s.Handshake == Never {
		return
	}
	at := s.Handshake
	for _, said := range s.Greeting {
		at += said.After
		c.later(at, arrival{kind: engine.Data, data: said.Data})
		c.lastSaid = c.driver.World.now + at
	}
	c.touch(at)
	if s.End != Never {
		c.end(max(s.Handshake+s.End, at))
	}
}

var errEnded, errDescriptor = errors.New("connect: refused, or read: reset"), errors.New("socket: too many open files")

// asFault is a fault as the core is told of it.
func asFault(of class.Class) engine.Fault {
	switch of {
	case class.None:
		return engine.Fault{}
	case class.FDLimit:
		return engine.Fault{Class: of, Err: errDescriptor}
	}
	return engine.Fault{Class: of, Err: errEnded}
}

// host is what an echo names.
func (a *arrival) host(s *Script) string {
	if a.moved {
		return "moved"
	}
	return s.Host
}

// end lets the peer end the connection.
func (c *Conn) end(after int64) {
	c.later(after, arrival{kind: engine.Ended, fault: c.Script.EndClass})
}

// touch notes that something passes after a while, so that silence begins then.
func (c *Conn) touch(after int64) {
	s, w := &c.Script, c.driver.World
	if s.Idle == 0 {
		return
	}
	c.active = max(c.active, w.reported(w.now+after))
	if s.IdleEnd > IdleResets {
		return
	}
	since := c.active
	w.At(since+s.Idle, func() {
		if c.active == since && !c.forgot && !c.IsClosed {
			c.isForgotten()
		}
	})
}

// isForgotten ends the connection by itself, after the peer has said good-bye.
func (c *Conn) isForgotten() {
	c.forgot = true
	ended := arrival{kind: engine.Ended}
	if c.Script.IdleEnd == IdleResets {
		ended.fault = class.Reset
	}
	if c.Script.Bye != nil {
		c.arrives(arrival{kind: engine.Data, data: c.Script.Bye})
		c.later(c.Script.Answers.Delay, ended)
		return
	}
	c.arrives(ended)
}

// forgets reports whether something that is sent now is lost, since the connection is forgotten.
func (c *Conn) forgets() bool {
	s, now := &c.Script, c.driver.World.now
	if s.Idle == 0 {
		return false
	}
	c.forgot = c.forgot || now-c.active >= s.Idle
	if c.forgot && s.IdleEnd != IdleMoves {
		if s.IdleEnd == IdleRejects {
			c.later(s.Answers.Delay, arrival{kind: engine.Ended, fault: class.Reset})
		}
		return true
	}
	c.touch(s.Answers.Delay) // until the answer
	return false
}
