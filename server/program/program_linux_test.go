package program

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// All of 127.0.0.0/8 is this host on Linux.
func TestLogSources(t *testing.T) {
	t.Parallel()
	p := startProgram(t, nil, "-address", "127.0.0.1:0", "-hostname", "web-1", "-log-sources", "-drain", "0")
	for source, times := range map[byte]int{2: 3, 3: 1, 4: 1} {
		for range times {
			connect(t, net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, source)}}, p.address, "web-1")
		}
	}
	last := p.stop(t, syscall.SIGTERM)
	assert.Equal(t, map[string]any{"different": 3.0, "min": 1.0, "max": 3.0, "beyond_limit": 0.0}, last["sources"])
}
