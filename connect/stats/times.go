package stats

import (
	"slices"
	"time"
)

// MaxTimes is how many durations are kept of what comes in for as long as a call lasts. They take less than a histogram does.
const MaxTimes = 1 << 14

// Times collects durations: each of them, or, if there are more than a limit, how they are distributed, so that their memory is bounded.
type Times struct {
	Limit  int // 0 keeps all, which is for what comes once for each connection
	each   []time.Duration
	spread *Histogram // of all, once there are too many
}

// Add collects a duration.
func (t *Times) Add(d time.Duration) {
	if t.spread != nil {
		t.spread.Add(d)
		return
	}
	t.each = append(t.each, d)
	if t.Limit > 0 && len(t.each) > t.Limit {
		t.spread = HistogramOf(t.each)
		t.each = nil
	}
}

// Count is the number of durations.
func (t *Times) Count() int64 {
	if t.spread != nil {
		return t.spread.Count()
	}
	return int64(len(t.each))
}

// Summary describes the durations, which it sorts.
func (t *Times) Summary() Summary {
	if t.spread != nil {
		return t.spread.Summary()
	}
	return Summarize(t.each)
}

// Clone returns a copy that is independent.
func (t *Times) Clone() Times {
	c := Times{Limit: t.Limit, each: slices.Clone(t.each)}
	if t.spread != nil {
		c.spread = t.spread.Clone()
	}
	return c
}

// Buckets returns the durations in buckets, from the shortest to the longest; Summary must have been called.
func (t *Times) Buckets() []Bucket {
	if t.spread != nil {
		return t.spread.Buckets()
	}
	return BucketsOf(t.each)
}
