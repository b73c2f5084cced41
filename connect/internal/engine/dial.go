package engine

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"

const (
	// dialsPerTurn bounds how long new dials can keep the driver from seeing, and timing, what has happened meanwhile.
	dialsPerTurn = 16
	// retryNs is the pause before a descriptor is asked for again when there was none.
	retryNs = 1e6
)

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

func (c *Core) dialedAll() bool {
	return c.stopped || c.exhausted && len(c.redials) == 0 && len(c.starved) == 0
}

func (c *Core) stopDialing(now int64, late class.Class) {
	c.stopped, c.starved, c.redials = true, nil, nil
	why := ReasonStopped
	if late == class.Timeout {
		why = ReasonTimeUp
	}
	c.conns.each(phase.isDialing, func(key uint32) { c.failDial(key, now, Fault{late, why}) })
}
