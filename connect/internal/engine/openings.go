package engine

import "sync/atomic"

// openings is what a core has told the job's counters of the connections that it has open.
//
// The peer may have closed a connection that seems open before it took another one, so those that are opened count only when every core
// of the job has handled all events up to then. Those that are closed count at once. So the counters are never too high.
type openings struct {
	told   int64 // to the counters
	opened int64 // still open of those that were at an instant; not told before all cores have looked
	at     int64 // that instant

	seen int64         // up to which all events have been handled
	look *atomic.Int64 // the same, for the other cores
}

// asleepNs is how long a core may not look before it is taken to sleep. Then nothing happens to its connections.
const asleepNs = 10e6

// countSeen counts what is open; seen is the instant up to which all events have been handled.
func (c *Core) countSeen(seen int64) {
	if c.opened = min(c.opened, c.open); c.opened < c.told {
		c.tellOpen(c.opened)
	}
	if seen <= c.seen {
		return
	}
	c.seen = seen
	c.look.Store(seen)
	looked := max(c.job.looks.all(), seen-asleepNs)
	for range 2 { // what waits, and what has been opened since
		if c.at > looked {
			return
		}
		c.tellOpen(c.opened)
		c.opened, c.at = c.open, seen
	}
}

// countOpen counts what is open, without waiting for others.
func (c *Core) countOpen() {
	c.opened = c.open
	c.tellOpen(c.open)
}

func (c *Core) tellOpen(open int64) {
	if open != c.told {
		c.job.opened(open - c.told)
		c.told = open
	}
}

// nextLook is when connections that are open and not counted may be.
func (c *Core) nextLook(now int64) int64 {
	if c.opened < c.open {
		return now
	}
	return c.at + asleepNs
}
