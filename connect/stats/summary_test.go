package stats_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	assert.Equal(t, stats.Summary{}, stats.Summarize(nil))
	assert.Equal(t, stats.Summary{Count: 1, Min: 7, Avg: 7, Med: 7, Max: 7, P90: 7, P95: 7, P99: 7}, stats.Summarize([]time.Duration{7}))
	values := []time.Duration{90, 10, 20, 30, 40, 50, 60, 70, 80, 100, 0}
	assert.Equal(t, stats.Summary{
		Count: 11, Min: 0, Avg: 50, Med: 50, Max: 100, Dev: 32, // √1000 = 31.6
		P90: 90, P95: 95, P99: 99,
	}, stats.Summarize(values))
	assert.Equal(t, time.Duration(15), stats.Summarize([]time.Duration{10, 20}).Med, "between two values")
}

func TestMerge(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	values := func(n int) []time.Duration {
		v := make([]time.Duration, n)
		for i := range v {
			v[i] = time.Duration(random.IntN(1e9))
		}
		return v
	}
	a, b := values(1000), values(10)
	want := stats.Summarize(slices.Concat(a, b))
	got := stats.Summarize(a).Merge(stats.Summarize(b))
	assert.Equal(t, want.Count, got.Count)
	assert.Equal(t, want.Min, got.Min)
	assert.Equal(t, want.Max, got.Max)
	assert.InDelta(t, want.Avg, got.Avg, 2)
	assert.InDelta(t, want.Dev, got.Dev, 2)
	assert.Zero(t, got.P95, "a percentile of the union can't be known")

	assert.Equal(t, want, stats.Summary{}.Merge(want))
	assert.Equal(t, want, want.Merge(stats.Summary{}))
}
