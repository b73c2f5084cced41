//go:build linux

package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func someBackends(n int) []*backend {
	all := make([]*backend, n)
	for i := range all {
		all[i] = &backend{name: fmt.Sprintf("web-%02d", i+1), number: i + 1}
	}
	return all
}

func TestMaglevTable(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"one": 1, "two": 2, "ten": 10, "most": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			places := map[*backend]int{}
			for _, b := range maglevTable(someBackends(n)) {
				places[b]++
			}
			assert.Len(t, places, n)
			for b, got := range places {
				assert.InDelta(t, maglevSize/n, got, 1, "places of %s", b.name)
			}
		})
	}
}

// The paper's figure 12: who stays keeps nearly all places.
func TestMaglevTableIsConsistent(t *testing.T) {
	t.Parallel()
	all := someBackends(10)
	for _, gone := range all {
		before, after := maglevTable(all), maglevTable(slices.DeleteFunc(slices.Clone(all), func(b *backend) bool { return b == gone }))
		needless := 0
		for place, b := range before {
			if b != gone && b != after[place] {
				needless++
			}
		}
		assert.Less(t, float64(needless)/maglevSize, 0.03, "without %s", gone.name)
	}
}
