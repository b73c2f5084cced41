package epoll

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/timers"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

const (
	// expiriesPerTurn bounds how long what is due can keep the loop from seeing, and timing, what has happened meanwhile.
	expiriesPerTurn = 64
	// againNs is after how long a deadline is looked at again while there is something to read, which may have come before it.
	againNs = 1e6
	// mostLooks is how often that is done: a peer may talk all the time.
	mostLooks = 100
)

// driver carries the connections of one core on one loop. It implements engine.Driver, and the loop's handler.
type driver struct {
	job  *engine.Job
	core *engine.Core
	loop *loop.Attachment

	targets   []endpoint
	datagram  bool
	ephemeral *ephemeral
	inTurn    bool   // connections get local ports in turn
	socks     []sock // by key
	timers    timers.Timers
	ready     []uint32 // keys that are read once more in the next turn
	rereads   []uint32 // the same, of this turn
	fresh     []uint32 // UDP, which is connected at once
	errors    engine.CallErrors
	clock     int64 // when something was sent last
	header    []byte
}

// sock is the socket of a connection.
type sock struct {
	fd             int32
	life           uint32 // raised by each dial and close: whoever calls the core sees by it whether the connection is still the same
	connected      bool
	again          bool  // in ready
	writing        bool  // Send took less than it was given
	maySelfConnect bool  // it may be connected to itself
	looks          uint8 // at the deadline, in vain
	tooLarge       uint8 // times that the network has said so of a datagram
}

// mostTooLarge is how often the network may say of a flow that a datagram was too large: a path may have several links, each with a smaller
// MTU than the one before.
const mostTooLarge = 8

// endpoint is a target as the kernel wants it.
type endpoint struct {
	addr           sys.Addr
	family         int
	addrPort       netip.AddrPort // the same, unmapped and without a zone, as sockets have their own addresses
	maySelfConnect bool           // a socket that connects to it may have its port, and be connected to itself
	far            bool           // not a loopback address
}

func newDriver(j *engine.Job, ports *ephemeral, targets []endpoint) *driver {
	d := &driver{job: j, datagram: j.Plan.Protocol == "udp", targets: targets, errors: engine.CallErrors{}, ephemeral: ports}
	d.inTurn = !d.datagram && ports.suit(&j.Plan.Sources)
	return d
}

// endpoints are a job's targets, for all its drivers: there may be tens of thousands.
func endpoints(j *engine.Job, ports *ephemeral) []endpoint {
	list := make([]endpoint, len(j.Plan.Targets))
	for i := range list {
		to := j.Plan.Targets[i].Addr
		addr := sys.NewAddr(to)
		list[i] = endpoint{
			addr: addr, family: addr.Family(), addrPort: netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port()),
			maySelfConnect: maySelfConnect(j, ports, to.Port()), far: !to.Addr().IsLoopback(),
		}
	}
	return list
}

func (d *driver) fault(call string, errno syscall.Errno) engine.Fault {
	return engine.Fault{Class: class.OfErrno(errno), Err: d.errors.Of(call, errno)}
}

// faultOf is fault for a socket, which may know the ICMP message that is behind it.
func (d *driver) faultOf(s *sock, call string, errno syscall.Errno) engine.Fault {
	fault := d.fault(call, errno)
	if errno == unix.ECONNRESET || errno == unix.EPIPE {
		return fault
	}
	if told, ok := sys.ICMPError(int(s.fd)); ok {
		if told.Prohibited() {
			fault.Class = class.Blocked
		}
		fault.Err = icmp.Error{Err: fault.Err, From: told.From, Kind: icmp.Kind(told.V6, told.Type, told.Code)}
	}
	return fault
}

// Send implements engine.Driver.
func (d *driver) Send(key uint32, p []byte) (n int, at int64, fault engine.Fault) {
	s := &d.socks[key]
	n, errno := sys.Write(int(s.fd), p)
	if errno == unix.EMSGSIZE && d.datagram {
		n, errno = sys.Write(int(s.fd), p) // the error was of one before
	}
	at = loop.Now()
	d.clock = at
	if isFull := errno == unix.EAGAIN || errno == unix.ENOBUFS && d.datagram; errno != sys.OK && !isFull {
		return 0, at, d.faultOf(s, "write", errno)
	}
	s.writing = n < len(p) && !d.datagram
	return n, at, engine.Fault{}
}

// Shut implements engine.Driver.
func (d *driver) Shut(key uint32) {
	_ = unix.Shutdown(int(d.socks[key].fd), unix.SHUT_WR) // fails only where the connection has, which an event tells
}

// Deadline implements engine.Driver.
func (d *driver) Deadline(key uint32, at int64) { d.timers.Set(key, at) }

// Handshake implements engine.Driver.
func (d *driver) Handshake(key uint32) engine.Handshake {
	if d.datagram {
		return engine.Handshake{}
	}
	info := sys.TCPInfo(int(d.socks[key].fd))
	return engine.Handshake{RTT: info.RTT, Retransmits: info.Retransmits}
}

// Local implements engine.Driver.
func (d *driver) Local(key uint32) netip.AddrPort { return sys.Local(int(d.socks[key].fd)) }

// Close implements engine.Driver.
func (d *driver) Close(key uint32, reset bool) {
	s := &d.socks[key]
	if reset && !d.datagram {
		_ = sys.ResetOnClose(int(s.fd))
	}
	d.loop.Close(int(s.fd))
	d.timers.Set(key, engine.Never)
	s.fd = -1
	s.life++
}

// Ready implements loop.Handler.
func (d *driver) Ready(key uint32, events loop.Events) {
	s := &d.socks[key]
	life := s.life
	if !s.connected {
		d.dialed(key, s, events)
		if d.socks[key].life != life || !d.socks[key].connected {
			return
		}
	} else if events&loop.Writable != 0 && s.writing {
		s.writing = false
		d.core.Handle(&engine.Event{Key: key, Kind: engine.Writable, At: d.loop.Now()})
		if d.socks[key].life != life {
			return
		}
	}
	const ends = loop.PeerDone | loop.HungUp | loop.Failed
	if events&(loop.Readable|ends) != 0 {
		d.read(key, events&ends != 0)
	}
}

// read reads once. Events are told only once, so if there may be more, it reads again in the next turn.
func (d *driver) read(key uint32, ends bool) {
	s := &d.socks[key]
	buffer := d.loop.Buffer()
	n, errno := sys.Read(int(s.fd), buffer)
	e := engine.Event{Key: key, At: d.loop.Now()}
	if e.At == d.core.Conn(key).Since {
		e.At = loop.Now() // it came with the handshake's end: this is as early as it can be known
	}
	switch {
	case errno == unix.EAGAIN:
		if ends && d.datagram {
			_, _ = sys.ICMPError(int(s.fd)) // of several messages, only one is told: the others would keep the socket ready
		}
		return
	case errno == unix.EMSGSIZE && s.tooLarge < mostTooLarge:
		s.tooLarge++
		_, _ = sys.ICMPError(int(s.fd)) // the kernel keeps only so many
		e.Kind = engine.TooLarge
	case errno != sys.OK:
		e.Kind, e.Fault = engine.Ended, d.faultOf(s, "read", errno)
	case n == 0 && !d.datagram:
		e.Kind = engine.Ended
	default:
		e.Kind, e.Data = engine.Data, buffer[:n]
	}
	if e.Kind == engine.Data && !d.datagram && (ends || n == len(buffer)) {
		d.again(key, s)
	}
	d.core.Handle(&e)
}

func (d *driver) again(key uint32, s *sock) {
	if !s.again {
		s.again = true
		d.ready = append(d.ready, key)
	}
}

// Tick implements loop.Handler: whatever time or the last events have made due.
func (d *driver) Tick(now int64) (wake int64) {
	d.readAgain()
	more := d.expire()
	d.core.CheckTime(now, d.loop.Seen())
	wake = d.core.Turn(now, d.loop.Seen())
	if d.connectDatagrams() || more || len(d.ready) > 0 {
		return now
	}
	return min(wake, d.timers.Next())
}

func (d *driver) readAgain() {
	d.ready, d.rereads = d.rereads[:0], d.ready
	for _, key := range d.rereads {
		if s := &d.socks[key]; s.again && s.fd >= 0 {
			s.again = false
			d.read(key, true)
		}
	}
}

// expire reports deadlines that have passed before all that arrived before them had been seen. It returns whether there are more.
func (d *driver) expire() (more bool) {
	seen := d.loop.Seen()
	for range expiriesPerTurn {
		key, ok := d.timers.Expired(seen)
		if !ok {
			return false
		}
		s := &d.socks[key]
		if s.again && s.looks < mostLooks {
			s.looks++
			d.timers.Set(key, seen+againNs)
			continue
		}
		s.looks = 0
		d.core.Handle(&engine.Event{Key: key, Kind: engine.Expired, At: seen})
	}
	return true
}
