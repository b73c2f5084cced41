package engine

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

const (
	// dialsPerTurn bounds how long new dials can keep the driver from seeing, and timing, what has happened meanwhile.
	dialsPerTurn = 16
	// batchSize is how many outcomes travel together. Small calls get by with less.
	batchSize = 256
	// retryNs is the pause before a descriptor is asked for again when there was none.
	retryNs = 1e6
)

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
	c := &Core{job: j, driver: d, lanes: lanes, hooks: hooks, batch: j.Outcomes.NewBatch(int(min(batchSize, j.Plan.Connections)))}
	c.look = j.looks.join()
	c.rules = rules(c)
	return c
}

// Job returns the job.
func (c *Core) Job() *Job { return c.job }

// Conn returns the connection of a key, valid until that is ended.
func (c *Core) Conn(key uint32) *Conn { return c.conns.at(key) }

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

// dialed takes the end of a dial.
func (c *Core) dialed(conn *Conn, e *Event) {
	switch e.Kind {
	case Connected:
		conn.phase, conn.Since = settling, e.At
		conn.noteHandshake(c.driver.Handshake(e.Key))
		c.dialing--
		c.open++
		c.delta.connected++
		c.driver.Deadline(e.Key, Never)
		c.rules.Connected(e.Key, e.At)
	case Expired:
		c.failDial(e.Key, e.At, Fault{class.Timeout, ReasonConnectTimeout})
	case Ended:
		if e.Fault.Class == class.FDLimit && c.descriptorsWillBeFreed(1) {
			c.putBack(e.Key, e.At)
			return
		}
		c.failDial(e.Key, e.At, e.Fault)
	case Data, Writable, TooLarge: // belong to established connections
	}
}

// putBack takes back a dial that found no descriptor.
func (c *Core) putBack(key uint32, now int64) {
	conn := c.conns.at(key)
	c.delta.started--
	c.dialing--
	c.starve(conn.Claim(), now)
	c.driver.Close(key, false)
	c.leaveLane(conn)
	c.conns.remove(key)
}

// starve keeps a claim until there may be a descriptor for it.
func (c *Core) starve(claim Claim, now int64) {
	c.starved = append(c.starved, claim)
	c.retryAt = now + retryNs
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

func (c *Core) dialedAll() bool {
	return c.stopped || c.exhausted && len(c.redials) == 0 && len(c.starved) == 0
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

func (c *Core) stopDialing(now int64, late class.Class) {
	c.stopped, c.starved, c.redials = true, nil, nil
	why := ReasonStopped
	if late == class.Timeout {
		why = ReasonTimeUp
	}
	c.conns.each(phase.isDialing, func(key uint32) { c.failDial(key, now, Fault{late, why}) })
}

// dialDue starts the connections that are due, and says when it wants to be called again.
func (c *Core) dialDue(now int64) (wake int64) {
	for range dialsPerTurn {
		if c.stopped || c.lanes == 0 {
			return Never
		}
		claim, wait, ok := c.nextClaim(now)
		if !ok {
			c.exhausted = wait == Never
			return min(wait, c.redials.first())
		}
		if now, ok = c.dial(claim, now); !ok {
			c.starve(claim, now)
			return c.retryAt
		}
	}
	return now // more may be due: come back as soon as the events that wait are handled
}

func (c *Core) nextClaim(now int64) (claim Claim, wait int64, ok bool) {
	if last := len(c.starved) - 1; last >= 0 {
		if now < c.retryAt {
			return Claim{}, c.retryAt, false
		}
		claim, c.starved = c.starved[last], c.starved[:last]
		return claim, 0, true
	}
	if c.redials.first() <= now {
		c.delta.planned++
		return c.redials.pop(), 0, true
	}
	return c.job.claim(now)
}

// dial starts a connection. It returns false if there was no descriptor for it, but will be.
func (c *Core) dial(claim Claim, now int64) (after int64, ok bool) {
	if t := &c.job.Plan.Targets[c.job.TargetOf(claim.Number)]; t.Err != nil {
		c.delta.started++
		c.reject(claim, now, Fault{t.Class, t.Err})
		return now, true
	}
	key := c.conns.put(claim)
	at, fault := c.driver.Dial(key, claim.Number)
	switch {
	case fault.Class == class.FDLimit && c.descriptorsWillBeFreed(0):
		c.conns.remove(key)
		return at, false
	case fault.Class != class.None:
		c.conns.remove(key)
		c.delta.started++
		c.reject(claim, at, fault)
	default:
		c.delta.started++
		c.lanes--
		c.dialing++
		c.driver.Deadline(key, at+int64(c.job.Plan.ConnectTimeout))
	}
	return at, true
}

// descriptorsWillBeFreed reports whether connections of this job are open that end by themselves, besides so many that have no descriptor.
func (c *Core) descriptorsWillBeFreed(besides int64) bool {
	c.job.count(&c.delta)
	s := c.job.Counters.States()
	return !c.job.Plan.Keeps && s.Dialing+s.Established > besides
}

// Redial makes a connection again at an instant. After a stop it does nothing.
func (c *Core) Redial(number, at int64) {
	if !c.stopped {
		c.redials.push(Claim{Number: number, Planned: at})
	}
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

// failDial ends a connection that could not be established.
func (c *Core) failDial(key uint32, now int64, fault Fault) {
	conn := c.conns.at(key)
	h := c.driver.Handshake(key)
	conn.noteHandshake(Handshake{Retransmits: h.Retransmits})                   // SYNs that were sent in vain
	if fault.Err == ReasonTimeUp && c.job.Plan.Protocol == "tls" && h.RTT > 0 { //nolint:errorlint // a value, not a chain
		fault.Err = ReasonTimeUpShaking
	}
	claim := conn.Claim()
	c.delta.dialErrors++
	o := c.end(key, now)
	o.Class, o.Err = fault.Class, fault.Err
	c.rules.Failed(claim, now)
}

// reject ends a connection that was never begun.
func (c *Core) reject(claim Claim, now int64, fault Fault) {
	o := c.record(claim, now)
	o.Class, o.Err = fault.Class, fault.Err
	c.delta.dialErrors++
	c.rules.Failed(claim, now)
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
