//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nothing of the packet driver outlives k6, however that ends: the next call finds the interface as it was.
func TestPacketsAfterKill(t *testing.T) {
	t.Parallel()
	t.Run("AF_XDP", func(t *testing.T) { t.Parallel(); testPacketsAfterKill(t, false) })
	t.Run("AF_PACKET", func(t *testing.T) { t.Parallel(); testPacketsAfterKill(t, true) })
}

// hookTaken attaches an XDP program to the client's end that has nothing to do with the driver, which then does without one.
func testPacketsAfterKill(t *testing.T, hookTaken bool) {
	t.Helper()
	client, service := newNamespace(t), newNamespace(t)
	client.run(t, fmt.Sprintf("ip link add wire type veth peer name wire netns /proc/%d/fd/%d", os.Getpid(), service.file.Fd()))
	for host, ns := range map[int]*namespace{1: client, 2: service} {
		ns.run(t, fmt.Sprintf("ip address add 10.0.0.%d/24 dev wire", host))
		ns.run(t, "ip link set wire up")
	}
	service.run(t, "ip route add 10.1.0.0/16 via 10.0.0.1")
	startBackend(t, service, "web-1", "10.0.0.2:5001")

	if hookTaken {
		takeHook(t, client)
	}
	state := func() string {
		var s strings.Builder
		fmt.Fprintf(&s, "tcx filters: %d", tcxFilters(t, client))
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
	requireWayTold(t, client, hookTaken)
	before := state()
	require.Equal(t, hookTaken, strings.Contains(before, "xdp"))
	require.Contains(t, before, "tcx filters: 0")
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
		if hookTaken {
			assert.Contains(t, state(), "tcx filters: 1")
		} else {
			assert.Contains(t, state(), "xdp")
		}
		flood.signal(syscall.SIGKILL)
		flood.wait(t)
		assert.Eventually(t, func() bool { return state() == before }, patience, 10*time.Millisecond, "the kernel frees it soon")
		assert.Equal(t, before, state())
	}
}

// requireWayTold makes two floods, of which the log says once how their frames travel.
func requireWayTold(t *testing.T, client *namespace, hookTaken bool) {
	t.Helper()
	const flood = "await flood('10.0.0.2:5001', { driver: 'packets', source: '10.1.0.0/16', connections: 10 });"
	script := filepath.Join(t.TempDir(), "script.js")
	require.NoError(t, os.WriteFile(script, []byte("import { flood } from 'k6/x/mconnect';\nexport default async function () {"+flood+flood+"}"), 0o600))
	done := awaitK6(t, startK6(t, client, nil, script))
	require.Zero(t, done.code, done.stderr)
	want := "packets on interface wire go over AF_XDP, generic mode"
	if hookTaken {
		want = "packets on interface wire go over AF_PACKET, tcx filter; slower than AF_XDP, which can't attach: another XDP program is attached"
	}
	assert.Len(t, done.logged(want), 1, done.stderr)
}

func takeHook(t *testing.T, ns *namespace) {
	t.Helper()
	const pass = 2
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	require.NoError(t, ns.inside(func() error {
		wire, err := net.InterfaceByName("wire")
		if err != nil {
			return err
		}
		attached, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: wire.Index, Flags: link.XDPGenericMode})
		if err == nil {
			t.Cleanup(func() { _ = attached.Close() })
		}
		return err
	}))
}

func tcxFilters(t *testing.T, ns *namespace) (n int) {
	t.Helper()
	require.NoError(t, ns.inside(func() error {
		wire, err := net.InterfaceByName("wire")
		if err != nil {
			return err
		}
		found, err := link.QueryPrograms(link.QueryOptions{Target: wire.Index, Attach: ebpf.AttachTCXIngress})
		if err == nil {
			n = len(found.Programs)
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil // none has been there so far
		}
		return err
	}))
	return n
}
