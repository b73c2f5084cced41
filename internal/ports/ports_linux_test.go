package ports_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/ports"
)

// Each address is another one as long as a test has it, and the system chooses none of their ports.
func TestOutside(t *testing.T) {
	t.Parallel()
	first, last, known := limits.EphemeralPorts()
	require.True(t, known)
	given := map[string]bool{}
	for range 20 {
		address := ports.Outside(t)
		assert.False(t, given[address], address)
		given[address] = true
		_, text, err := net.SplitHostPort(address)
		require.NoError(t, err)
		port, err := strconv.Atoi(text)
		require.NoError(t, err)
		assert.True(t, port < int(first) || port > int(last), "%d is one of %d to %d", port, first, last)
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		require.NoError(t, listener.Close())
	}
}
