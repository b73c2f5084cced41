package command_test

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// moving is the address of a UDP peer whose first answer to a flow is of web-1, and all later ones of web-2.
func moving(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		known := map[string]bool{}
		for buf := make([]byte, 1<<10); ; {
			_, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			name := "web-1"
			if known[from.String()] {
				name = "web-2"
			}
			known[from.String()] = true
			_, _ = conn.WriteTo([]byte(name), from)
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-served
	})
	return conn.LocalAddr().String()
}

// A session of UDP that a balancer gives to another backend is seen without a script, too: which names are hosts' is what is expected.
func TestHoldOfFlowsThatMove(t *testing.T) {
	t.Parallel()
	r := run(t, "", "hold", moving(t), "--network", "udp", "--connections", "3", "--keepalive", "50ms", "--duration", "1s", "--expect-hosts", "web-1,web-2")
	assert.Equal(t, 99, exitCode(r.err), "%v", r.err)
	assert.Contains(t, strings.Join(strings.Fields(r.stdout), " "), "3 UDP flows went on with another host")
}
