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
	Open  map[uint32]*Conn // by key

	// Script says what is to happen to a connection.
	Script func(number int64) *Script
	// Dialed, if set, is told of each connection that is dialed.
	Dialed func(c *Conn)

	Settled, Finished bool
	// Dialing and Established are how many connections are open.
	Dialing, Established int64
	Lanes                int
	Seen                 int64 // all that had arrived by then has been told
	More                 bool  // there are more arrivals or deadlines than one look takes
	NoDescriptor         int   // dials that found none
	Dirty                bool  // the core was stopped, and has not been called since
	Phase                Phase // what the driver is doing

	conns  []*Conn // by key
	timers timers.Timers
	inbox  []delivery
	lookAt int64
	// checkedTo is the time that the core has been told of last.
	checkedTo int64
	ports     uint16
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
	arrival Arrival
}

// Start makes a driver with a core of its own, which begins at once.
func (w *World) Start(j *engine.Job, lanes int, rules engine.NewRules, script func(number int64) *Script) *Driver {
	d := &Driver{World: w, Job: j, Open: map[uint32]*Conn{}, Script: script, lookAt: Never, Lanes: lanes}
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
	d.World.Looks++
	d.Phase, d.Dirty = Delivering, false
	taken := min(len(d.inbox), mostEvents)
	for _, got := range d.inbox[:taken] {
		d.deliver(got.conn, got.arrival)
	}
	d.inbox = append(d.inbox[:0], d.inbox[taken:]...)
	more := len(d.inbox) > 0
	if !more {
		d.Seen = now
		d.Phase = Expiring
		more = d.expire()
	}
	d.More, d.Phase, d.checkedTo = more, CheckingTime, d.Seen
	d.Core.CheckTime(now, d.Seen)
	d.Phase = Dialing
	wake := d.Core.Turn(now, d.Seen)
	d.Phase = Idle
	if more {
		wake = now
	}
	if d.World.Check != nil {
		if err := d.World.Check(d); err != nil {
			d.World.fail(err)
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
func (d *Driver) deliver(c *Conn, a Arrival) {
	if c.IsClosed {
		return
	}
	if c.told(a, d.World.now) {
		d.Core.Handle(&engine.Event{Key: c.Key, Kind: a.Kind, At: d.World.now, Fault: a.Fault, Data: a.Data})
	}
}

// Dial implements engine.Driver.
func (d *Driver) Dial(key uint32, number int64) (at int64, fault engine.Fault) {
	w := d.World
	if w.Descriptors == 0 {
		d.NoDescriptor++
		return w.now, engine.Fault{Class: class.FDLimit, Err: errors.New("socket: too many open files")}
	}
	w.Connections++
	c := &Conn{driver: d, Key: key, Number: number, Script: d.Script(number), Dialed: w.now}
	if d.Dialed != nil {
		d.Dialed(c)
	}
	if c.Script.Launch != class.None {
		c.DialFault, c.Ended, c.EndedIn, c.IsClosed = c.Script.Launch, w.now, d.Phase, true
		return w.now, engine.Fault{Class: c.Script.Launch, Err: errLaunch}
	}
	w.Descriptors--
	for int(key) >= len(d.conns) {
		d.conns = append(d.conns, nil)
	}
	if old := d.conns[key]; old != nil && !old.IsClosed {
		w.fail(fmt.Errorf("key %d is dialed although it is in use", key))
	}
	d.ports++
	c.Local = netip.AddrPortFrom(netip.IPv6LinkLocalAllNodes(), d.ports)
	d.conns[key], d.Open[key] = c, c
	d.Dialing++
	c.shakeHands()
	return w.now, engine.Fault{}
}

var errLaunch = errors.New("connect: cannot")

// conn is the connection of a key, which must be open.
func (d *Driver) conn(key uint32, doing string) *Conn {
	c := d.conns[key]
	if c.IsClosed {
		d.World.fail(fmt.Errorf("%s on connection %d, which is closed", doing, c.Number))
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
	if reset && !c.Job().Plan.Reset {
		d.World.fail(fmt.Errorf("connection %d is reset, which the plan does not want", c.Number))
	}
	c.IsClosed, c.Ended, c.EndedIn, c.CheckedTo = true, d.World.now, d.Phase, d.checkedTo
	d.World.Descriptors++
	delete(d.Open, key)
	if c.Established != 0 {
		d.Established--
	} else {
		d.Dialing--
	}
	d.timers.Set(key, Never)
}
