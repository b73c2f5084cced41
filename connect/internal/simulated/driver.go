package simulated

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/timers"
)

// Driver carries the connections of one core. It implements engine.Driver.
type Driver struct {
	World *World
	Core  *engine.Core
	Job   *engine.Job

	// Script says what is to happen to a connection.
	Script func(number int64, s *Script)
	// Dialed is told of each connection that is dialed.
	Dialed func(c *Conn)
	// Closed is told of each that is over.
	Closed func(c *Conn)
	// Answered is told of each answer without Echo; nil is nobody.
	Answered func(c *Conn)
	// Starved is told of each that could not be dialed, as there was no descriptor.
	Starved func(number int64)
	// Holding says how many connections of the job are open, and how many of these have a descriptor.
	Holding func() (open, holding int64)

	OneRead         bool // a connection is read once a look, as epoll does
	LateDescriptors bool // a lack of descriptors is told later, as package net does
	SamePorts       bool // connections of the same number have the same port
	Ups             *Ups // may be shared; nil is the world's

	Settled, Finished bool
	// Dialing and Established are how many connections are open.
	Dialing, Established int64
	Lanes                int
	Seen                 int64 // all that had arrived by then has been told
	More                 bool  // there are more arrivals or deadlines than one look takes
	StarvedAt            int64 // when the core was told last that there is no descriptor
	Dials                int   // in this look
	Dirty                bool  // the core was stopped, and has not been called since
	Phase                Phase // what the driver is doing
	Echoes               int64 // so far
	EchoTimes            int64 // the sum of when they came, since the start
	RoundTrips           int64 // and of how long they took
	Begun                int64 // the test's own

	datagram bool
	conns    []*Conn // by key
	timers   timers.Timers
	inbox    []delivery
	lookAt   int64
	looked   uint64 // how often
	seenThen int64  // Seen, as the core knows it
	ports    uint16
}

// Phase is what a driver is doing when it calls the core.
type Phase uint8

// The phases, in the order in which a look goes through them; Stopping comes from outside.
const (
	Idle Phase = iota
	Delivering
	Expiring
	CheckingTime
	Dialing
	Stopping
)

// delivery is what has arrived on a connection, and has not been looked at.
type delivery struct {
	conn    *Conn
	arrival arrival
}

// Start makes a driver with a core of its own, which begins at once.
func (w *World) Start(j *engine.Job, lanes int, rules engine.NewRules, script func(number int64, s *Script)) *Driver {
	d := &Driver{World: w, Job: j, Script: script, lookAt: Never, Lanes: lanes, datagram: j.Plan.Protocol == "udp", StarvedAt: -Never}
	w.open++
	d.Core = engine.NewCore(j, d, lanes, rules, engine.Hooks{
		Settled: func() { d.Settled = true },
		Finished: func() {
			d.Finished = true
			w.open--
		},
	})
	d.look(w.now)
	return d
}

// Stop stops the core, as a call does that is ended from outside.
func (d *Driver) Stop(dialing, established class.Class) {
	if !d.Finished {
		d.Phase = Stopping
		d.Core.Stop(d.World.now, dialing, established)
		d.Phase, d.Dirty = Idle, true
		d.look(d.World.now)
	}
}

// look makes the process look what there is, at an instant at the latest.
func (d *Driver) look(at int64) {
	at = max(at, d.World.now, d.World.paused)
	if d.Finished || at == Never || at >= d.lookAt {
		return
	}
	d.lookAt = at
	d.World.push(at, happening{driver: d})
}

// looks makes the process look, unless it is paused or has looked already.
func (d *Driver) looks(at int64) {
	if d.lookAt != at || d.Finished {
		return
	}
	d.lookAt = Never
	if d.World.paused > at {
		d.look(d.World.paused)
		return
	}
	d.turn()
}

const (
	// mostEvents is how many arrivals one look takes.
	mostEvents = 32
	// mostExpiries is how many deadlines one look takes.
	mostExpiries = 64
	// moment is how long a look takes.
	moment = 1000
)

// turn is one look.
func (d *Driver) turn() {
	now := d.World.now
	d.looked++
	d.Phase, d.Dirty, d.Dials = Delivering, false, 0
	taken := min(len(d.inbox), mostEvents)
	kept := 0
	for _, got := range d.inbox[:taken] {
		if d.OneRead && got.conn.readIn == d.looked { // what it has is read in the next look
			d.inbox[kept] = got
			kept++
			continue
		}
		if got.arrival.kind == engine.Data {
			got.conn.readIn = d.looked
		}
		d.deliver(got.conn, got.arrival)
	}
	d.inbox = append(d.inbox[:kept], d.inbox[taken:]...)
	more := len(d.inbox) > 0
	if !more {
		d.Seen = now
		d.Phase = Expiring
		more = d.expire()
	}
	d.More, d.Phase, d.seenThen = more, CheckingTime, d.Seen
	d.Core.CheckTime(now, d.Seen)
	d.Phase = Dialing
	wake := d.Core.Turn(now, d.Seen)
	d.Phase = Idle
	if more {
		wake = now
	}
	if d.World.Check != nil {
		if err := d.World.Check(d); err != nil {
			d.World.Fail(err)
		}
	}
	if next := min(wake, d.timers.Next()); next != Never {
		d.look(max(next, now+moment))
	}
}

// expire reports deadlines that have passed; more says that there are more of them.
func (d *Driver) expire() (more bool) {
	for range mostExpiries {
		key, ok := d.timers.Expired(d.Seen)
		if !ok {
			return false
		}
		d.Core.Handle(&engine.Event{Key: key, Kind: engine.Expired, At: d.Seen})
	}
	return true
}

// deliver tells the core of what has arrived, unless the connection is closed.
func (d *Driver) deliver(c *Conn, a arrival) {
	if c.IsClosed {
		return
	}
	if c.told(&a, d.World.now) {
		d.Core.Handle(&engine.Event{Key: c.Key, Kind: a.kind, At: d.World.now, Fault: asFault(a.fault), Data: a.data})
	}
}

// starves takes note that the core is being told that a connection has no descriptor.
func (d *Driver) starves(c *Conn) {
	d.StarvedAt = d.World.now
	c.Beside, c.Holding = d.Holding()
	c.Beside--
}

// Each calls do for every connection that is open.
func (d *Driver) Each(do func(c *Conn)) {
	for _, c := range d.conns {
		if c != nil && !c.IsClosed {
			do(c)
		}
	}
}

// Dial implements engine.Driver.
func (d *Driver) Dial(key uint32, number int64) (at int64, fault engine.Fault) {
	w := d.World
	d.Dials++
	bare := w.Descriptors == 0
	if bare && !d.LateDescriptors {
		d.StarvedAt = w.now
		d.Starved(number)
		return w.now, asFault(class.FDLimit)
	}
	if !bare {
		w.Connections++
	}
	c := w.newConn()
	c.driver, c.Key, c.Number, c.Dialed, c.Bare = d, key, number, w.now, bare
	d.Script(number, &c.Script)
	d.Dialed(c)
	if c.Script.Launch != class.None && !bare {
		c.DialFault, c.Ended, c.EndedIn, c.IsClosed = c.Script.Launch, w.now, d.Phase, true
		d.Closed(c)
		return w.now, engine.Fault{Class: c.Script.Launch, Err: errLaunch}
	}
	if !bare {
		w.Descriptors--
	}
	for int(key) >= len(d.conns) {
		d.conns = append(d.conns, nil)
	}
	if old := d.conns[key]; old != nil && !old.IsClosed {
		w.Fail(fmt.Errorf("key %d is dialed although it is in use", key))
	}
	d.ports++
	if d.SamePorts {
		d.ports = uint16(number + 1) // #nosec G115 -- few connections
	}
	c.Local = netip.AddrPortFrom(netip.IPv6LinkLocalAllNodes(), d.ports)
	d.conns[key] = c
	d.Dialing++
	c.shakeHands()
	return w.now, engine.Fault{}
}

var errLaunch = errors.New("connect: cannot")

// conn is the connection of a key, which must be open.
func (d *Driver) conn(key uint32, doing string) *Conn {
	c := d.conns[key]
	if c.IsClosed {
		d.World.Fail(fmt.Errorf("%s on connection %d, which is closed", doing, c.Number))
	}
	return c
}

// Send implements engine.Driver.
func (d *Driver) Send(key uint32, p []byte) (n int, at int64, fault engine.Fault) {
	c := d.conn(key, "send")
	n, fault = c.send(p)
	return n, d.World.now, fault
}

// Shut implements engine.Driver.
func (d *Driver) Shut(key uint32) { d.conn(key, "shutdown").shut() }

// Deadline implements engine.Driver.
func (d *Driver) Deadline(key uint32, at int64) {
	d.conn(key, "deadline")
	d.timers.Set(key, at)
	d.look(at)
}

// Handshake implements engine.Driver.
func (d *Driver) Handshake(key uint32) engine.Handshake { return d.conn(key, "handshake").handshake() }

// Local implements engine.Driver.
func (d *Driver) Local(key uint32) netip.AddrPort { return d.conn(key, "local").Local }

// Close implements engine.Driver.
func (d *Driver) Close(key uint32, reset bool) {
	c := d.conn(key, "close")
	if want := d.Job.Plan.Reset && c.Established != 0; reset != want {
		d.World.Fail(fmt.Errorf("connection %d is closed with a RST: %v, but the plan wants %v", c.Number, reset, want))
	}
	c.IsClosed, c.Ended, c.EndedIn, c.SeenThen = true, d.World.now, d.Phase, d.seenThen
	if !c.Bare {
		d.World.Descriptors++
	}
	if c.Established != 0 {
		d.Established--
	} else {
		d.Dialing--
	}
	c.up(false)
	d.timers.Set(key, Never)
	d.Closed(c)
}
