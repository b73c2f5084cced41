package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A job takes as many loops as its concurrency needs, unless its rules want all connections in one place.
func TestSharesWanted(t *testing.T) {
	t.Parallel()
	for lanes, want := range map[int]int{1: 1, lanesPerShare: 1, lanesPerShare + 1: 2, 10 * lanesPerShare: 10} {
		for _, one := range []bool{false, true} {
			s := NewShares(NewJob(Plan{Connections: 1000, Concurrency: lanes, OneCore: one}, &Counters{}, 0))
			if one {
				want = 1
			}
			assert.Equal(t, want, s.Wanted(), "%d lanes", lanes)
		}
	}
}

// All lanes are given out, and each share has one.
func TestSharesLanes(t *testing.T) {
	t.Parallel()
	for lanes, want := range map[int][]int{1: {1}, 17: {8, 9}, 33: {11, 11, 11}} {
		s := NewShares(NewJob(Plan{Connections: 33, Concurrency: lanes}, &Counters{}, 0))
		assert.Equal(t, want, s.Lanes(s.Wanted()), "%d lanes", lanes)
	}
}
