package engine

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// batchSize is how many outcomes travel together. Small calls get by with less.
const batchSize = 256

// Core makes a share of a job's connections. It has lanes, which bound how many are begun at once: a connection takes one when it is dialed,
// and leaves it when it ends, or when the rules keep it.
type Core struct {
	job    *Job
	driver Driver
	rules  Rules
	hooks  Hooks

	conns   slab
	lanes   int // that are free
	dialing int // connections that are being dialed
	open    int64
	openings

	delta delta
	batch Batch[Outcome]

	redials redials // of connections that are to be made again
	starved []Claim // that wait for a descriptor
	retryAt int64   // when to ask for one again

	stopped   bool // dials no more, because it was told so
	exhausted bool // dials no more, because nothing is left
	over      bool // the job's duration is
	late      bool // the job's time is up
	settled   bool // the hook has been called
	finished  bool // likewise
}

// Hooks are called once each, from Turn.
type Hooks struct {
	Settled  func() // when nothing is left to dial, and nothing is being dialed
	Finished func() // when, besides, no connection is open: no call of the driver follows
}

// NewCore returns a core that dials at most lanes connections at once.
func NewCore(j *Job, d Driver, lanes int, rules NewRules, hooks Hooks) *Core {
	c := &Core{job: j, driver: d, conns: newSlab(), lanes: lanes, hooks: hooks, batch: j.Outcomes.NewBatch(int(min(batchSize, j.Plan.Connections)))}
	if j.Plan.Keeps {
		c.conns.reserve(j.Plan.Connections)
	}
	c.look = j.looks.join()
	c.rules = rules(c)
	return c
}

// Job returns the job.
func (c *Core) Job() *Job { return c.job }

// Conn returns the connection of a key, valid until that is ended, and at most until the next Turn.
func (c *Core) Conn(key uint32) *Conn { return c.conns.at(key) }

// Number returns the number in the job of the connection of a key. Other than [Core.Conn], it does not wake a connection.
func (c *Core) Number(key uint32) uint32 { return c.conns.number(key) }

// Received returns how many bytes have come on the connection of a key.
func (c *Core) Received(key uint32) int64 { return c.conns.received(key) }

// Outgoing returns what the connection of a key sends, valid until that is ended.
func (c *Core) Outgoing(key uint32) *Outgoing { return c.conns.outgoingAt(key) }

// Handle takes an event of a connection that has not been closed.
func (c *Core) Handle(e *Event) {
	conn := c.conns.at(e.Key)
	if conn.phase.isDialing() {
		c.dialed(conn, e)
		return
	}
	switch e.Kind {
	case Data:
		c.conns.receive(e.Key, len(e.Data))
		c.rules.Data(e.Key, e.Data, e.At)
	case Writable:
		c.rules.Writable(e.Key, e.At)
	case TooLarge:
		if r, resends := c.rules.(Resender); resends {
			r.TooLarge(e.Key, e.At)
		}
	case Ended:
		c.rules.Ended(e.Key, e.Fault, e.At)
	case Expired:
		c.rules.Expired(e.Key, e.At)
	case Connected: // once only
	}
}

// Turn does what time, or the last events, have made due: now is the time, seen that up to which all events have been handled. It
// returns when it wants to be called again at the latest.
func (c *Core) Turn(now, seen int64) (wake int64) {
	if c.finished {
		return Never
	}
	wake = c.dialDue(now)
	wake = min(wake, c.rules.Turn(now))
	c.count(seen)
	wake = min(wake, c.settle(now))
	if c.job.Plan.Keeps {
		wake = min(wake, c.conns.conns.RestSome(now))
	}
	if c.dialedAll() && c.conns.open() == 0 {
		c.finish(now)
		return Never
	}
	return min(wake, c.batch.DeliverDue(now, false), c.nextLimit())
}

// CheckTime ends what the job's duration or its timeout ends: now is the time, seen that up to which all events have been handled. Turn
// must follow.
func (c *Core) CheckTime(now, seen int64) {
	if c.finished {
		return
	}
	c.count(seen)
	timeUp := seen >= c.job.deadline && !c.late
	if timeUp && c.job.deadline < c.job.until { // after a pause, what came first counts
		c.stopDialing(now, class.Timeout)
	}
	if seen >= c.job.until && !c.over {
		c.over = true
		c.stopDialing(now, c.job.Plan.Late)
		c.rules.Stop(now, class.None)
	}
	if timeUp {
		c.late = true
		c.stopDialing(now, class.Timeout)
		c.rules.TimeUp(now)
	}
}

// nextLimit is when CheckTime has something to do.
func (c *Core) nextLimit() int64 {
	limit := int64(Never)
	if !c.over {
		limit = c.job.until
	}
	if !c.late {
		limit = min(limit, c.job.deadline)
	}
	return limit
}

func (c *Core) count(seen int64) {
	c.job.count(&c.delta)
	c.countSeen(seen)
}

// settle tells that nothing is dialed any more, once. It returns when it wants to be called again at the latest: whoever is told finds
// all connections that are established counted as such.
func (c *Core) settle(now int64) (wake int64) {
	switch {
	case c.settled || c.dialing > 0 || !c.dialedAll():
		return Never
	case c.told < c.open:
		return c.nextLook(now)
	}
	c.settled = true
	c.batch.deliver()
	c.hooks.Settled()
	return Never
}

func (c *Core) finish(now int64) {
	c.finished = true
	c.look.Store(Never)
	c.batch.deliver()
	c.job.end(now)
	c.hooks.Finished()
}

// Stop dials no more, ends what is being dialed with a class, and has the rules end what is established. Turn must follow.
func (c *Core) Stop(now int64, dialing, established class.Class) {
	if c.finished {
		return
	}
	c.countOpen()
	c.stopDialing(now, dialing)
	c.rules.Stop(now, established)
}

// Stopped reports whether the core dials no more, because it was told so.
func (c *Core) Stopped() bool { return c.stopped }

// Send sends on a connection; see [Driver].
func (c *Core) Send(key uint32, p []byte) (n int, at int64, fault Fault) {
	n, at, fault = c.driver.Send(key, p)
	if n > 0 {
		c.conns.outgoingAt(key).Sent += int64(n)
	}
	return n, at, fault
}

// Deadline sets the deadline of a connection; see [Driver].
func (c *Core) Deadline(key uint32, at int64) { c.driver.Deadline(key, at) }

// Shut ends the sending side of a connection; see [Driver].
func (c *Core) Shut(key uint32) { c.driver.Shut(key) }

// Local returns the own address of a connection; see [Driver].
func (c *Core) Local(key uint32) netip.AddrPort { return c.driver.Local(key) }

// Retransmits returns how many segments of an established connection were sent again after its handshake.
func (c *Core) Retransmits(key uint32) uint32 {
	now, before := c.driver.Handshake(key).Retransmits, uint32(c.conns.at(key).retransmits)
	return max(now, before) - before
}

// Open returns how many connections are being dialed or established.
func (c *Core) Open() int { return c.conns.open() }

// Each calls do for every established connection; do may end connections.
func (c *Core) Each(do func(key uint32)) { c.conns.each(phase.isEstablished, do) }

// LeaveLane makes room for another connection to be dialed while this one is kept.
func (c *Core) LeaveLane(key uint32) { c.leaveLane(c.conns.at(key)) }

func (c *Core) leaveLane(conn *Conn) {
	switch conn.phase {
	case settling:
		conn.phase = established
		c.lanes++
	case dialing: // which is over
		c.lanes++
	case unused, established:
	}
}

// Complete ends a connection that did all that was asked of it, and returns its record, to be filled in at once.
func (c *Core) Complete(key uint32, now int64) *Outcome {
	c.delta.completed++
	return c.end(key, now)
}

// PeerClosed ends a connection that was kept, and that the peer has closed, or reset if the fault says so.
func (c *Core) PeerClosed(key uint32, now int64, fault Fault) *Outcome {
	c.delta.closed++
	o := c.end(key, now)
	o.Closed, o.Class, o.Err = true, fault.Class, fault.Err
	return o
}

// Fail ends an established connection as an error, and returns its record.
func (c *Core) Fail(key uint32, now int64, fault Fault) *Outcome {
	c.delta.errors++
	o := c.end(key, now)
	o.Class, o.Err = fault.Class, fault.Err
	return o
}

// end closes a connection and returns its record.
func (c *Core) end(key uint32, now int64) *Outcome {
	conn := c.conns.at(key)
	if conn.phase.isDialing() {
		c.dialing--
	} else {
		c.open--
	}
	c.driver.Close(key, conn.phase.isEstablished() && c.job.Plan.Reset)
	c.leaveLane(conn)
	o := c.report(key, now)
	c.conns.remove(key)
	return o
}

// Report makes a record of something that happened to an established connection.
func (c *Core) Report(key uint32, now int64, news News) *Outcome {
	o := c.report(key, now)
	o.Event = news
	return o
}

func (c *Core) report(key uint32, now int64) *Outcome {
	conn := c.conns.at(key)
	o := c.record(conn.Claim(), now)
	if conn.phase.isEstablished() {
		o.Connected, o.Connect = true, time.Duration(conn.Since-conn.Planned)
	}
	o.RTT = time.Duration(conn.rtt) * time.Microsecond
	o.SYNRetransmits = int64(conn.retransmits)
	o.Sent, o.Received = c.conns.sent(key), c.conns.received(key)
	return o
}

// record makes room for an outcome in the batch.
func (c *Core) record(claim Claim, now int64) *Outcome {
	o := c.batch.Add(now)
	*o = Outcome{Number: claim.Number, Planned: c.job.Since(claim.Planned), At: c.job.Since(now)}
	return o
}
