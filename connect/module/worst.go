package module

import (
	"sync"
	"time"

	"go.k6.io/k6/v2/metrics"
)

// worst keeps the worst value of a gauge, in each of its series and in all of them: k6 judges a gauge by its last value, and a threshold
// must not forget an earlier call.
type worst struct {
	worse func(a, b float64) bool

	mu     sync.Mutex
	series map[*metrics.TagSet]float64
	all    *metrics.TagSet // the series that has the worst of all
}

// maxWorst bounds how many series are told apart.
const maxWorst = 10_000

func newWorst(worse func(a, b float64) bool) *worst {
	return &worst{worse: worse, series: map[*metrics.TagSet]float64{}}
}

// newWorstOfGauges has all gauges that tell what a call has found, by name.
func newWorstOfGauges() map[string]*worst {
	more, less := func(a, b float64) bool { return a > b }, func(a, b float64) bool { return a < b }
	leastHeld := func(a, b float64) bool { return a < b || b == 0 } // none was held, which the verdict tells, and is not to hide what a later call finds
	return map[string]*worst{
		"mconnect_balance_max_share": newWorst(more), "mconnect_balance_cv": newWorst(more),
		"mconnect_balance_p_value": newWorst(less), "mconnect_balance_jain": newWorst(less),
		"mconnect_affinity_share":         newWorst(less),
		"mconnect_disruption_moved_share": newWorst(more), "mconnect_disruption_excess": newWorst(more), "mconnect_disruption_lost": newWorst(more),
		"mconnect_capacity":     newWorst(leastHeld),
		"mconnect_idle_timeout": newWorst(less),
	}
}

// found adds what a call has found to its gauge, which keeps the worst.
func (e *emitter) found(gauge *metrics.Metric, tags *metrics.TagSet, at time.Time, value float64) {
	e.root.worst[gauge.Name].note(tags, value, func(of *metrics.TagSet, worst float64) { e.add(gauge, of, at, worst) })
}

// note takes a value of a series, and calls emit for the worst of this series, and then for that of all.
func (w *worst) note(tags *metrics.TagSet, value float64, emit func(tags *metrics.TagSet, value float64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.series[tags]
	if known && !w.worse(value, before) {
		value = before
	}
	if known || len(w.series) < maxWorst {
		w.series[tags] = value
	}
	if w.all == nil || w.worse(value, w.series[w.all]) {
		w.all = tags
		w.series[tags] = value
	}
	emit(tags, value)
	if w.all != tags {
		emit(w.all, w.series[w.all])
	}
}
