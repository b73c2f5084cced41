package limits_test

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
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
