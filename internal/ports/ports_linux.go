// Package ports has local ports for tests that count a port's sockets.
package ports

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// lowest and many are the ports that are given: no test names one of them.
const lowest, many = 4000, 1000

// Outside returns an address on loopback whose port no socket has, and none gets but the test's own until it ends: the system does not choose that
// port for clients (ip_local_port_range), and no test of any process is given it meanwhile.
func Outside(t testing.TB) (address string) {
	t.Helper()
	begin := rand.IntN(many) // #nosec G404 -- keeps no secret
	for i := range many {
		port := lowest + (begin+i)%many
		if isChosen(uint16(port)) || !take(t, port) {
			continue
		}
		own, err := sockets.Count(t.Context(), sockets.Query{Port: uint16(port)})
		require.NoError(t, err)
		clients, err := sockets.Count(t.Context(), sockets.Query{Peer: netip.AddrPortFrom(netip.Addr{}, uint16(port))})
		require.NoError(t, err)
		if own.Total+clients.Total == 0 {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		}
	}
	require.Fail(t, "no port is free", "want one from %d to %d that ip_local_port_range leaves out", lowest, lowest+many-1)
	return ""
}

// isChosen reports whether the system may choose a port.
func isChosen(port uint16) bool {
	first, last, known := limits.EphemeralPorts()
	return !known || first <= port && port <= last
}

// take reports whether a port is this test's now. An abstract socket of its name keeps other processes from it.
func take(t testing.TB, port int) bool {
	t.Helper()
	taken, err := net.Listen("unix", "@xk6-mconnect-port-"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	t.Cleanup(func() { _ = taken.Close() })
	return true
}
