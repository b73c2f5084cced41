package engine

import (
	"slices"
	"sync/atomic"
)

// looks has, for each core of a job, the instant up to which it has handled all events. The zero value is ready to use.
type looks struct {
	cores atomic.Pointer[[]*atomic.Int64]
}

// join adds a core, and returns where it notes its instant.
func (l *looks) join() *atomic.Int64 {
	mine := &atomic.Int64{}
	for {
		before := l.cores.Load()
		all := []*atomic.Int64{mine}
		if before != nil {
			all = append(slices.Clone(*before), mine)
		}
		if l.cores.CompareAndSwap(before, &all) {
			return mine
		}
	}
}

// all is the instant up to which every core has handled all events.
func (l *looks) all() int64 {
	earliest := int64(Never)
	for _, core := range *l.cores.Load() {
		earliest = min(earliest, core.Load())
	}
	return earliest
}
