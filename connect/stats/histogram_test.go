package stats_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func histogramOf(values ...time.Duration) *stats.Histogram {
	h := stats.NewHistogram()
	for _, v := range values {
		h.Add(v)
	}
	return h
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	const us = time.Microsecond
	for name, row := range map[string]struct {
		values []time.Duration
		want   []stats.Bucket
	}{
		"nothing":                    {nil, nil},
		"below the unit":             {[]time.Duration{0, -5, 999}, []stats.Bucket{{From: 0, To: us, Count: 3}}},
		"one by one, where small":    {[]time.Duration{us, 3 * us}, []stats.Bucket{{us, 2 * us, 1}, {2 * us, 3 * us, 0}, {3 * us, 4 * us, 1}}},
		"four to a doubling":         {[]time.Duration{16 * us, 19 * us, 20 * us}, []stats.Bucket{{16 * us, 20 * us, 2}, {20 * us, 24 * us, 1}}},
		"wider in the next doubling": {[]time.Duration{15 * us, 16 * us}, []stats.Bucket{{14 * us, 16 * us, 1}, {16 * us, 20 * us, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, histogramOf(row.values...).Buckets())
			slices.Sort(row.values)
			assert.Equal(t, row.want, stats.BucketsOf(row.values))
		})
	}
}

// Buckets join up, each holds what lies between its limits, and nothing is lost, to three digits.
func TestBucketsHoldEverything(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]time.Duration, 10_000)
	for i := range values {
		values[i] = time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
	}
	buckets := histogramOf(values...).Buckets()
	require.NotEmpty(t, buckets)
	var sum int64
	for i, b := range buckets {
		sum += b.Count
		assert.Less(t, b.From, b.To)
		if i > 0 {
			assert.Equal(t, buckets[i-1].To, b.From)
		}
	}
	assert.EqualValues(t, len(values), sum)
	assert.Positive(t, buckets[0].Count)
	assert.Positive(t, buckets[len(buckets)-1].Count)
	assert.LessOrEqual(t, len(buckets), 100)
	assert.GreaterOrEqual(t, slices.Max(values), buckets[len(buckets)-1].From)
}

func TestMergeBuckets(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	values := func(n int, scale time.Duration) []time.Duration {
		v := make([]time.Duration, n)
		for i := range v {
			v[i] = time.Duration(random.ExpFloat64() * float64(scale))
		}
		slices.Sort(v)
		return v
	}
	a, b := values(500, time.Millisecond), values(50, time.Second)
	both := slices.Concat(a, b)
	slices.Sort(both)
	assert.Equal(t, stats.BucketsOf(both), stats.MergeBuckets(stats.BucketsOf(a), stats.BucketsOf(b)))
	assert.Equal(t, stats.BucketsOf(a), stats.MergeBuckets(nil, stats.BucketsOf(a)))
	assert.Equal(t, stats.BucketsOf(a), stats.MergeBuckets(stats.BucketsOf(a), nil))
	assert.Empty(t, stats.MergeBuckets(nil, nil))
}

func TestHistogramSummary(t *testing.T) {
	t.Parallel()
	assert.Equal(t, stats.Summary{}, stats.NewHistogram().Summary())

	values := make([]time.Duration, 0, 1000)
	for i := range 1000 {
		values = append(values, time.Duration(i+1)*time.Millisecond)
	}
	got, want := histogramOf(values...).Summary(), stats.Summarize(values)
	assert.Equal(t, want.Count, got.Count)
	for _, pair := range [][2]time.Duration{
		{want.Min, got.Min},
		{want.Avg, got.Avg},
		{want.Med, got.Med},
		{want.Max, got.Max},
		{want.Dev, got.Dev},
		{want.P90, got.P90},
		{want.P95, got.P95},
		{want.P99, got.P99},
	} {
		assert.InEpsilon(t, pair[0], pair[1], 0.002)
	}
	assert.InEpsilon(t, 10*time.Minute, histogramOf(time.Hour).Summary().Max, 0.002, "longer ones count as 10 minutes")
}
