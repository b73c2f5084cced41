package stats

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
	assert.Equal(t, Summarize(all.each[:100]), few.Summary(), "exact, as long as there are few")
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
