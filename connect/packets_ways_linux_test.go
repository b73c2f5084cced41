package connect_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// takeHook attaches an XDP program to the client's end of the wire that has nothing to do with this driver.
func (w *wired) takeHook(t *testing.T) {
	t.Helper()
	const pass = 2
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, pass), asm.Return()}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	require.NoError(t, w.in(w.client, func() error {
		l, err := netlink.LinkByName("wire")
		if err != nil {
			return err
		}
		attached, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: l.Attrs().Index, Flags: link.XDPGenericMode})
		if err == nil {
			t.Cleanup(func() { _ = attached.Close() })
		}
		return err
	}))
}

// attached is what is attached to the client's end of the wire.
type attached struct {
	xdp     bool
	tcx     int
	sockets int // of AF_PACKET
}

func (w *wired) attached(t *testing.T) (a attached) {
	t.Helper()
	require.NoError(t, w.in(w.client, func() error {
		l, err := netlink.LinkByName("wire")
		if err != nil {
			return err
		}
		a.xdp = l.Attrs().Xdp != nil && l.Attrs().Xdp.Attached
		if filters, err := link.QueryPrograms(link.QueryOptions{Target: l.Attrs().Index, Attach: ebpf.AttachTCXIngress}); err == nil {
			a.tcx = len(filters.Programs)
		}
		table, err := os.ReadFile("/proc/thread-self/net/packet")
		for _, b := range table {
			if b == '\n' {
				a.sockets++
			}
		}
		a.sockets-- // the heading
		return err
	}))
	return a
}

// An interface whose XDP hook has a program of others is used all the same, and the program stays.
func TestHookOfOthers(t *testing.T) {
	t.Parallel()
	w := newWired(t)
	s := w.serve(t)
	w.takeHook(t)
	const n = 1000
	plan := connect.Plan{Targets: targetsOf("10.99.0.2:5001"), Connections: n, Timeout: time.Minute, Sources: sourcesOf(t, "10.99.7.0/26", source.Ports{})}
	r := w.flood(t, connect.FloodPlan{Plan: plan})
	assert.Equal(t, connect.Hosts{"web-1": n}, r.Hosts, "%v", r.First)
	assert.EqualValues(t, n, s.Stats().Accepted)
	assert.Equal(t, attached{xdp: true}, w.attached(t))

	plan.KernelBypass, plan.Frames = true, frames.XDP
	assert.ErrorContains(t, w.in(w.client, func() error {
		_, err := connect.Flood(context.Background(), connect.FloodPlan{Plan: plan})
		return err
	}), "interface wire: another XDP program is attached to the interface")
}

// While connections are held, the interface has what their frames' way needs, and nothing of it when they are closed.
func TestNothingStaysAttached(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, w *wired) {
		t.Helper()
		w.serve(t)
		during := map[frames.Way]attached{frames.XDP: {xdp: true}, frames.Packet: {tcx: 1, sockets: 1}}[w.way]
		for range 2 {
			assert.Equal(t, attached{}, w.attached(t))
			var e connect.Engine
			var held *connect.Held
			require.NoError(t, w.in(w.client, func() (err error) {
				plan := connect.Plan{KernelBypass: true, Frames: w.way, Targets: targetsOf("10.99.0.2:5001"), Connections: 10}
				held, err = e.Hold(context.Background(), connect.HoldPlan{Plan: plan})
				return err
			}))
			<-held.Settled()
			assert.EqualValues(t, 10, held.States().Established)
			assert.Equal(t, during, w.attached(t))
			held.Close()
		}
		assert.Equal(t, attached{}, w.attached(t))
	})
}
