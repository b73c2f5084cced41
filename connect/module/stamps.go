package module

import (
	"sync"
	"time"
)

// stamps gives every sample of the process a time of its own. Connections that end together are seen together, and a
// time series database keeps only one of two points with the same series and time.
type stamps struct {
	mu   sync.Mutex
	last int64
}

// next returns t, or the first free nanosecond after it.
func (s *stamps) next(t time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(t.UnixNano(), s.last+1)
	return time.Unix(0, s.last)
}
