package advice

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// Only another address of a network that this host is in has a neighbour entry.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	for _, far := range []string{"127.0.0.1", "127.0.0.2", "::1", "240.0.0.1", "2001:db8:240::1"} {
		assert.False(t, isNeighbour(netip.MustParseAddr(far)), far)
	}
	assert.False(t, isNeighbour(netip.Addr{}))
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, addr := range addrs {
		own, err := netip.ParsePrefix(addr.String())
		require.NoError(t, err)
		assert.False(t, isNeighbour(own.Addr()), own)
		if next := own.Addr().Next(); !own.Addr().IsLoopback() && !limits.IsOwn(next) && own.Bits() < own.Addr().BitLen()-1 && own.Contains(next) {
			assert.True(t, isNeighbour(next), next)
		}
	}
}
