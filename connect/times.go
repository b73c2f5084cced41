package connect

import (
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// maxTimes is how many durations are kept of what comes in for as long as a call lasts. They take less than a histogram does.
const maxTimes = 1 << 14

// times collects durations: each of them, or, if there are more than a limit, how they are distributed, so that their memory is bounded.
type times struct {
	limit  int // 0 keeps all, which is for what comes once for each connection
	each   []time.Duration
	spread *stats.Histogram // of all, once there are too many
}

func (t *times) add(d time.Duration) {
	if t.spread != nil {
		t.spread.Add(d)
		return
	}
	t.each = append(t.each, d)
	if t.limit > 0 && len(t.each) > t.limit {
		t.spread = stats.HistogramOf(t.each)
		t.each = nil
	}
}

func (t *times) count() int64 {
	if t.spread != nil {
		return t.spread.Count()
	}
	return int64(len(t.each))
}

// summary describes the durations, which it sorts.
func (t *times) summary() stats.Summary {
	if t.spread != nil {
		return t.spread.Summary()
	}
	return stats.Summarize(t.each)
}

// clone returns a copy that is independent.
func (t *times) clone() times {
	c := times{limit: t.limit, each: slices.Clone(t.each)}
	if t.spread != nil {
		c.spread = t.spread.Clone()
	}
	return c
}
