package packets

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// Ports are taken in turn from all ranges, and again from the first one after the last.
func TestPortAt(t *testing.T) {
	t.Parallel()
	ranges := []source.Ports{{First: 1024, Last: 1026}, {First: 65535, Last: 65535}}
	var got []uint16
	for n := range uint64(6) {
		got = append(got, portAt(ranges, n))
	}
	assert.Equal(t, []uint16{1024, 1025, 1026, 65535, 1024, 1025}, got)
	assert.EqualValues(t, 4, countPorts(ranges))
}

// Each source goes through the ports, and what is dialed again does not get the port that it had, however often.
func TestTurns(t *testing.T) {
	t.Parallel()
	var all turns
	const sources = 2
	var got []uint64
	for _, number := range []uint64{0, 1, 2, 3, 1, 1, 4, 0} {
		got = append(got, all.of(number, sources))
	}
	assert.Equal(t, []uint64{0, 0, 1, 1, 1, 2, 2, 3}, got)
}

// With an address of this host, no port is one that the kernel may give to its own connections.
func TestChosenPorts(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []source.Ports{{First: 1024, Last: 65535}}, choosePorts(false))
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	require.NoError(t, err)
	var first, last uint16
	_, err = fmt.Sscan(string(text), &first, &last)
	require.NoError(t, err)
	assert.Equal(t, portsWithout(first, last), choosePorts(true))
}

func TestPortsWithout(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		first, last uint16
		want        []source.Ports
	}{
		"Linux":             {32768, 60999, []source.Ports{{First: 1024, Last: 32767}, {First: 61000, Last: 65535}}},
		"all above":         {1025, 65535, []source.Ports{{First: 1024, Last: 1024}}},
		"all below":         {1024, 65534, []source.Ports{{First: 65535, Last: 65535}}},
		"well-known ones":   {1, 1000, []source.Ports{{First: 1024, Last: 65535}}},
		"none is left over": {1024, 65535, []source.Ports{{First: 1024, Last: 65535}}},
	} {
		assert.Equal(t, row.want, portsWithout(row.first, row.last), name)
	}
}

// ICMP errors mean to a connection what they mean to a socket (net/ipv4/icmp.c and net/ipv6/icmp.c in the kernel's source).
func TestErrnoOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rejection wire.Rejection
		errno     syscall.Errno
		ends      bool
	}{
		"network unreachable":        {wire.Rejection{Type: 3, Code: 0}, unix.ENETUNREACH, true},
		"host unreachable":           {wire.Rejection{Type: 3, Code: 1}, unix.EHOSTUNREACH, true},
		"protocol unreachable":       {wire.Rejection{Type: 3, Code: 2}, unix.ENOPROTOOPT, true},
		"port unreachable":           {wire.Rejection{Type: 3, Code: 3}, unix.ECONNREFUSED, true},
		"fragmentation needed":       {wire.Rejection{Type: 3, Code: 4}, 0, false},
		"prohibited":                 {wire.Rejection{Type: 3, Code: 13}, unix.EHOSTUNREACH, true},
		"time exceeded":              {wire.Rejection{Type: 11}, unix.EHOSTUNREACH, true},
		"IPv6: no route":             {wire.Rejection{V6: true, Type: 1, Code: 0}, unix.ENETUNREACH, true},
		"IPv6: prohibited":           {wire.Rejection{V6: true, Type: 1, Code: 1}, unix.EACCES, true},
		"IPv6: address unreachable":  {wire.Rejection{V6: true, Type: 1, Code: 3}, unix.EHOSTUNREACH, true},
		"IPv6: port unreachable":     {wire.Rejection{V6: true, Type: 1, Code: 4}, unix.ECONNREFUSED, true},
		"IPv6: packet too big":       {wire.Rejection{V6: true, Type: 2}, 0, false},
		"IPv6: hop limit exceeded":   {wire.Rejection{V6: true, Type: 3}, unix.EHOSTUNREACH, true},
		"IPv6: rejected by a policy": {wire.Rejection{V6: true, Type: 1, Code: 5}, unix.EACCES, true},
	} {
		errno, ends := errnoOf(&test.rejection)
		assert.Equal(t, test.ends, ends, name)
		assert.Equal(t, test.errno, errno, name)
	}
}
