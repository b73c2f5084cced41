package simulated

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// World is a process and the network around it, in virtual time.
type World struct {
	Random      *rand.Rand
	Connections int64 // dialed so far
	Descriptors int   // that are free
	Burst       int64 // ns; the network card reports what has come once in so long, as with interrupt coalescing; 0 is at once

	// Check, if set, is called after each look, and says what is wrong.
	Check func(d *Driver) error

	now    int64
	paused int64 // until then, the process does not run
	queue  queue
	open   int // drivers that have not finished
	ups    Ups
	conns  []*Conn // of this world, and of an old one
	used   int     // of conns
	wrong  error
}

// Ups counts connections that the peers have: established, and ended by neither side.
type Ups struct{ Now, Most int64 }

// NewWorld returns a world in which a seed decides all that is left to chance. It takes over the memory of an old one, if there is one.
func NewWorld(seed uint64, old *World) *World {
	w := &World{Random: rand.New(rand.NewPCG(seed, 0x6d636f6e6e656374)), now: start, Descriptors: 1 << 30} // #nosec G404 -- chance that repeats is what is wanted
	if old != nil {
		w.queue, w.conns = old.queue.emptied(), old.conns
	}
	return w
}

func (w *World) newConn() *Conn {
	if w.used == len(w.conns) {
		w.conns = append(w.conns, new(Conn))
	}
	c := w.conns[w.used]
	w.used++
	*c = Conn{heard: c.heard[:0], Sizes: c.Sizes[:0]}
	return c
}

// start is when time begins: not at 0, which stands for never in places.
const start = 1e9

// Now is the time.
func (w *World) Now() int64 { return w.now }

// At lets something happen at an instant.
func (w *World) At(at int64, do func()) {
	w.push(at, happening{do: do})
}

// reported is when the network card reports what has come at an instant.
func (w *World) reported(at int64) int64 {
	if w.Burst == 0 {
		return at
	}
	return (at + w.Burst - 1) / w.Burst * w.Burst
}

func (w *World) push(at int64, h happening) { w.queue.push(max(at, w.now), h) }

// AtWork lets the process do something at an instant, or when it runs again.
func (w *World) AtWork(at int64, do func()) {
	w.At(at, func() {
		if w.paused > w.now {
			w.AtWork(w.paused, do)
			return
		}
		do()
	})
}

// Pause stops the process for a while; the network goes on.
func (w *World) Pause(length int64) { w.paused = max(w.paused, w.now+length) }

// maxHappenings bounds a run: more of them mean that something goes around in circles.
const maxHappenings = 3_000_000

// Run lets time pass until all drivers have finished. An error says what is wrong.
func (w *World) Run() error {
	for n := 0; w.open > 0; n++ {
		if len(w.queue.heap) == 0 {
			return fmt.Errorf("nothing happens any more, but %d drivers have not finished", w.open)
		}
		if n == maxHappenings {
			return fmt.Errorf("no end after %d happenings, at %d ns", n, w.now-start)
		}
		var h happening
		w.now, h = w.queue.pop()
		switch {
		case h.conn != nil:
			h.conn.arrives(h.arrival)
		case h.driver != nil:
			h.driver.looks(w.now)
		default:
			h.do()
		}
		if w.wrong != nil {
			return fmt.Errorf("at %d ns: %w", w.now-start, w.wrong)
		}
	}
	return nil
}

// Fail notes what is wrong, unless something has been before.
func (w *World) Fail(err error) {
	if w.wrong == nil {
		w.wrong = err
	}
}

// Never is an instant that does not come.
const Never = engine.Never
