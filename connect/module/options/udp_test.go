package options_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// Calls over UDP expect nothing of SYNs.
func TestUDPHasNoSYN(t *testing.T) {
	t.Parallel()
	for network, want := range map[string]bool{"tcp": false, "tls": false, "udp": true, "udp6": true} {
		flood, err := options.ParseFlood("web:80", map[string]any{"network": network})
		require.NoError(t, err)
		assert.Equal(t, want, flood.Expect.NoSYN, network)
		hold, err := options.ParseHold("web:80", map[string]any{"network": network, "keepalive": "10s"})
		require.NoError(t, err)
		assert.Equal(t, want, hold.Expect.NoSYN, network)
	}
}
