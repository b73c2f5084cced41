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

// The sum of distributions is that of all their values: exactly, or to a thousandth where values are counted by their first digits.
func TestDistributionsAddUp(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		parts int
		from  time.Duration
		scale time.Duration
	}{
		"one alone":         {1, 8 * time.Microsecond, 40 * time.Microsecond},
		"two, on loopback":  {2, 8 * time.Microsecond, 40 * time.Microsecond},
		"four, a network":   {4, 300 * time.Microsecond, 5 * time.Millisecond},
		"four, all seconds": {4, 3 * time.Second, 2 * time.Second},
		"all the same":      {3, 5 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, 8))
			var all []time.Duration
			var sum stats.Distribution
			for i := range row.parts {
				values := make([]time.Duration, 1000*(i+1))
				for n := range values {
					values[n] = row.from + time.Duration(random.ExpFloat64()*float64(row.scale))
				}
				all = append(all, values...)
				sum = sum.Plus(stats.Distributed(values))
			}
			want := stats.Summarize(all)
			assert.EqualValues(t, len(all), sum.Number)
			assert.Equal(t, want.Count, sum.Count)
			assert.Equal(t, want.Min, sum.Min)
			assert.Equal(t, want.Max, sum.Max)
			assert.InDelta(t, want.Avg, sum.Avg, 2)
			assert.InDelta(t, want.Dev, sum.Dev, 2+1e-6*float64(want.Dev))
			for _, pair := range [][2]time.Duration{{want.Med, sum.Med}, {want.P90, sum.P90}, {want.P95, sum.P95}, {want.P99, sum.P99}} {
				assert.InDelta(t, pair[0], pair[1], 1e3+1e-3*float64(pair[0]))
			}
			require.IsNonDecreasing(t, []time.Duration{sum.Min, sum.Med, sum.P90, sum.P95, sum.P99, sum.Max})
			slices.Sort(all)
			counted := int64(0)
			for _, b := range sum.Buckets() {
				counted += b.Count
			}
			assert.Equal(t, sum.Number, counted)
		})
	}
}

// roughly describes durations as those of a host are described.
func roughly(durations ...time.Duration) stats.Distribution {
	var t stats.Times
	for _, d := range durations {
		t.Add(d)
	}
	return t.RoughDistribution()
}

// Distributions add up to the same in any order.
func TestDistributionsInAnyOrder(t *testing.T) {
	t.Parallel()
	a := stats.Distributed([]time.Duration{time.Millisecond, 2 * time.Millisecond})
	b := stats.Distributed([]time.Duration{3 * time.Microsecond})
	c := roughly(time.Second, 2*time.Second)
	assert.Equal(t, a.Plus(b).Plus(c).Counts, c.Plus(b).Plus(a).Counts)
	assert.Equal(t, a.Plus(b).Plus(c).Med, c.Plus(a.Plus(b)).Med)
	assert.Equal(t, a, a.Plus(stats.Distribution{}))
	assert.Equal(t, a, stats.Distribution{}.Plus(a))
}

// What a file says is made consistent before it is used.
func TestDistributionFromAFile(t *testing.T) {
	t.Parallel()
	d := stats.Distribution{Number: 99, Counts: []stats.Bin{{20, 1}, {-1, 5}, {10, 2}, {30, -7}, {1 << 60, 1}}}
	d.Valid()
	assert.Equal(t, []stats.Bin{{10, 2}, {20, 1}}, d.Counts)
	assert.EqualValues(t, 3, d.Number)
}

// Hosts' distributions are small, and their percentiles good enough to tell a slow host.
func TestRoughDistribution(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(9, 10))
	values := make([]time.Duration, 10_000)
	for i := range values {
		values[i] = time.Millisecond + time.Duration(random.ExpFloat64()*float64(5*time.Millisecond))
	}
	d := roughly(values...)
	assert.Less(t, len(d.Counts), 600)
	sum := d.Plus(roughly(values...))
	assert.InEpsilon(t, d.P99, sum.P99, 1.0/32)
	assert.InEpsilon(t, d.Med, sum.Med, 1.0/32)
}
