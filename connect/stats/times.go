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
	each   list
	spread *Histogram // of all, once there are too many
}

// Add collects a duration.
func (t *Times) Add(d time.Duration) {
	if t.spread != nil {
		t.spread.Add(d)
		return
	}
	t.each.add(d)
	if t.Limit > 0 && t.each.n > t.Limit {
		t.spread, t.each = HistogramOf(t.each.all()), list{}
	}
}

// Count is the number of durations.
func (t *Times) Count() int64 {
	if t.spread != nil {
		return t.spread.Count()
	}
	return int64(t.each.n)
}

// All returns each duration, in the order in which they came until they are summed up; nil if there are more than the limit.
func (t *Times) All() []time.Duration { return t.each.all() }

// Join adds the durations of another collection.
func (t *Times) Join(u *Times) {
	if u.spread == nil {
		for _, d := range u.each.all() {
			t.Add(d)
		}
		return
	}
	if t.spread == nil {
		t.spread, t.each = HistogramOf(t.each.all()), list{}
	}
	t.spread.Join(u.spread)
}

// Summary describes the durations, which it sorts.
func (t *Times) Summary() Summary {
	if t.spread != nil {
		return t.spread.Summary()
	}
	return Summarize(t.each.all())
}

// Clone returns a copy that is independent.
func (t *Times) Clone() Times {
	c := Times{Limit: t.Limit, each: listOf(slices.Clone(t.each.all()))}
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
	return BucketsOf(t.each.all())
}
