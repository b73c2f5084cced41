package module

import (
	"maps"
	"slices"

	"go.k6.io/k6/v2/metrics"
)

// tagged is set.With(name, value) where there are very many values. A TagSet is a path of tags in the order of their names, the last ones
// first, and With leaves a link to its result at each step back. This goes back to where the tag belongs, and on from there.
func tagged(set *metrics.TagSet, name, value string) *metrics.TagSet {
	tags := set.Map()
	var after []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if key <= name {
			after = append(after, key)
			set = set.Without(key)
		}
	}
	set = set.With(name, value)
	for _, key := range slices.Backward(after) {
		if key != name {
			set = set.With(key, tags[key])
		}
	}
	return set
}
