package connect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// wired are two networks of their own, joined by a veth pair: 10.99.0.1 and fd99::1 are the client's, 10.99.0.2 and fd99::2 the server's.
type wired struct {
	client, server int
	way            frames.Way // of the client's packets, and of a server's that answers from packets
}

// onEachWay makes a test of packets for each way that their frames may travel.
func onEachWay(t *testing.T, test func(t *testing.T, w *wired)) {
	t.Helper()
	for name, row := range map[string]struct {
		way    frames.Way
		queues int
	}{"AF_XDP": {frames.XDP, 1}, "AF_XDP, several queues": {frames.XDP, 4}, "AF_PACKET": {frames.Packet, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWiredWith(t, row.queues)
			w.way = row.way
			test(t, w)
		})
	}
}

const makeNetworks = "make network namespaces"

// newWired leaves the test out where the packet driver can't run.
func newWired(t *testing.T) *wired {
	t.Helper()
	return newWiredWith(t, 1)
}

// newWiredWith gives both ends so many queues, among which frames are spread.
func newWiredWith(t *testing.T, queues int) *wired {
	t.Helper()
	needs.Root(t, makeNetworks)
	w := &wired{client: newNetwork(t), server: newNetwork(t)}
	require.NoError(t, w.in(w.client, func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "wire", NumTxQueues: queues, NumRxQueues: queues},
			PeerName:  "wire", PeerNamespace: netlink.NsFd(w.server), PeerNumTxQueues: uint32(queues), PeerNumRxQueues: uint32(queues), // #nosec G115 -- few
		})
	}))
	for host, ns := range map[int]int{1: w.client, 2: w.server} {
		require.NoError(t, w.in(ns, func() error { return setUp(host) }))
		if queues > 1 {
			require.NoError(t, w.in(ns, turnOnGRO)) // else a veth pair forgets which queue a frame was on
		}
	}
	return w
}

func newNetwork(t *testing.T) (fd int) {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		if err == nil {
			err = setLoopbackUp() // before package net looks, once, whether there is IPv6
		}
		failed <- err
	}()
	err := <-failed
	needs.Allowed(t, makeNetworks, err)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func setLoopbackUp() error {
	l, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

func setUp(host int) error {
	// The kernel solicits neighbours from its link-local address, once it knows that nobody else has that.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/wire/accept_dad", []byte("0"), 0); err != nil {
		return err
	}
	l, err := netlink.LinkByName("wire")
	if err != nil {
		return err
	}
	for _, text := range []string{fmt.Sprintf("10.99.0.%d/16", host), fmt.Sprintf("fd99::%d/64", host)} {
		addr, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		addr.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(l, addr); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(l)
}

// in runs f on a thread in a network.
func (w *wired) in(ns int, f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		err := unix.Setns(ns, unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		failed <- err
	}()
	return <-failed
}

// serve runs mconnect-server's responder and echo.
func (w *wired) serve(t *testing.T) *server.Server {
	t.Helper()
	var s *server.Server
	require.NoError(t, w.in(w.server, func() (err error) {
		s, err = server.Start(server.Options{Address: "[::]:5001", UDP: true, Echo: "[::]:5003", Hostname: "web-1", Drain: -1})
		return err
	}))
	t.Cleanup(s.Close)
	return s
}

func (w *wired) flood(t *testing.T, plan connect.FloodPlan) *connect.FloodResult {
	t.Helper()
	plan.KernelBypass, plan.Frames = true, w.way
	r := new(connect.FloodResult)
	assert.NoError(t, w.in(w.client, func() error { // which is not fatal, as it may run on a goroutine
		flooded, err := connect.Flood(context.Background(), plan)
		if err == nil {
			r = flooded
		}
		return err
	}))
	return r
}

func targetsOf(addrs ...string) (targets []connect.Target) {
	for _, a := range addrs {
		targets = append(targets, connect.Target{Name: a, Addr: netip.MustParseAddrPort(a)})
	}
	return targets
}

func sourcesOf(t *testing.T, pool string, ports source.Ports) source.Sequence {
	t.Helper()
	p, err := source.ParsePool(pool)
	require.NoError(t, err)
	return source.Sequence{Pool: p, Ports: ports}
}

// Packets reach what sockets reach, with sources that no interface has, too.
func TestFloodOfPackets(t *testing.T) {
	t.Parallel()
	onEachWay(t, testFlood)
}

func testFlood(t *testing.T, w *wired) {
	t.Helper()
	s := w.serve(t)
	const n = 3000 // from few sources, since all networks together have room for 1,024 neighbours
	plans := map[string]connect.Plan{
		"own address":     {Targets: targetsOf("10.99.0.2:5001")},
		"reset":           {Targets: targetsOf("10.99.0.2:5001"), Reset: true},
		"foreign sources": {Targets: targetsOf("10.99.0.2:5001"), Sources: sourcesOf(t, "10.99.7.0/26", source.Ports{})},
		"fixed ports":     {Targets: targetsOf("10.99.0.2:5001"), Sources: sourcesOf(t, "10.99.8.0/26", source.Ports{First: 10_000, Last: 10_099})},
		"payload":         {Targets: targetsOf("10.99.0.2:5001"), Payload: []byte("Hello")},
		"UDP":             {Network: "udp", Targets: targetsOf("10.99.0.2:5001")},
		"IPv6":            {Targets: targetsOf("[fd99::2]:5001")},
		"UDP over IPv6":   {Network: "udp", Targets: targetsOf("[fd99::2]:5001"), Sources: sourcesOf(t, "fd99::7:0/122", source.Ports{})},
		"foreign, IPv6":   {Targets: targetsOf("[fd99::2]:5001"), Sources: sourcesOf(t, "fd99::8:0/122", source.Ports{})},
		"PROXY protocol":  {Targets: targetsOf("10.99.0.2:5001"), ProxyProtocol: 1},
	}
	for name, plan := range plans {
		plan.Connections, plan.Timeout = n, time.Minute
		before := s.Stats()
		r := w.flood(t, connect.FloodPlan{Plan: plan})
		assert.Equal(t, connect.States{Completed: n}, r.States, "%s: %v", name, r.First)
		assert.Equal(t, connect.Hosts{"web-1": n}, r.Hosts, name)
		if plan.Network == "udp" {
			assert.Equal(t, int64(n), s.Stats().Datagrams-before.Datagrams, name)
			continue
		}
		assert.Equal(t, int64(n), s.Stats().Accepted-before.Accepted, name)
		assert.Positive(t, r.RTT.Med, name)
	}
	assert.Eventually(t, func() bool { return s.Stats().Active == 0 }, time.Minute, time.Millisecond, "connections are closed at both ends")
}

// A failure has the same class as over sockets.
func TestFailuresOfPackets(t *testing.T) {
	t.Parallel()
	onEachWay(t, testFailures)
}

func testFailures(t *testing.T, w *wired) {
	t.Helper()
	for name, row := range map[string]struct {
		target string
		want   connect.Class
	}{
		"nothing listens":       {"10.99.0.2:7", connect.ClassRefused},
		"nothing listens, IPv6": {"[fd99::2]:7", connect.ClassRefused},
		"nobody is there":       {"10.99.0.3:5001", connect.ClassHostUnreachable},
	} {
		r := w.flood(t, connect.FloodPlan{Plan: connect.Plan{Targets: targetsOf(row.target), Connections: 20}})
		assert.Equal(t, map[connect.Class]int64{row.want: 20}, r.Errors, "%s: %v", name, r.First)
	}
	r := w.flood(t, connect.FloodPlan{Plan: connect.Plan{Network: "udp", Targets: targetsOf("10.99.0.2:7"), Connections: 5}})
	assert.Equal(t, map[connect.Class]int64{connect.ClassRefused: 5}, r.Errors, "an ICMP error: %v", r.First)
}

// A datagram that is too large for a link on the way fails as what it is, with whoever says so, since the driver sends none in parts.
func TestPacketsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWired(t)
	require.NoError(t, w.in(w.server, func() error {
		narrow := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "narrow", MTU: 1000}, PeerName: "nowhere"}
		addr, err := netlink.ParseAddr("10.98.0.1/16")
		return errors.Join(err, netlink.LinkAdd(narrow), netlink.AddrAdd(narrow, addr), netlink.LinkSetUp(narrow),
			os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o600))
	}))
	require.NoError(t, w.in(w.client, func() error {
		_, behind, err := net.ParseCIDR("10.98.0.0/16")
		return errors.Join(err, netlink.RouteAdd(&netlink.Route{Dst: behind, Gw: net.IPv4(10, 99, 0, 2)}))
	}))
	plan := connect.Plan{Network: "udp", Targets: targetsOf("10.98.0.2:5001"), Connections: 3, Payload: make([]byte, 1200)}
	r := w.flood(t, connect.FloodPlan{Plan: plan})
	require.Equal(t, map[connect.Class]int64{connect.ClassOther: 3}, r.Errors)
	assert.ErrorContains(t, r.First[connect.ClassOther].Err, "message too long (ICMP: fragmentation needed, from 10.99.0.2)")
}

// Over loopback, IPv4 is refused with what to do, unless that has been done, and IPv6 works.
func TestPacketsOverLoopback(t *testing.T) {
	t.Parallel()
	w := newWired(t)
	var s *server.Server
	require.NoError(t, w.in(w.client, func() (err error) {
		s, err = server.Start(server.Options{Address: "[::]:5001", Hostname: "web-1", Drain: -1})
		return err
	}))
	t.Cleanup(s.Close)
	flood := func(target string) (r *connect.FloodResult, err error) {
		return r, w.in(w.client, func() error {
			r, err = connect.Flood(context.Background(), connect.FloodPlan{Plan: connect.Plan{KernelBypass: true, Targets: targetsOf(target), Connections: 100}})
			return err
		})
	}
	for target, missing := range map[string]string{
		"127.0.0.1:5001": "sysctl -w net.ipv4.conf.lo.accept_local=1 net.ipv4.conf.lo.route_localnet=1",
		"10.99.0.1:5001": "sysctl -w net.ipv4.conf.lo.accept_local=1",
	} {
		_, err := flood(target)
		require.ErrorContains(t, err, missing)
	}
	for _, option := range []string{"accept_local", "route_localnet"} {
		require.NoError(t, w.in(w.client, func() error { return os.WriteFile("/proc/sys/net/ipv4/conf/lo/"+option, []byte("1"), 0o600) }))
	}
	for _, target := range []string{"127.0.0.1:5001", "10.99.0.1:5001", "[::1]:5001"} {
		r, err := flood(target)
		require.NoError(t, err)
		assert.Equal(t, connect.States{Completed: 100}, r.States, "%s: %v", target, r.First)
	}
}

// What the driver can't do is told before anything is dialed.
func TestPacketsThatCantBe(t *testing.T) {
	t.Parallel()
	w := newWired(t)
	for says, plan := range map[string]connect.Plan{
		"does not speak TLS":    {Network: "tls", Targets: targetsOf("10.99.0.2:5001")},
		"no route to 192.0.2.1": {Targets: targetsOf("192.0.2.1:5001")},
	} {
		plan.KernelBypass = true
		var e connect.Engine
		err := w.in(w.client, func() error {
			_, err := e.Flood(context.Background(), connect.FloodPlan{Plan: plan})
			return err
		})
		assert.ErrorContains(t, err, says)
		assert.Equal(t, connect.States{}, e.Total.States())
	}
}

// A server that answers from packets does what the other one does, for an address that no interface has.
func TestPacketsAtBothEnds(t *testing.T) {
	t.Parallel()
	onEachWay(t, testBothEnds)
}

// Where interfaces have several queues, what the kernel at the other end sends on each of them is answered.
func TestPacketServerOverSeveralQueues(t *testing.T) {
	t.Parallel()
	w := newWiredWith(t, 4)
	var fromPackets *server.Server
	require.NoError(t, w.in(w.server, func() (err error) {
		fromPackets, err = server.Start(server.Options{Address: "10.99.0.50:5001", Hostname: "web-2", Packets: "wire", Drain: -1})
		return err
	}))
	defer fromPackets.Close()
	for range 100 {
		require.NoError(t, w.in(w.client, func() error {
			conn, err := net.Dial("tcp", "10.99.0.50:5001")
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			greeting := make([]byte, len("web-2"))
			_, err = io.ReadFull(conn, greeting)
			assert.Equal(t, "web-2", string(greeting))
			return err
		}))
	}
}

func turnOnGRO() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	on := struct{ command, value uint32 }{unix.ETHTOOL_SGRO, 1}
	request := struct {
		name  [unix.IFNAMSIZ]byte
		value unsafe.Pointer
		_     [16]byte
	}{value: unsafe.Pointer(&on)} // #nosec G103 -- both outlive the call
	copy(request.name[:], "wire")
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 { // #nosec G103 -- for the kernel
		return errno
	}
	return nil
}

func testBothEnds(t *testing.T, w *wired) {
	t.Helper()
	var s *server.Server
	require.NoError(t, w.in(w.server, func() (err error) {
		s, err = server.Start(server.Options{Address: "10.99.0.50:5001", UDP: true, Echo: "10.99.0.50:5003", Hostname: "web-1", Packets: "wire", Frames: w.way, Drain: -1})
		return err
	}))
	defer s.Close()
	const n = 2000
	sources := sourcesOf(t, "10.99.7.0/24", source.Ports{})
	r := w.flood(t, connect.FloodPlan{Plan: connect.Plan{Targets: targetsOf("10.99.0.50:5001"), Connections: n, Sources: sources}})
	assert.Equal(t, connect.Hosts{"web-1": n}, r.Hosts, "%v", r.First)
	assert.EqualValues(t, n, s.Stats().Accepted)
	assert.EqualValues(t, n, s.Stats().Replies)
	r = w.flood(t, connect.FloodPlan{Plan: connect.Plan{Network: "udp", Targets: targetsOf("10.99.0.50:5001"), Connections: n, Sources: sources}})
	assert.Equal(t, connect.Hosts{"web-1": n}, r.Hosts, "UDP: %v", r.First)
	assert.EqualValues(t, n, s.Stats().DatagramsAnswered)

	require.NoError(t, w.in(w.client, func() error {
		var e connect.Engine
		plan := connect.Plan{KernelBypass: true, Frames: w.way, Targets: targetsOf("10.99.0.50:5003"), Connections: 20, Sources: sources}
		traffic, err := e.Traffic(context.Background(), connect.TrafficPlan{Plan: plan, Duration: time.Second, Throughput: 200, Verify: true})
		if err != nil {
			return err
		}
		assert.Positive(t, traffic.Received)
		assert.Zero(t, traffic.Corrupted+traffic.Lost, "%v", traffic.Errors) // a busy machine may drop some that are due
		plan.Targets, plan.Connections = targetsOf("10.99.0.50:5001"), n
		held, err := e.Hold(context.Background(), connect.HoldPlan{Plan: plan})
		if err != nil {
			return err
		}
		<-held.Settled()
		assert.EqualValues(t, n, held.States().Established)
		assert.EqualValues(t, n, held.Close().States.Completed)
		return nil
	}))
}
