package stats

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is collected in pieces comes back whole and in order, and more can be added then.
func TestTimesInPieces(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, firstPiece, firstPiece + 1, 3*lastPiece + 5} {
		var times Times
		want := make([]time.Duration, n+1)
		for i := range want {
			if want[i] = time.Duration(i); i == n {
				require.Len(t, times.All(), n)
			}
			times.Add(want[i])
		}
		assert.EqualValues(t, n+1, times.Count())
		assert.Equal(t, want, times.All())
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	few, many := Times{Limit: 100}, Times{Limit: 100}
	var all Times
	for i := range 1000 {
		d := time.Duration(i+1) * time.Millisecond
		all.Add(d)
		many.Add(d)
		if i < 100 {
			few.Add(d)
		}
		require.EqualValues(t, i+1, many.Count())
	}
	assert.Equal(t, Summarize(all.All()[:100]), few.Summary(), "exact, as long as there are few")
	assert.EqualValues(t, 1000, all.Summary().Count, "no limit")
	exact, got := all.Summary(), many.Summary()
	assert.Equal(t, [4]time.Duration{exact.Min, exact.Avg, exact.Max, exact.Dev}, [4]time.Duration{got.Min, got.Avg, got.Max, got.Dev})
	assert.InEpsilon(t, exact.P99, got.P99, 0.003)

	copies := []Times{few.Clone(), many.Clone()}
	few.Add(time.Hour)
	many.Add(time.Hour)
	assert.EqualValues(t, 100, copies[0].Count())
	assert.EqualValues(t, 1000, copies[1].Count())
	assert.Equal(t, time.Second, copies[1].Summary().Max)
	assert.Equal(t, time.Hour, few.Summary().Max, "beyond the limit by one")
}

// Joined collections equal one of all their values, whichever of them are still exact.
func TestJoin(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ limit, left, right, rightLimit int }{
		"few":               {100, 30, 40, 100},
		"too many together": {100, 60, 70, 100},
		"many to few":       {100, 5, 300, 100},
		"few to many":       {100, 300, 5, 100},
		"many":              {100, 300, 400, 100},
		"many to none":      {100, 0, 400, 100},
		"all of many":       {100, 5, 400, 0},
		"none to many":      {100, 300, 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			joined, right, together := Times{Limit: row.limit}, Times{Limit: row.rightLimit}, Times{Limit: row.limit}
			for i := range row.left {
				joined.Add(time.Duration(i+900) * time.Millisecond)
				together.Add(time.Duration(i+900) * time.Millisecond)
			}
			for i := range row.right {
				right.Add(time.Duration(2*i+1) * time.Millisecond)
				together.Add(time.Duration(2*i+1) * time.Millisecond)
			}
			joined.Join(&right)
			got, want := joined.Distribution(), together.Distribution()
			assert.InDelta(t, want.Dev, got.Dev, 2, "sums in another order")
			assert.InDelta(t, want.Avg, got.Avg, 2)
			got.Dev, got.Avg = want.Dev, want.Avg
			assert.Equal(t, want, got)
			assert.Equal(t, together.RoughDistribution().Counts, joined.RoughDistribution().Counts)
		})
	}
}
