package stats

import (
	"cmp"
	"maps"
	"slices"
)

// MostFirst returns what was counted, the most frequent first; what is equally frequent comes in the order of the keys.
func MostFirst[K cmp.Ordered, N cmp.Ordered](counts map[K]N) []K {
	return slices.SortedFunc(maps.Keys(counts), func(a, b K) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
}
