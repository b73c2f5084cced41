package disruption_test

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// balancer is a load balancer as the real ones work.
type balancer interface {
	// set changes the backends.
	set(backends []string)
	// choose picks the backend of a flow by the hash of its 5-tuple.
	choose(hash uint32) string
}

var balancers = map[disruption.Model]func(weight func(string) int) balancer{
	disruption.ECMP:      func(weight func(string) int) balancer { return &hashThreshold{weight: weight} },
	disruption.Maglev:    func(weight func(string) int) balancer { return &maglevTable{weight: weight} },
	disruption.Resilient: func(weight func(string) int) balancer { return &bucketGroup{weight: weight} },
	disruption.Stateful:  func(weight func(string) int) balancer { return &tracker{pick: hashThreshold{weight: weight}} },
}

// hashThreshold compares hashes with the upper bounds of regions, as RFC 2992 does and Linux's multipath routes.
type hashThreshold struct {
	weight   func(string) int
	backends []string
	bounds   []uint32
}

func (b *hashThreshold) set(backends []string) {
	b.backends, b.bounds = backends, nil
	var total, sum uint64
	for _, name := range backends {
		total += uint64(b.weight(name))
	}
	for _, name := range backends {
		sum += uint64(b.weight(name))
		b.bounds = append(b.bounds, uint32((sum<<31+total/2)/total-1))
	}
}

func (b *hashThreshold) choose(hash uint32) string {
	return b.backends[slices.IndexFunc(b.bounds, func(bound uint32) bool { return hash>>1 <= bound })]
}

// maglevTable is the lookup table of the Maglev paper, section 3.4: backends take turns, as often as their weight, in
// claiming the next free entry of their own permutation.
type maglevTable struct {
	weight func(string) int
	table  []string
}

func (b *maglevTable) set(backends []string) {
	const size = 65537
	b.table = make([]string, size)
	next := make([]uint64, len(backends))
	for filled := 0; ; {
		for i, name := range backends {
			offset, skip := hashOf(name, "offset")%size, hashOf(name, "skip")%(size-1)+1
			for range b.weight(name) {
				at := (offset + next[i]*skip) % size
				for b.table[at] != "" {
					next[i]++
					at = (offset + next[i]*skip) % size
				}
				b.table[at] = name
				if filled++; filled == size {
					return
				}
			}
		}
	}
}

func (b *maglevTable) choose(hash uint32) string { return b.table[hash%uint32(len(b.table))] }

// bucketGroup is a resilient nexthop group: buckets change hands only from those who are gone or have more than their
// share, to those who have less.
type bucketGroup struct {
	weight  func(string) int
	buckets []string
}

func (b *bucketGroup) set(backends []string) {
	const size = 4096
	if b.buckets == nil {
		b.buckets = make([]string, size)
	}
	var total, sum, given int
	for _, name := range backends {
		total += b.weight(name)
	}
	wants := map[string]int{}
	for _, name := range backends {
		sum += b.weight(name)
		wants[name] = sum*size/total - given
		given += wants[name]
	}
	var free []int
	for i, name := range b.buckets {
		if wants[name]--; wants[name] < 0 {
			free = append(free, i)
		}
	}
	for _, i := range free {
		for _, name := range backends {
			if wants[name] > 0 {
				wants[name]--
				b.buckets[i] = name
				break
			}
		}
	}
}

func (b *bucketGroup) choose(hash uint32) string { return b.buckets[hash%uint32(len(b.buckets))] }

// tracker remembers where flows went.
type tracker struct {
	pick  hashThreshold
	known map[uint32]string
}

func (b *tracker) set(backends []string) { b.pick.set(backends) }

func (b *tracker) choose(hash uint32) string {
	if b.known == nil {
		b.known = map[uint32]string{}
	}
	if name, tracked := b.known[hash]; tracked && slices.Contains(b.pick.backends, name) {
		return name
	}
	b.known[hash] = b.pick.choose(hash)
	return b.known[hash]
}

func hashOf(parts ...string) uint64 {
	h := fnv.New64a()
	for _, part := range parts {
		_, _ = h.Write([]byte(part))
	}
	return mixed(h.Sum64())
}

// mixed finishes a hash as MurmurHash3 does.
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

const simulated = 20_000

// call makes as many connections through a balancer, from fixed sources and ports.
func call(t *testing.T, b balancer) *disruption.Flows {
	t.Helper()
	pool, err := source.ParsePool("10.0.0.0/24")
	require.NoError(t, err)
	sources := source.Sequence{Pool: pool, Ports: source.Ports{First: 20000, Last: 21000}}
	target := netip.MustParseAddrPort("10.9.9.9:5001")
	flows := disruption.New("tcp", []netip.AddrPort{target}, sources)
	for n := range int64(simulated) {
		from := sources.At(uint64(n))
		address := from.Addr().As4()
		key := uint64(binary.BigEndian.Uint32(address[:]))<<16 | uint64(from.Port())
		flows.Record(n, b.choose(uint32(mixed(key)>>32)))
	}
	return flows
}
