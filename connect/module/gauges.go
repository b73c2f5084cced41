package module

import (
	"sync"
	"sync/atomic"
	"time"
)

// gauges makes the calls of a process take turns in emitting the state counters that they share.
type gauges struct {
	last    atomic.Int64 // Unix nanoseconds
	sending sync.Mutex
}

// due reports whether the counters have not been emitted in this second, and claims to do so.
func (g *gauges) due(now time.Time) bool {
	const almost = int64(950 * time.Millisecond) // tickers of different calls are never quite in step
	last := g.last.Load()
	return now.UnixNano()-last >= almost && g.last.CompareAndSwap(last, now.UnixNano())
}
