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

func histogramOf(values ...time.Duration) *stats.Histogram { return stats.HistogramOf(values) }

func TestBuckets(t *testing.T) {
	t.Parallel()
	const us = time.Microsecond
	for name, row := range map[string]struct {
		values []time.Duration
		want   []stats.Bucket
	}{
		"nothing":                    {nil, []stats.Bucket{}},
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

// Buckets have no gaps; each counts the values between its limits, to three digits, and none is lost.
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
	requireClose(t, values)
}

// requireClose compares a histogram with the exact figures: those that need no order are the same, the others are off by a thousandth or
// 1 µs at most, and by what lies between a value and the next one.
func requireClose(t *testing.T, values []time.Duration) {
	t.Helper()
	got, want := stats.HistogramOf(values).Summary(), stats.Summarize(values)
	require.Equal(t, want.Count, got.Count)
	require.Equal(t, want.Min, got.Min)
	require.Equal(t, want.Max, got.Max)
	require.InDelta(t, want.Avg, got.Avg, 1)
	require.InDelta(t, want.Dev, got.Dev, 1+1e-6*float64(want.Dev))
	for p, pair := range map[float64][2]time.Duration{
		0.5: {want.Med, got.Med}, 0.9: {want.P90, got.P90}, 0.95: {want.P95, got.P95}, 0.99: {want.P99, got.P99},
	} {
		at := int(p * float64(len(values)-1))
		gap := values[min(at+1, len(values)-1)] - values[max(at-1, 0)]
		require.InDelta(t, pair[0], pair[1], max(1e3, 1e-3*float64(pair[0]))+float64(gap), "percentile %v", p)
	}
	require.IsNonDecreasing(t, []time.Duration{got.Min, got.Med, got.P90, got.P95, got.P99, got.Max})
}

func TestHistogramPrecision(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ from, scale time.Duration }{
		"loopback":                {8 * time.Microsecond, 20 * time.Microsecond},
		"a network":               {300 * time.Microsecond, 5 * time.Millisecond},
		"hours":                   {time.Hour, 5 * time.Hour},
		"small beside their mean": {time.Hour, time.Microsecond},
		"all the same":            {13_579 * time.Nanosecond, 0},
		"less than the unit":      {0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(5, 6))
			for _, n := range []int{1, 2, 100, 20_000} {
				values := make([]time.Duration, n)
				for i := range values {
					values[i] = row.from + time.Duration(random.ExpFloat64()*float64(row.scale))
				}
				requireClose(t, values)
			}
		})
	}
}

func TestHistogramOfWhatIsTooLong(t *testing.T) {
	t.Parallel()
	const month = 30 * 24 * time.Hour
	s := histogramOf(time.Second, 3*month, 2*month, 2*month).Summary()
	assert.Equal(t, 3*month, s.Max)
	assert.InEpsilon(t, month, s.Med, 0.001)
}

func TestHistogramClone(t *testing.T) {
	t.Parallel()
	h := histogramOf(time.Second)
	c := h.Clone()
	h.Add(time.Minute)
	assert.EqualValues(t, 1, c.Count())
	assert.Equal(t, histogramOf(time.Second).Summary(), c.Summary())
	assert.EqualValues(t, 2, h.Count())
}
