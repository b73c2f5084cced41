package packets

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/timers"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

const (
	// sendsPerTurn bounds what is sent between two looks at what has arrived, so that the answers find room.
	sendsPerTurn = 512
	// expiriesPerTurn bounds how long what is due can keep the loop from seeing, and timing, what has happened meanwhile.
	expiriesPerTurn = 64
)

// driver carries the connections of one core. It implements engine.Driver, and the loop's handler.
type driver struct {
	*call
	share int // this one of the call's
	ends  []*end
	core  *engine.Core
	on    *loop.Loop
	loop  *loop.Attachment // there
	turns turns
	full  map[pair]uint64 // sources with no port left: when that was found, by link.freed

	conns  conns
	flows  flows
	kept   map[connID][]byte // what has been sent and not been acknowledged, or is about to be sent
	early  early             // what has arrived before its turn
	dirty  []connID
	timers timers.Timers // of the rules, by key
	alarms alarms        // of TCP, by connection
	fresh  []connID      // UDP, which is connected at once
	errors engine.CallErrors
	header []byte

	finished  bool
	lingering int           // connections that the core has closed and the peer has not
	idleSince int64         // when one of them ended last
	quiet     chan struct{} // closed by endIfQuiet
}

// newDriver returns one of a call's drivers.
func newDriver(c *call, share int) *driver {
	d := &driver{call: c, share: share, conns: newConns(), kept: map[connID][]byte{}, full: map[pair]uint64{}, errors: engine.CallErrors{}, quiet: make(chan struct{})}
	d.flows.hash = d.hashOf
	if j := c.job; j.Plan.Keeps {
		n := j.Plan.Connections
		if c.shares > 1 { // which may get more than its part
			n = n / int64(c.shares) * 5 / 4
		}
		d.flows.reserve(n)
		d.conns.known.Reserve(n)
	}
	return d
}

// end is where the connections to a target are sent.
func (d *driver) end(to *target) *end { return to.link.ends[d.share] }

// hashOf is the hash of a connection's 5-tuple.
func (d *driver) hashOf(id connID) uint64 {
	to := d.to(id)
	return tupleOf(d.localTo(id, to), to.addr).hash
}

// number is a connection's number in the job, which tells its source address and target.
func (d *driver) number(id connID) uint32 {
	if id.lingers() {
		return d.conns.lingerers.at(id.index()).number
	}
	return d.core.Number(id.index())
}

func (d *driver) to(id connID) *target { return &d.targets[d.job.TargetOf(int64(d.number(id)))] }

// local is a connection's own address.
func (d *driver) local(id connID) netip.AddrPort { return d.localTo(id, d.to(id)) }

func (d *driver) localTo(id connID, to *target) netip.AddrPort {
	return netip.AddrPortFrom(d.source(uint64(d.number(id)), to), d.conns.port(id))
}

// find returns the connection with a 5-tuple.
func (d *driver) find(t *tuple) (id connID, ok bool) {
	return d.flows.find(t.hash, func(id connID) bool {
		if d.conns.port(id) != t.local.Port() {
			return false
		}
		to := d.to(id)
		return to.addr == t.remote && d.source(uint64(d.number(id)), to) == t.local.Addr()
	})
}

func (d *driver) fault(call string, errno syscall.Errno) engine.Fault {
	return engine.Fault{Class: class.OfCall(call, errno), Err: d.errors.Of(call, errno)}
}

// Dial implements engine.Driver.
func (d *driver) Dial(key uint32, number int64) (at int64, fault engine.Fault) {
	to := &d.targets[d.job.TargetOf(number)]
	if to.fault.Class != class.None {
		return loop.Now(), to.fault
	}
	own, fault := d.choose(uint64(number), to) // #nosec G115 -- connections count from 0
	if fault.Class != class.None {
		return loop.Now(), fault
	}
	at = loop.Now()
	id, c := d.conns.add(key, own.local.Port())
	d.flows.add(id, own.hash)
	if d.datagram {
		d.fresh = append(d.fresh, id)
		return at, engine.Fault{}
	}
	const tick = 4096                                    // ns; RFC 6528 has 4 µs
	c.Open(uint32(at/tick)+uint32(own.hash>>32), to.mss) // #nosec G115 -- modulo 2^32
	d.touch(id, c)
	return at, engine.Fault{}
}

// choose returns the 5-tuple of a new connection. A port of the driver's choice is one that is not in use; one in TIME-WAIT comes last, as
// its next connection has a higher sequence number (RFC 6191).
func (d *driver) choose(number uint64, to *target) (t tuple, fault engine.Fault) {
	addr := d.source(number, to)
	if fixed := d.job.Plan.Sources.At(number).Port(); fixed != 0 {
		t = tupleOf(netip.AddrPortFrom(addr, fixed), to.addr)
		if !d.occupy(&t, to, true) {
			return t, engine.Fault{Class: class.AddrInUse, Err: d.errors.Of("connect", unix.EADDRINUSE)}
		}
		return t, engine.Fault{}
	}
	here := pair{addr, to}
	freed := to.link.freed()
	if before, full := d.full[here]; full && before == freed { // all ports were looked at, in vain
		return t, engine.Fault{Class: class.AddrNotAvailable, Err: d.errors.Of("connect", unix.EADDRNOTAVAIL)}
	}
	eager := 16 * uint64(d.call.ends) // #nosec G115 -- few; tries, before TIME-WAIT is cut short
	first := d.shift + d.stride*d.turns.of(number, d.sources())
	for try := range countPorts(d.chosen) {
		t = tupleOf(netip.AddrPortFrom(addr, portAt(d.chosen, first+try)), to.addr)
		if t.owner(d.call.ends) != d.share {
			continue
		}
		if d.occupy(&t, to, try >= eager) {
			return t, engine.Fault{}
		}
	}
	d.full[here] = freed
	return t, engine.Fault{Class: class.AddrNotAvailable, Err: d.errors.Of("connect", unix.EADDRNOTAVAIL)}
}

// pair is a source and where it connects to.
type pair struct {
	source netip.Addr
	to     *target
}

// occupy takes a 5-tuple, if no connection of any call has it. If it is wanted so much, it is taken from one in TIME-WAIT at this end.
func (d *driver) occupy(t *tuple, to *target, wanted bool) bool {
	e := d.end(to)
	return e.isFree(t, d.datagram, wanted) && d.claim(e, t)
}

// noteFree notes that somebody else may have a connection's 5-tuple.
func (d *driver) noteFree(id connID) { d.end(d.to(id)).freed.Add(1) }

// Send implements engine.Driver.
func (d *driver) Send(key uint32, p []byte) (n int, at int64, fault engine.Fault) {
	id := idOf(key)
	c := d.conns.at(id)
	at = loop.Now()
	if d.datagram {
		return d.sendDatagram(id, p), at, engine.Fault{}
	}
	n = min(len(p), c.Room(len(d.kept[id])))
	if n > 0 {
		d.keep(id, p[:n])
		d.touch(id, c)
	}
	if n < len(p) {
		c.marks |= writing
		c.Starve(at)
		d.setAlarm(id, c, at)
	}
	return n, at, engine.Fault{}
}

func (d *driver) sendDatagram(id connID, p []byte) (n int) {
	to := d.to(id)
	e := d.end(to)
	frame := e.queue.Buffer()
	if frame == nil || len(p) > to.most {
		return 0
	}
	local := d.local(id)
	e.commit(wire.PutUDP(frame, &to.path, local.Addr(), to.addr.Addr(), &wire.UDP{SrcPort: local.Port(), DstPort: to.addr.Port(), Payload: p}))
	return len(p)
}

// Shut implements engine.Driver.
func (d *driver) Shut(key uint32) {
	id := idOf(key)
	c := d.conns.at(id)
	c.Shut()
	d.touch(id, c)
}

// Deadline implements engine.Driver.
func (d *driver) Deadline(key uint32, at int64) { d.timers.Set(key, at) }

// Handshake implements engine.Driver.
func (d *driver) Handshake(key uint32) engine.Handshake {
	c := d.conns.at(idOf(key))
	return engine.Handshake{RTT: c.RTT(), Retransmits: c.Retransmits()}
}

// Local implements engine.Driver.
func (d *driver) Local(key uint32) netip.AddrPort { return d.local(idOf(key)) }

// Close implements engine.Driver.
func (d *driver) Close(key uint32, reset bool) {
	id := idOf(key)
	c := d.conns.copy(key)
	d.timers.Set(key, never)
	if reset {
		d.abort(id, &c)
	}
	c.Shut()
	if !d.datagram && (c.Lingers() || c.State() == tcp.TimeWait) {
		d.linger(id, &c)
		return
	}
	d.forget(id)
}

// linger keeps a connection until the peer has closed its side, too, and for TIME-WAIT.
func (d *driver) linger(before connID, c *conn) {
	id, l := d.conns.linger(c, d.number(before))
	d.flows.rename(before, id, d.hashOf(before))
	if kept, some := d.kept[before]; some {
		d.kept[id] = kept
		delete(d.kept, before)
	}
	d.early.forget(before)
	d.conns.remove(before)
	if l.Lingers() {
		d.lingering++
	} else {
		d.noteFree(id)
	}
	d.touch(id, l)
}

// abort ends a connection with a RST. If that can't be sent now, the peer gets it for its next segment.
func (d *driver) abort(id connID, c *conn) {
	if rst, ok := c.Abort(); ok {
		d.transmit(id, &rst)
	}
}

// forget removes a connection.
func (d *driver) forget(id connID) {
	hash := d.hashOf(id)
	d.flows.remove(id, hash)
	d.giveUp(d.end(d.to(id)), hash)
	d.noteFree(id)
	d.conns.remove(id)
	delete(d.kept, id)
	d.early.forget(id)
}
