package module

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
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

// progress is tcpgoon's line, and the completed connections, which tcpgoon does not know.
func progress(s connect.States) string {
	line := fmt.Sprintf("Total: %d, Dialing: %d, Established: %d, Closed: %d, Error: %d, NotInitiated: %d",
		s.Total(), s.Dialing, s.Established, s.Closed, s.Error, s.NotInitiated)
	if s.Completed > 0 {
		line += fmt.Sprintf(", Completed: %d", s.Completed)
	}
	return line
}
