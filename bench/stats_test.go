package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		values []float64
		want   spread
	}{
		"one":       {[]float64{2}, spread{Median: 2, Min: 2, Max: 2}},
		"odd":       {[]float64{3, 1, 9}, spread{Median: 3, Min: 1, Max: 9}},
		"even":      {[]float64{4, 1, 2, 8}, spread{Median: 3, Min: 1, Max: 8}},
		"all alike": {[]float64{5, 5, 5}, spread{Median: 5, Min: 5, Max: 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, spreadOf(row.values))
		})
	}
}

// Over twice as many rounds as there are contenders, each one has each place twice, and follows every neighbour.
func TestOrder(t *testing.T) {
	t.Parallel()
	const n = 4
	type pair struct{ contender, other int }
	places, follows := map[pair]int{}, map[pair]int{}
	for round := range 2 * n {
		before := -1
		for place, contender := range order(round, n) {
			places[pair{contender, place}]++
			if before >= 0 {
				follows[pair{contender, before}]++
			}
			before = contender
		}
	}
	assert.Len(t, places, n*n)
	for at, times := range places {
		assert.Equal(t, 2, times, "%v", at)
	}
	for at, times := range follows {
		assert.Equal(t, n-1, times, "%v", at)
	}
}

// The ratio of two medians would be 1 here: the rounds' weather must not decide.
func TestRatiosArePerRound(t *testing.T) {
	t.Parallel()
	calm, stormy, breezy := 1000.0, 10.0, 100.0
	of := []float64{0.9 * calm, 0.9 * stormy, 1.1 * breezy}
	to := []float64{calm, stormy, breezy}
	assert.InDelta(t, 0.9, spreadOf(perRound(of, to)).Median, 1e-9)
}
