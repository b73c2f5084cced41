package engine

import (
	"fmt"
	"sync/atomic"
)

// States counts connections by the state each of them is in. Every connection is in exactly one.
type States struct {
	NotInitiated int64 `json:"not_initiated"` // not dialed yet, or never, because the call ended first
	Dialing      int64 `json:"dialing"`
	Established  int64 `json:"established"` // connected, and not done yet
	Completed    int64 `json:"completed"`   // did all that was asked of it
	Closed       int64 `json:"closed"`      // held, and closed by the peer
	Error        int64 `json:"error"`       // failed, while being dialed or later
}

// Total is the sum over all states: the number of connections asked for.
func (s States) Total() int64 {
	return s.NotInitiated + s.Dialing + s.Established + s.Completed + s.Closed + s.Error
}

// String implements fmt.Stringer: tcpgoon's line, and the completed connections, which tcpgoon does not know.
func (s States) String() string {
	line := fmt.Sprintf("Total: %d, Dialing: %d, Established: %d, Closed: %d, Error: %d, NotInitiated: %d",
		s.Total(), s.Dialing, s.Established, s.Closed, s.Error, s.NotInitiated)
	if s.Completed > 0 {
		line += fmt.Sprintf(", Completed: %d", s.Completed)
	}
	return line
}

// Plus adds up the states of two sets of connections.
func (s States) Plus(t States) States {
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
// Counters are monotonic; planned is rolled back if a call fails to start. A state is the difference of two counters. Writers count the
// earlier steps of a connection's life first and readers read the later ones first, so that States adds up at every instant without a
// lock.
type Counters struct {
	planned, started, connected, dialErrors, completed, closed, errors atomic.Int64

	open, openMax atomic.Int64 // established connections, as of when all events were handled
}

// delta is what has happened since it was added to the counters last.
type delta struct {
	planned, started, connected, dialErrors, completed, closed, errors int64
}

func (c *Counters) add(d *delta) {
	addIf(&c.planned, d.planned)
	addIf(&c.started, d.started)
	addIf(&c.connected, d.connected)
	addIf(&c.dialErrors, d.dialErrors)
	addIf(&c.completed, d.completed)
	addIf(&c.closed, d.closed)
	addIf(&c.errors, d.errors)
}

func addIf(counter *atomic.Int64, n int64) {
	if n != 0 {
		counter.Add(n)
	}
}

// opened adds to the number of open connections, and raises the maximum.
func (c *Counters) opened(more int64) {
	now := c.open.Add(more)
	for most := c.openMax.Load(); now > most && !c.openMax.CompareAndSwap(most, now); {
		most = c.openMax.Load()
	}
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

// EstablishedMax returns the most connections that were established at once so far. Connections that end before all events which had
// arrived by then were handled do not count beside others: the peer may have closed one of them before it took the next.
func (c *Counters) EstablishedMax() int64 {
	if most := c.openMax.Load(); most > 0 {
		return most
	}
	return min(c.connected.Load(), 1)
}
