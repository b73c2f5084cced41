package command_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// throttled is the address of a server that echoes no more than so many bytes on a connection in each turn of 100 ms.
func throttled(t *testing.T, bytes int) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				turn := time.NewTicker(100 * time.Millisecond)
				defer turn.Stop()
				for range turn.C {
					if _, err := io.CopyN(conn, conn, int64(bytes)); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		served.Wait()
	})
	return listener.Addr().String()
}

// Traffic over a proxy that throttles keeps up, loses nothing, and is not well: a tenth of what was asked for gets through.
func TestTrafficThatIsThrottled(t *testing.T) {
	t.Parallel()
	r := run(t, "", "traffic", throttled(t, 1000), "--connections", "2", "--packet-size", "1000", "--rate", "200", "--duration", "1s")
	assert.Equal(t, 99, exitCode(r.err), "%v", r.err)
	assert.Contains(t, strings.Join(strings.Fields(r.stdout), " "), "packets that were due could be sent")
	r = run(t, "", "traffic", throttled(t, 1000), "--connections", "2", "--packet-size", "1000", "--rate", "10", "--duration", "1s")
	assert.NoError(t, r.err)
}
