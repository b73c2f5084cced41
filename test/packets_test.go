//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing of the packet driver outlives k6, however that ends: the next call finds the interface as it was.
func TestPacketsAfterKill(t *testing.T) {
	t.Parallel()
	client, service := newNamespace(t), newNamespace(t)
	client.run(t, fmt.Sprintf("ip link add wire type veth peer name wire netns /proc/%d/fd/%d", os.Getpid(), service.file.Fd()))
	for host, ns := range map[int]*namespace{1: client, 2: service} {
		ns.run(t, fmt.Sprintf("ip address add 10.0.0.%d/24 dev wire", host))
		ns.run(t, "ip link set wire up")
	}
	service.run(t, "ip route add 10.1.0.0/16 via 10.0.0.1")
	startBackend(t, service, "web-1", "10.0.0.2:5001")

	state := func() string {
		var s strings.Builder
		for _, ns := range []*namespace{client, service} {
			s.WriteString(ns.run(t, "ip -d -o link show wire"))
			for _, family := range []string{"-4", "-6"} {
				s.WriteString(ns.run(t, "ip "+family+" route show table all"))
			}
			for neighbour := range strings.Lines(ns.run(t, "ip neigh")) {
				who, _, _ := strings.Cut(neighbour, " ") // the rest changes by itself
				if !strings.HasPrefix(who, "10.0.0.") {  // each other
					s.WriteString(who)
				}
			}
		}
		return s.String()
	}
	// IPv6 addresses of the link, which come with routes, take a moment.
	require.Eventually(t, func() bool {
		text := client.run(t, "ip -6 address show wire") + service.run(t, "ip -6 address show wire")
		return strings.Contains(text, "fe80:") && !strings.Contains(text, "tentative")
	}, patience, 10*time.Millisecond)
	before := state()
	require.NotContains(t, before, "xdp")
	for range 2 {
		flood := start(t, client, k6Path, "x", "mconnect", "flood", "10.0.0.2:5001", "--driver", "packets", "--source", "10.1.0.0/16",
			"--connections", "100000000", "--timeout", "10m")
		received := func() int64 {
			var links []struct {
				Stats struct {
					RX struct {
						Packets int64 `json:"packets"`
					} `json:"rx"`
				} `json:"stats64"`
			}
			require.NoError(t, json.Unmarshal([]byte(service.run(t, "ip -s -j link show wire")), &links))
			return links[0].Stats.RX.Packets
		}
		from := received()
		require.Eventually(t, func() bool { return received() > from+10_000 }, patience, 10*time.Millisecond, "in mid-flood: %s", flood.stderr)
		assert.Contains(t, state(), "xdp")
		flood.signal(syscall.SIGKILL)
		flood.wait(t)
		assert.Eventually(t, func() bool { return state() == before }, patience, 10*time.Millisecond, "the kernel frees it soon")
		assert.Equal(t, before, state())
	}
}
