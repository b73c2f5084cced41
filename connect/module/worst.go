package module

import (
	"sync"

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

// note takes a value of a series, and calls emit for the worst of this series, and then for that of all.
func (w *worst) note(tags *metrics.TagSet, value float64, emit func(tags *metrics.TagSet, value float64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before, known := w.series[tags]; known && !w.worse(value, before) {
		value = before
	}
	if len(w.series) < maxWorst {
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
