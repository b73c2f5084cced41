package epoll

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Lists of ports are read as the kernel prints them.
func TestParsePorts(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		list string
		want map[uint16]bool
	}{
		"none":            {"\n", map[uint16]bool{}},
		"one":             {"8080\n", map[uint16]bool{8080: true}},
		"some":            {"80,8080-8082\n", map[uint16]bool{80: true, 8080: true, 8081: true, 8082: true}},
		"the last one":    {"65534-65535", map[uint16]bool{65534: true, 65535: true}},
		"backwards":       {"9-8", map[uint16]bool{}},
		"what is no port": {"x,7", map[uint16]bool{7: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, parsePorts(row.list))
		})
	}
}

// A port comes again after all others, and never if it is reserved or the target's.
func TestPortsComeInTurn(t *testing.T) {
	t.Parallel()
	e := &ephemeral{first: 1000, count: 10, reserved: map[uint16]bool{1003: true, 1004: true, 80: true}}
	for range 3 {
		seen := map[uint16]bool{}
		for range 7 {
			port, ok := e.take(1005)
			require.True(t, ok)
			assert.True(t, e.has(port))
			assert.False(t, e.reserved[port], "port %d is reserved", port)
			assert.NotEqualValues(t, 1005, port, "the target's")
			assert.False(t, seen[port], "port %d before all others", port)
			seen[port] = true
		}
	}
}

// Of the usual range, some ports are left to other programs; a narrow range is used up.
func TestPortsAreLeftToOthers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ count, left int }{{28232, 883}, {1024, 32}, {1023, 0}, {1, 0}} {
		e := &ephemeral{first: 32768, count: uint32(row.count), reserved: map[uint16]bool{}} // #nosec G115 -- as above
		e.leaveSome()
		seen := map[uint16]bool{}
		for range 2 * row.count {
			port, ok := e.take(1005)
			require.True(t, ok)
			seen[port] = true
		}
		assert.Len(t, seen, row.count-row.left)
	}
}

// Without a port that may be used there is none.
func TestNoPorts(t *testing.T) {
	t.Parallel()
	_, ok := (&ephemeral{}).take(0)
	assert.False(t, ok, "the range is not known")
	_, ok = (&ephemeral{first: 1000, count: 2, reserved: map[uint16]bool{1000: true, 1001: true}}).take(0)
	assert.False(t, ok, "all are reserved")
	_, ok = (&ephemeral{first: 1000, count: 1}).take(1000)
	assert.False(t, ok, "the only one is the target's")
	assert.True(t, (&ephemeral{}).has(7), "any port may be in a range that is not known")
}

// Ports are taken in turn where they are the system's to choose and few.
func TestWhosePortsComeInTurn(t *testing.T) {
	t.Parallel()
	pool := func(text string) *source.Pool {
		p, err := source.ParsePool(text)
		require.NoError(t, err)
		return p
	}
	known := newEphemeral()
	require.NotZero(t, known.count)
	for name, row := range map[string]struct {
		sources source.Sequence
		want    bool
	}{
		"no source":    {source.Sequence{}, true},
		"one source":   {source.Sequence{Pool: pool("10.0.0.1")}, true},
		"many sources": {source.Sequence{Pool: pool("10.0.0.0/24")}, false},
		"fixed ports":  {source.Sequence{Ports: source.Ports{First: 1000, Last: 2000}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, known.suit(&row.sources))
			assert.False(t, (&ephemeral{}).suit(&row.sources), "the range is not known")
		})
	}
}
