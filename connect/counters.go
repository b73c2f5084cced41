package connect

import "sync/atomic"

// States counts connections by the state each of them is in. Every connection is in exactly one.
type States struct {
	NotInitiated int64 `json:"not_initiated"` // not dialled yet, or never, because the call ended first
	Dialing      int64 `json:"dialing"`
	Established  int64 `json:"established"` // connected, and not done yet
	Completed    int64 `json:"completed"`   // did all that was asked of it
	Closed       int64 `json:"closed"`      // held, and closed by the peer
	Error        int64 `json:"error"`       // failed, while dialling or later
}

// Total is the sum over all states: the number of connections asked for.
func (s States) Total() int64 {
	return s.NotInitiated + s.Dialing + s.Established + s.Completed + s.Closed + s.Error
}

func (s States) plus(t States) States {
	return States{
		NotInitiated: s.NotInitiated + t.NotInitiated,
		Dialing:      s.Dialing + t.Dialing,
		Established:  s.Established + t.Established,
		Completed:    s.Completed + t.Completed,
		Closed:       s.Closed + t.Closed,
		Error:        s.Error + t.Error,
	}
}

// Counters counts connections through their lives, for any number of calls at once. The zero value is ready to use.
//
// Each counter only ever grows (but planned, when a call can't start), and a state is the difference of two of them. Writers count the earlier steps of a
// connection's life first and readers read the later ones first, so that States adds up at every instant without a lock.
type Counters struct {
	planned, started, connected, dialErrors, completed, closed, errors atomic.Int64

	established, establishedMax atomic.Int64
}

// steps is what happened since the last time a writer added to the counters.
type steps struct {
	planned, started, connected, dialErrors, completed, closed, errors int64
}

func (c *Counters) add(s *steps) {
	addIf(&c.planned, s.planned)
	addIf(&c.started, s.started)
	addIf(&c.connected, s.connected)
	addIf(&c.dialErrors, s.dialErrors)
	addIf(&c.completed, s.completed)
	addIf(&c.closed, s.closed)
	addIf(&c.errors, s.errors)
	c.raiseMax(s)
}

func addIf(counter *atomic.Int64, n int64) {
	if n != 0 {
		counter.Add(n)
	}
}

// raiseMax takes the connections that came before those that went: within one batch, both were established at once.
func (c *Counters) raiseMax(s *steps) {
	if s.connected > 0 {
		now := c.established.Add(s.connected)
		for most := c.establishedMax.Load(); now > most && !c.establishedMax.CompareAndSwap(most, now); {
			most = c.establishedMax.Load()
		}
	}
	addIf(&c.established, -(s.completed + s.closed + s.errors))
}

// States returns how many connections are in each state now.
func (c *Counters) States() States {
	completed, closed, errors, dialErrors := c.completed.Load(), c.closed.Load(), c.errors.Load(), c.dialErrors.Load()
	connected := c.connected.Load()
	started := c.started.Load()
	return States{
		NotInitiated: c.planned.Load() - started,
		Dialing:      started - connected - dialErrors,
		Established:  connected - completed - closed - errors,
		Completed:    completed,
		Closed:       closed,
		Error:        dialErrors + errors,
	}
}

// EstablishedMax returns the most connections that were established at once so far.
func (c *Counters) EstablishedMax() int64 { return c.establishedMax.Load() }
