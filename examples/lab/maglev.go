//go:build linux

package main

import "hash/fnv"

// maglevSize is Cilium's default, a prime over a hundred times as large as the number of backends, as the paper advises.
const maglevSize = 16381

// maglevTable fills Maglev's lookup table (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer",
// NSDI 2016, section 3.4): every backend has its own order of preference among the places, and they take turns to
// claim the next one that is free.
func maglevTable(backends []*backend) []*backend {
	return maglevTableOf(backends, func(b *backend) string { return b.name })
}

// maglevTableOf takes backends by other names.
func maglevTableOf(backends []*backend, name func(*backend) string) []*backend {
	table := make([]*backend, maglevSize)
	next := make([]preference, len(backends))
	for i, b := range backends {
		next[i] = newPreference(name(b))
	}
	for filled := 0; ; {
		for i, b := range backends {
			place := next[i].next()
			for table[place] != nil {
				place = next[i].next()
			}
			table[place] = b
			if filled++; filled == maglevSize {
				return table
			}
		}
	}
}

// A preference visits all places of the table in an order of its own.
type preference struct{ place, skip uint64 }

func newPreference(name string) preference {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	offset := h.Sum64() % maglevSize
	_, _ = h.Write([]byte("skip"))
	return preference{offset, h.Sum64()%(maglevSize-1) + 1}
}

func (p *preference) next() (place uint64) {
	place = p.place
	p.place = (p.place + p.skip) % maglevSize
	return place
}
