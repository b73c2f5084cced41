package module

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.k6.io/k6/v2/metrics"
)

// A series that is told apart keeps its worst value, also once there are too many to tell further ones apart.
func TestWorstOfManySeries(t *testing.T) {
	t.Parallel()
	root := metrics.NewRegistry().RootTagSet()
	w := newWorst(func(a, b float64) bool { return a < b })
	worst := func(of *metrics.TagSet, value float64) (told float64) {
		w.note(of, value, func(tags *metrics.TagSet, value float64) {
			if tags == of {
				told = value
			}
		})
		return told
	}
	series := func(i int) *metrics.TagSet { return root.With("target", strconv.Itoa(i)) }
	for i := range maxWorst {
		assert.InDelta(t, 9, worst(series(i), 9), 0)
	}
	assert.InDelta(t, 1, worst(series(7), 1), 0)
	assert.InDelta(t, 5, worst(series(8), 5), 0)
	assert.InDelta(t, 1, worst(series(7), 9), 0)
	assert.InDelta(t, 5, worst(series(8), 9), 0)
	assert.InDelta(t, 9, worst(series(maxWorst), 9), 0)
	assert.Len(t, w.series, maxWorst)
}

// No connection that was held is not the least, once a later call has found some; after that, it is.
func TestWorstCapacity(t *testing.T) {
	t.Parallel()
	w, tags := newWorstOfGauges()["mconnect_capacity"], metrics.NewRegistry().RootTagSet()
	for i, row := range []struct{ found, told float64 }{{0, 0}, {20, 20}, {40, 20}, {10, 10}, {0, 0}} {
		told := -1.0
		w.note(tags, row.found, func(_ *metrics.TagSet, value float64) { told = value })
		assert.InDelta(t, row.told, told, 0, "call %d", i)
	}
}
