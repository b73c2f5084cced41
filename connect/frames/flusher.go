package frames

import "math"

// What an interface has not taken is sent again after a pause of 100 µs, and after twice as long each time that it does not take it all, as
// while it is down.
const (
	leastPause = 100e3
	mostPause  = 64 * leastPause
)

// Flusher flushes a queue, and again what the interface has not taken. The zero value is ready to use.
type Flusher struct{ pause int64 }

// Flush sends what is queued. It returns when it wants to be called again, which is never if all has been sent; both are instants in ns.
func (f *Flusher) Flush(q Queue, now int64) (again int64) {
	q.Flush()
	if !q.Pending() {
		f.pause = 0
		return math.MaxInt64
	}
	f.pause = min(max(2*f.pause, leastPause), mostPause)
	return now + f.pause
}
