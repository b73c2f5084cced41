package engine

import "sync/atomic"

// openings is what a core has told the job's counters of its open connections. The counters are never too high, as EstablishedMax needs.
//
// A connection that seems open may have been closed by its peer before the peer took another one. So what is opened is told only once
// every core of the job has handled all events up to then. What is closed is told at once.
type openings struct {
	told   int64 // open connections, as the counters have it
	opened int64 // connections that were open at the instant at, and still are; not told yet
	at     int64

	seen int64         // all events up to this instant have been handled
	look *atomic.Int64 // seen, for the other cores
}

// asleepNs is how long a core may not look before it is taken to be asleep, with nothing happening to its connections.
const asleepNs = 10e6

// countSeen tells what is open; seen is the instant up to which all events have been handled.
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

// countOpen tells what is open, without waiting for other cores.
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

// nextLook is when open connections that have not been told may be.
func (c *Core) nextLook(now int64) int64 {
	if c.opened < c.open {
		return now
	}
	return c.at + asleepNs
}
