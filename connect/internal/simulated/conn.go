package simulated

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Conn is a connection, and the truth about it.
type Conn struct {
	Key         uint32
	Number      int64
	Script      *Script
	Local       netip.AddrPort
	Dialed      int64
	Established int64 // when the core was told; 0 if it was not
	Ended       int64 // when the core closed it
	EndedIn     Phase // what the driver was doing then
	CheckedTo   int64 // the time that the core had been told of last
	IsClosed    bool
	DialFault   class.Class // that the core was told
	PeerEnded   bool        // the core was told that the peer has ended the connection, or that it has failed
	EndFault    class.Class
	FirstData   []byte // that the core was told
	HasData     bool
	Sent        int64 // bytes
	Received    int64 // bytes that the core was told
	SentFirst   int64 // when the first packet was sent that has no answer yet; 0 if there is none
	Packets     int   // sends that began a packet
	Echoes      int   // whole echoes that the core was told, of a stream
	LastTold    int64 // when the core was told of bytes last
	LastSent    int64
	LastPacket  int64           // when the last packet was begun
	Unheard     int             // packets since the last echo
	TooMuch     bool            // the core was told more than was sent
	Corrupted   int             // echoes that were spoilt
	Unique      map[uint64]bool // stamps of the datagrams that the core was told
	HasShut     bool
	SendFault   class.Class

	driver   *Driver
	lastSaid int64 // when what the peer said last arrives: a stream keeps its order
	toEcho   int   // bytes of the packet that is being sent
	owed     int   // bytes that are still to come back, as far as the peer has sent them
	heard    int64 // bytes that the peer has got
	active   int64 // when something was sent or received last, as something on the way sees it
	forgot   bool  // it was silent for too long
}

// Job is the job that the connection belongs to.
func (c *Conn) Job() *engine.Job { return c.driver.Job }

// Driver is the driver that carries the connection.
func (c *Conn) Driver() *Driver { return c.driver }

func (c *Conn) datagram() bool { return c.driver.Job.Plan.Protocol == "udp" }

func (c *Conn) handshake() engine.Handshake {
	if c.datagram() {
		return engine.Handshake{}
	}
	h := engine.Handshake{RTT: c.Script.RTT, Retransmits: c.Script.SYNRetries}
	if c.Packets > 0 {
		h.Retransmits += c.Script.Answers.Retrans
	}
	return h
}

// later lets something arrive.
func (c *Conn) later(after int64, a Arrival) {
	if after == Never {
		return
	}
	c.driver.World.push(c.driver.World.now+after, happening{conn: c, arrival: a})
}

// arrives puts something before the process.
func (c *Conn) arrives(a Arrival) {
	if !c.IsClosed {
		c.driver.inbox = append(c.driver.inbox, delivery{c, a})
		c.driver.look(c.driver.World.now + 100)
	}
}

func (c *Conn) shakeHands() {
	s := c.Script
	if s.Refused != class.None {
		c.later(s.Handshake, Arrival{Kind: engine.Ended, Fault: engine.Fault{Class: s.Refused, Err: errRefused}})
		return
	}
	c.later(s.Handshake, Arrival{Kind: engine.Connected})
	if s.Handshake == Never {
		return
	}
	c.touch(s.Handshake)
	at := s.Handshake
	for _, said := range s.Greeting {
		at += said.After
		c.later(at, Arrival{Kind: engine.Data, Data: said.Data})
		c.lastSaid = c.driver.World.now + at
	}
	if s.End != Never {
		c.end(max(s.Handshake+s.End, at))
	}
}

var errRefused, errEnded = errors.New("connect: refused"), errors.New("read: reset")

// end lets the peer end the connection.
func (c *Conn) end(after int64) {
	a := Arrival{Kind: engine.Ended}
	if c.Script.EndClass != class.None {
		a.Fault = engine.Fault{Class: c.Script.EndClass, Err: errEnded}
	}
	c.later(after, a)
}

// touch notes that something passes after a while, so that silence begins then.
func (c *Conn) touch(after int64) {
	s, w := c.Script, c.driver.World
	at := w.now + after
	c.active = at
	if s.Idle == 0 || s.IdleEnd > IdleResets {
		return
	}
	w.At(at+s.Idle, func() {
		if c.active != at || c.forgot || c.IsClosed {
			return
		}
		c.forgot = true
		a := Arrival{Kind: engine.Ended}
		if s.IdleEnd == IdleResets {
			a.Fault = engine.Fault{Class: class.Reset, Err: errEnded}
		}
		if s.Bye == nil {
			c.arrives(a)
			return
		}
		c.arrives(Arrival{Kind: engine.Data, Data: s.Bye})
		c.later(s.Answers.Delay, a)
	})
}

// forgets reports whether something that is sent now is lost, since the connection is forgotten.
func (c *Conn) forgets() bool {
	s, now := c.Script, c.driver.World.now
	if s.Idle == 0 {
		return false
	}
	if !c.forgot && now-c.active >= s.Idle {
		c.forgot = true
	}
	if c.forgot && s.IdleEnd == IdleRejects {
		c.later(s.Answers.Delay, Arrival{Kind: engine.Ended, Fault: engine.Fault{Class: class.Reset, Err: errEnded}})
	}
	if c.forgot && s.IdleEnd != IdleMoves {
		return true
	}
	c.touch(s.Answers.Delay) // the answer
	return false
}

// told notes what the core is about to be told. It returns false for what a driver would not tell.
func (c *Conn) told(a Arrival, now int64) bool {
	switch a.Kind {
	case engine.Connected:
		c.Established = now
		c.driver.Dialing--
		c.driver.Established++
	case engine.Ended:
		if c.PeerEnded {
			return false
		}
		c.PeerEnded, c.EndFault = true, a.Fault.Class
		if c.Established == 0 {
			c.DialFault = a.Fault.Class
		}
	case engine.Data:
		if c.PeerEnded {
			return false
		}
		if !c.HasData {
			c.FirstData, c.HasData = a.Data, true
		}
		c.Received += int64(len(a.Data))
		c.LastTold = now
		c.tookEcho(a.Data)
	case engine.Writable, engine.Expired:
	}
	return true
}

// tookEcho notes bytes of an echo.
func (c *Conn) tookEcho(data []byte) {
	switch {
	case !c.Script.Answers.Echo:
		c.SentFirst = 0
	case c.datagram():
		if c.Unique == nil {
			c.Unique = map[uint64]bool{}
		}
		if stamp := binary.BigEndian.Uint64(data[len(data)-8:]); !c.Unique[stamp] {
			c.Unique[stamp], c.Unheard = true, 0
		}
	default:
		c.owed -= len(data)
		c.TooMuch = c.TooMuch || c.owed < 0
		if c.owed == 0 && c.toEcho == 0 {
			c.Echoes++
			c.SentFirst = 0
			if c.Packets == c.Script.Answers.Corrupt {
				c.Corrupted++
			}
		}
	}
}

// send takes what is sent to the peer.
func (c *Conn) send(p []byte) (int, engine.Fault) {
	if c.Script.Answers.SendFail != class.None && c.Packets > 0 {
		c.SendFault = c.Script.Answers.SendFail
		return 0, engine.Fault{Class: c.SendFault, Err: errEnded}
	}
	if c.toEcho == 0 { // a new packet
		c.Packets++
		c.Unheard++
		c.LastPacket = c.driver.World.now
		c.toEcho, c.owed = len(p), len(p)
		if c.SentFirst == 0 {
			c.SentFirst = c.driver.World.now
		}
	}
	c.LastSent = c.driver.World.now
	n := len(p)
	if s := c.Script.Segment; s > 0 && n > s && !c.datagram() {
		n = s
		c.later(50_000, Arrival{Kind: engine.Writable})
	}
	c.toEcho -= n
	c.Sent += int64(n)
	switch {
	case c.forgets():
		c.toEcho = 0
	case c.datagram():
		c.answerDatagram(p)
	default:
		c.answerStream(p[:n])
	}
	return n, engine.Fault{}
}

// answerStream says what the peer answers to a part of a stream.
func (c *Conn) answerStream(p []byte) {
	a := &c.Script.Answers
	if a.CloseAt > 0 && c.Packets >= a.CloseAt {
		if c.toEcho == 0 {
			c.end(a.Delay)
		}
		return
	}
	if a.Until > 0 && c.Packets > a.Until || !a.Echo && (a.Any == nil || c.toEcho > 0) {
		return
	}
	said := append([]byte(nil), p...)
	switch {
	case !a.Echo:
		said = a.Any
	case c.heard < helloSize:
		c.greet(said)
	}
	c.heard += int64(len(p))
	if a.Corrupt > 0 && a.Corrupt == c.Packets {
		said[len(said)-1] ^= 0xff
	}
	if a.Too && c.toEcho == 0 {
		said = append(said, 'x')
	}
	c.say(said, a)
}

const helloSize = 64

// greet writes the peer's name at the beginning of the stream.
func (c *Conn) greet(said []byte) {
	for i := range said {
		if at := int(c.heard) + i; at < len(c.Script.Host) {
			said[i] = c.Script.Host[at]
		}
	}
}

// say lets an answer on a stream arrive, in order.
func (c *Conn) say(said []byte, a *Answers) {
	now := c.driver.World.now
	at := max(now+a.Delay, c.lastSaid)
	pieces := max(a.Pieces, 1)
	for i := range pieces {
		part := said[i*len(said)/pieces : (i+1)*len(said)/pieces]
		if len(part) == 0 {
			continue
		}
		c.later(at-now, Arrival{Kind: engine.Data, Data: part})
		c.lastSaid = at
		at += 20_000
	}
}

// answerDatagram says what the peer answers to a datagram.
func (c *Conn) answerDatagram(p []byte) {
	a, random := &c.Script.Answers, c.driver.World.Random
	c.toEcho = 0
	if a.Until > 0 && c.Packets > a.Until || !a.Echo && a.Any == nil || a.Lose > 0 && random.IntN(a.Lose) == 0 {
		return
	}
	said := append([]byte(nil), p...)
	if !a.Echo {
		said = a.Any
	} else {
		host := c.Script.Host
		if a.MoveAt > 0 && c.Packets >= a.MoveAt || c.forgot {
			host = "moved"
		}
		clear(said[:helloSize])
		copy(said, host)
	}
	delay := a.Delay
	if a.Jitter > 0 {
		delay += random.Int64N(a.Jitter)
	}
	c.later(delay, Arrival{Kind: engine.Data, Data: said})
	if a.Twice > 0 && random.IntN(a.Twice) == 0 {
		c.later(delay+a.Jitter, Arrival{Kind: engine.Data, Data: said})
	}
}

// shut takes note that this side sends nothing more.
func (c *Conn) shut() {
	c.HasShut = true
	if !c.Script.Answers.NoFIN {
		now := c.driver.World.now
		c.later(max(c.lastSaid-now, 0)+c.Script.Answers.Delay, Arrival{Kind: engine.Ended})
	}
}
