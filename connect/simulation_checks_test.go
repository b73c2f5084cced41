package connect

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// check is called after each look of a driver.
func (s *simulation) check(d *simulated.Driver) error {
	for _, c := range s.calls {
		if c.job != d.Job {
			continue
		}
		if err := errors.Join(c.collect(), c.begun(d), c.lanes(d)); err != nil {
			return err
		}
		if c.looked != nil {
			if err := c.looked(d); err != nil {
				return fmt.Errorf("%s: %w", c.kind, err)
			}
		}
		if s.looks++; s.looks%lateLooks != 0 {
			return c.sums()
		}
		var late error
		d.Each(func(conn *simulated.Conn) {
			s.checks++
			if text := c.late(conn, d.Seen); text != "" && late == nil {
				late = fmt.Errorf("%s, connection %d, dialed %v after the start: %s", c.kind, conn.Number, c.job.Since(conn.Dialed), text)
			}
		})
		return errors.Join(late, c.redialed(d), c.sums())
	}
	return nil
}

// late says what a connection waits for that has not come in time.
func (c *simulatedCall) late(conn *simulated.Conn, seen int64) string {
	if conn.Established != 0 {
		return c.overdue(conn, seen)
	}
	if seen >= conn.Dialed+int64(c.plan.ConnectTimeout) && !c.backlogged(conn) {
		return "still being dialed after the connect timeout"
	}
	return ""
}

// mostDials is how many connections may be begun in one look.
const mostDials = 16

// hasRoom reports whether a driver could begin a connection in this look, and should if there is one to begin.
func (c *simulatedCall) hasRoom(d *simulated.Driver) bool {
	limit := c.plan.Timeout
	if until := c.job.Plan.Duration; until > 0 {
		limit = min(limit, until)
	}
	if c.stopAt != 0 || d.Dirty || d.Finished || d.Seen >= c.job.Start()+int64(limit) || d.Dials == mostDials ||
		c.world.Now() <= d.StarvedAt+int64(time.Millisecond) || c.halts != nil && c.halts() {
		return false
	}
	busy, exactly := c.inLanes(d)
	return exactly && busy < int64(d.Lanes)
}

// inLanes is how many connections of a driver keep others from being dialed. exactly is false if there may be more.
func (c *simulatedCall) inLanes(d *simulated.Driver) (n int64, exactly bool) {
	if c.busy == nil {
		return d.Dialing, true
	}
	n, exactly = c.busy(d)
	return d.Dialing + n, exactly
}

// lanes checks that a driver has begun no more connections than it may at once.
func (c *simulatedCall) lanes(d *simulated.Driver) error {
	if d.Dials == 0 {
		return nil
	}
	busy, _ := c.inLanes(d)
	return match(busy <= int64(d.Lanes), "%s: %d connections to be begun at once, but there are %d", c.kind, d.Lanes, busy)
}

// begun checks that no connection waits to be begun without a reason.
func (c *simulatedCall) begun(d *simulated.Driver) error {
	states := c.job.Counters.States()
	before := d.Begun
	d.Begun = states.Total() - states.NotInitiated
	if states.NotInitiated == 0 || d.Begun != before || d.Dials > 0 || !c.hasRoom(d) {
		return nil
	}
	if len(c.drivers) > 1 && c.starvedEver() {
		return nil // another core may have the connection that waits for a descriptor
	}
	next := c.plan.Connections - states.NotInitiated
	if due := c.job.Start() + int64(float64(next)/c.plan.Rate*1e9); c.plan.Rate > 0 && due >= c.world.Now() {
		return nil
	}
	return fmt.Errorf("%s: connection %d is not begun, although it is due and a lane is free", c.kind, next)
}

// redialed checks that what is to be dialed again is.
func (c *simulatedCall) redialed(d *simulated.Driver) error {
	if !c.dialsAgain || !c.hasRoom(d) || d.Dials > 0 {
		return nil
	}
	for number := range c.numbers {
		if n := &c.numbers[number]; n.driver == d && n.due != 0 && n.due < c.world.Now() {
			return fmt.Errorf("connection %d was to be dialed again %v ago", number, time.Duration(c.world.Now()-n.due))
		}
	}
	return nil
}

// backlogged reports whether a driver has more deadlines to tell than one look takes.
func (c *simulatedCall) backlogged(conn *simulated.Conn) bool { return conn.Driver().More }

// sums compares the states with the truth.
func (c *simulatedCall) sums() error {
	c.checks++
	states := c.job.Counters.States()
	var dialing, open int64
	behind := len(c.drivers) > 1 // a driver has not seen yet what has arrived, or one not what another has
	for _, d := range c.drivers {
		if d.Dirty {
			return nil
		}
		behind = behind || d.More
		dialing += d.Dialing
		open += d.Established
	}
	if states.Dialing != dialing || states.Established != open {
		return fmt.Errorf("%s: states %+v, but %d connections are being dialed and %d established", c.kind, states, dialing, open)
	}
	if states.NotInitiated < 0 || states.Total() < c.plan.Connections {
		return fmt.Errorf("%s: states %+v do not add up to %d connections", c.kind, states, c.plan.Connections)
	}
	settled := true
	for _, d := range c.drivers {
		settled = settled && d.Settled
	}
	switch most := c.job.Counters.EstablishedMax(); {
	case most < open && (!behind || settled && c.kind == "hold" && c.stopAt == 0):
		return fmt.Errorf("%s: at most %d established, but %d are", c.kind, most, open)
	case most > max(c.ups.Most, 1) && c.stopAt == 0: // a stop does not wait
		return fmt.Errorf("%s: %d were established at once, but the peers never had more than %d", c.kind, most, c.ups.Most)
	}
	return nil
}

func (f fate) count(s *States) {
	switch {
	case f.closed:
		s.Closed++
	case f.class != ClassNone:
		s.Error++
	default:
		s.Completed++
	}
}

// collect checks what has been reported.
func (c *simulatedCall) collect() (err error) {
	c.job.Outcomes.Drain(func(batch []Outcome) {
		c.tally.add(batch)
		for i := range batch {
			c.checks++
			if wrong := c.outcome(&batch[i]); wrong != nil && err == nil {
				err = fmt.Errorf("%s, connection %d, outcome %+v, packets %+v: %w", c.kind, batch[i].Number, batch[i], batch[i].Packets, wrong)
			}
		}
	})
	return err
}

// outcome compares one with the truth.
func (c *simulatedCall) outcome(o *Outcome) error {
	n := c.number(o.Number)
	if o.Event == Ended {
		if n.ends++; n.ends > 1 || o.Number >= c.plan.Connections {
			c.redials++
		}
	}
	if t := c.plan.Targets[c.job.TargetOf(o.Number)]; t.Err != nil {
		c.fates = append(c.fates, fate{class: t.Class})
		return match(o.Class == t.Class && errors.Is(o.Err, t.Err) && !o.Connected, "class %s of the target", t.Class)
	}
	keeps := c.job.Plan.Keeps
	for !keeps && n.first != nil && n.first.Bare && n.first.IsClosed && (n.first.Next != nil || o.Class == ClassFDLimit) {
		n.holding = n.first.Holding
		putBack := n.first.Next != nil || o.Class != ClassFDLimit
		if putBack && n.first.Beside == 0 {
			return errors.New("it has waited for a descriptor, although no other connection would free one")
		}
		n.pop() // it was put back, or this is its end
	}
	if o.Class == ClassFDLimit && (n.first == nil || !n.first.Bare) {
		c.fates = append(c.fates, fate{class: ClassFDLimit})
		return errors.Join(
			match(c.starvedEver(), "there was no lack of descriptors"),
			match(keeps || n.holding == 0, "a dial that waits for one of %d descriptors", n.holding))
	}
	conn := n.first
	if conn == nil {
		return errors.New("there was no such connection")
	}
	if o.Event != Ended {
		return c.event(conn, o)
	}
	if !conn.IsClosed {
		return errors.New("it has not ended")
	}
	n.pop()
	want, err := c.truth(conn)
	if err != nil {
		return err
	}
	c.fates = append(c.fates, want)
	switch {
	case o.Class != want.class:
		return fmt.Errorf("want class %q", want.class)
	case want.why != nil && !errors.Is(o.Err, want.why):
		return fmt.Errorf("want error %w", want.why)
	case o.Host != want.host:
		return fmt.Errorf("want host %q", want.host)
	case o.Connected != want.connected || o.Closed != want.closed:
		return fmt.Errorf("want connected %v, closed %v", want.connected, want.closed)
	case (o.Class == ClassNone) != (o.Err == nil) && !o.Closed:
		return errors.New("want an error if there is a class")
	}
	if err := c.figures(conn, o, want); err != nil || c.ended == nil {
		return err
	}
	return c.ended(conn, o)
}

// pop forgets the first connection.
func (n *simulatedNumber) pop() {
	if n.first = n.first.Next; n.first == nil {
		n.last = nil
	}
}

// figures compares times, bytes and the kernel's figures.
func (c *simulatedCall) figures(conn *simulated.Conn, o *Outcome, want fate) error {
	c.checks += 8
	planned := c.job.Start() + int64(o.Planned)
	rtt, retries := time.Duration(conn.Script.RTT)*time.Microsecond, int64(conn.Script.SYNRetries)
	if c.job.Plan.Protocol == "udp" || conn.Script.Launch != ClassNone && !conn.Bare {
		rtt, retries = 0, 0
	}
	if !want.connected {
		rtt = 0
	}
	switch {
	case o.At != c.job.Since(conn.Ended):
		return fmt.Errorf("want %v as its end", c.job.Since(conn.Ended))
	case planned > conn.Dialed:
		return fmt.Errorf("dialed at %v, before it was planned", c.job.Since(conn.Dialed))
	case conn.Due != 0 && planned != conn.Due:
		return fmt.Errorf("want it planned at %v, when it was to be dialed again", c.job.Since(conn.Due))
	case o.Sent != conn.Sent || o.Received != conn.Received:
		return fmt.Errorf("want %d bytes sent and %d received", conn.Sent, conn.Received)
	case o.RTT != rtt || o.SYNRetransmits != retries:
		return fmt.Errorf("want RTT %v and %d retransmits", rtt, retries)
	case want.connected && planned+int64(o.Connect) != conn.Established:
		return fmt.Errorf("want the connect time up to %v", c.job.Since(conn.Established))
	case c.plan.Rate == 0:
		return nil
	}
	due := time.Duration(float64(o.Number) / c.plan.Rate * float64(time.Second))
	return match((o.Planned-due).Abs() < 2, "it planned at %v, by the rate", due)
}

func match(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("want "+format, args...)
}

// starvedEver reports whether a dial has found no descriptor.
func (c *simulatedCall) starvedEver() bool {
	for _, d := range c.drivers {
		if d.StarvedAt > 0 {
			return true
		}
	}
	return false
}

// dialTruth is how a connection ended that was not established. late is the class of what the call's duration has ended.
func (c *simulatedCall) dialTruth(conn *simulated.Conn, late Class) (fate, error) {
	start, limit, until := c.job.Start(), int64(c.plan.Timeout), int64(c.job.Plan.Duration)
	timeUp := conn.SeenThen >= start+limit && (until == 0 || limit < until)
	switch {
	case conn.DialFault != ClassNone:
		return fate{class: conn.DialFault}, nil
	case conn.EndedIn == simulated.Stopping:
		return fate{class: ClassAborted, why: ReasonStopped}, nil
	case conn.EndedIn == simulated.Expiring:
		return fate{class: ClassTimeout, why: ReasonConnectTimeout}, match(conn.Ended >= conn.Dialed+int64(c.plan.ConnectTimeout), "no timeout before its time")
	case conn.EndedIn == simulated.CheckingTime && timeUp, conn.EndedIn == simulated.CheckingTime && late == ClassTimeout:
		return fate{class: ClassTimeout, why: ReasonTimeUp}, match(timeUp || conn.SeenThen >= start+until, "no end before its time")
	case conn.EndedIn == simulated.CheckingTime:
		return fate{class: late, why: ReasonStopped}, match(late != ClassNone && conn.SeenThen >= start+until, "no end before its time")
	}
	return fate{}, fmt.Errorf("closed while being dialed, in phase %d", conn.EndedIn)
}

// end checks what is left when all is over.
func (c *simulatedCall) end() error {
	if err := c.collect(); err != nil {
		return err
	}
	for number := range c.numbers {
		n := &c.numbers[number]
		for n.first != nil && n.first.Bare && !c.job.Plan.Keeps {
			n.pop() // it was put back, and there was no time to dial it again
		}
		if n.first != nil {
			return fmt.Errorf("connection %d has ended, but nobody was told", number)
		}
	}
	states := c.job.Counters.States()
	var want States
	for _, f := range c.fates {
		f.count(&want)
	}
	want.NotInitiated = c.plan.Connections + c.redials - want.Total()
	if states != want {
		return fmt.Errorf("in the end, states %+v, but they are %+v", states, want)
	}
	limit := c.plan.Timeout
	if d := c.job.Plan.Duration; d > 0 {
		limit = min(limit, d)
	}
	return errors.Join(
		match(states.NotInitiated == 0 || c.stopAt != 0 || c.halts != nil && c.halts() || c.job.Length() >= limit, "all connections to be begun, as there was time"),
		match(c.job.Length() <= c.longest(), "an end after %v, but it lasted %v", c.longest(), c.job.Length()),
		c.finish())
}

// longest is how long a call may last: until its limits, and what the process was paused.
func (c *simulatedCall) longest() time.Duration {
	longest := c.plan.Timeout
	if c.kind == "hold" || c.endless {
		longest = time.Hour
	}
	return longest + 4*time.Second // pauses, and the last look
}

// total compares what the engine says of all calls with their sum.
func (s *simulation) total() error {
	var sum States
	for _, c := range s.calls {
		sum = sum.Plus(c.job.Counters.States())
	}
	return match(sum == s.engine.Total.States(), "%+v of all calls, but together they have %+v", s.engine.Total.States(), sum)
}
