package limits_test

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

func TestDescriptors(t *testing.T) {
	t.Parallel()
	assert.Greater(t, limits.Descriptors(), uint64(10), "this very process has about that many open")
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	for _, c := range limits.Preflight(limits.Need{Connections: 1}) {
		assert.True(t, c.OK, "one connection is never too much: %s", c)
	}
	impossible := limits.Preflight(limits.Need{Connections: 1 << 40})
	assert.NotEmpty(t, impossible)
	lacking := map[string]limits.Check{}
	for _, c := range impossible {
		assert.Equal(t, c.Value >= c.Needed, c.OK)
		if !c.OK {
			lacking[c.Name] = c
			assert.NotEmpty(t, c.Fix)
		}
	}
	assert.Contains(t, lacking["file descriptors"].String(), "ulimit -n")
}

func TestPreflightCountsSourcesAndTargets(t *testing.T) {
	t.Parallel()
	const name = "source ports x sources x targets"
	find := func(n limits.Need) (value uint64, found bool) {
		for _, c := range limits.Preflight(n) {
			if c.Name == name {
				return c.Value, true
			}
		}
		return 0, false
	}
	one, ok := find(limits.Need{Connections: 1})
	many, _ := find(limits.Need{Connections: 1, Sources: 254, Targets: 2})
	if ok { // systems that tell
		assert.Equal(t, one*254*2, many)
	}
}

// Fixed ports are enough for as many connections as have different 5-tuples, when sources, ports and targets are used in turn.
func TestPreflightCountsFixedPorts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		need   limits.Need
		tuples uint64
	}{
		{limits.Need{Connections: 500, Ports: 10}, 10},
		{limits.Need{Connections: 500, Ports: 10, Sources: 25}, 250},
		{limits.Need{Connections: 500, Ports: 10, Targets: 2}, 10}, // connection 10 is the first one again, target included
		{limits.Need{Connections: 22, Ports: 11, Targets: 2}, 22},
		{limits.Need{Connections: 500, Ports: 1 << 16, Sources: math.MaxUint64, Targets: 3}, math.MaxUint64},
	} {
		var values []uint64
		for _, c := range limits.Preflight(test.need) {
			assert.NotContains(t, c.Name, "source ports x", "the system's own range does not matter")
			if strings.Contains(c.Name, "combinations") {
				values = append(values, c.Value)
				assert.Equal(t, test.tuples >= test.need.Connections, c.OK, "%s", c)
				assert.Contains(t, c.Fix, "sourcePorts")
			}
		}
		assert.Equal(t, []uint64{test.tuples}, values, "%+v", test.need)
	}
}

// Both drivers need memory for what they hold, and processors for what they begin; the packet driver less of both.
func TestPreflightCountsMemoryAndProcessors(t *testing.T) {
	t.Parallel()
	needed := func(packets bool, name string) (n uint64) {
		for _, c := range limits.Preflight(limits.Need{Connections: 1e6, Rate: 1e6, Packets: packets}) {
			if strings.Contains(c.Name, name) {
				n = c.Needed
				assert.Equal(t, c.Value >= c.Needed, c.OK)
			}
		}
		return n
	}
	for _, name := range []string{"memory", "processors"} {
		if runtime.GOOS != "linux" && name == "memory" {
			continue
		}
		assert.Greater(t, needed(true, name), uint64(1), name)
		assert.Greater(t, needed(false, name), needed(true, name), name)
	}
	for _, c := range limits.Preflight(limits.Need{Connections: 1}) {
		assert.NotContains(t, c.Name, "processors", "of no rate")
	}
}

// A check says how much there is, and what to do only if that is too little.
func TestChecksSayWhatThereIs(t *testing.T) {
	t.Parallel()
	enough := limits.Preflight(limits.Need{Connections: 1, Ports: 10})[1]
	assert.Equal(t, "different combinations of source, source port and target: 10, of which 1 are needed", enough.String())
	memory := limits.Check{Name: "available memory in bytes", Value: 24_220_348_416, Needed: 4_096_000, OK: true}
	assert.Equal(t, "available memory in MiB: 23098, of which 4 are needed", memory.String())
	missing := limits.Preflight(limits.Need{Connections: 11, Ports: 10})[1]
	assert.Equal(t, "different combinations of source, source port and target: 10, but 11 are needed; "+missing.Fix, missing.String())
	for _, c := range limits.PacketDriver() {
		if c.Value > 0 {
			assert.Equal(t, c.Name+": present", c.String())
		} else {
			assert.Equal(t, c.Name+": missing; "+c.Fix, c.String())
		}
	}
}

// Sources that do not belong to this host are told by name, of many a part of them. The packet driver takes any.
func TestPreflightOfSources(t *testing.T) {
	t.Parallel()
	pool := func(text string) *source.Pool {
		p, err := source.ParsePool(text)
		require.NoError(t, err)
		return p
	}
	for name, row := range map[string]struct {
		sources string
		name    string
		value   uint64
		needed  uint64
		says    string
	}{
		"one of this host":     {"127.0.0.1", "source addresses of this host", 1, 1, ""},
		"one of IPv6":          {"::1", "source addresses of this host", 1, 1, ""},
		"another host's":       {"203.0.113.7", "source addresses of this host", 0, 1, "it lacks 203.0.113.7: ip route add local PREFIX dev lo"},
		"the last of three":    {"127.0.0.1,127.0.0.1,203.0.113.7", "source addresses of this host", 2, 3, "it lacks 203.0.113.7: "},
		"a range":              {"203.0.113.1-203.0.113.5", "source addresses of this host", 0, 5, "it lacks 203.0.113.1, 203.0.113.2, 203.0.113.3 and 2 more: "},
		"a network":            {"203.0.113.0/24", "source addresses of this host (32 of 254 are tried)", 0, 32, "it lacks 203.0.113.1, 203.0.113.9, 203.0.113.17 and 29 more: ip route add local 203.0.113.0/24 dev lo"},
		"the largest":          {"2001:db8::/32", "source addresses of this host (32 of 18446744073709551615 are tried)", 0, 32, "it lacks 2001:db8::, "},
		"the first of a range": {"203.0.113.7,127.0.0.1-127.0.0.99", "source addresses of this host (32 of 100 are tried)", 31, 32, "it lacks 203.0.113.7: "},
		"the last of a range":  {"127.0.0.1-127.0.0.99,203.0.113.7", "source addresses of this host (32 of 100 are tried)", 31, 32, "it lacks 203.0.113.7: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			need := limits.Need{Connections: 1, From: pool(row.sources), Sources: pool(row.sources).Size()}
			var found []limits.Check
			for _, c := range limits.Preflight(need) {
				if strings.HasPrefix(c.Name, "source addresses") {
					found = append(found, c)
				}
			}
			require.Len(t, found, 1)
			c := found[0]
			assert.Equal(t, row.name, c.Name)
			assert.Equal(t, []uint64{row.value, row.needed}, []uint64{c.Value, c.Needed})
			assert.Equal(t, row.says == "", c.OK)
			if !c.OK {
				assert.Contains(t, c.Fix, row.says)
			}
			need.Packets = true
			for _, c := range limits.Preflight(need) {
				assert.NotContains(t, c.Name, "source addresses")
			}
		})
	}
	for _, c := range limits.Preflight(limits.Need{Connections: 1}) {
		assert.NotContains(t, c.Name, "source addresses", "they are the system's choice")
	}
}
