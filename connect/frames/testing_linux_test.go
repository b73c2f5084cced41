package frames_test

import (
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// pair is a veth pair between two networks of its own.
type pair struct{ near, far end }

// end is an end of the pair, in its network.
type end struct {
	ns    int
	index int
	mac   net.HardwareAddr
}

const makeNetworks = "make network namespaces"

func newPair(t testing.TB) *pair {
	t.Helper()
	return newPairOf(t, 1)
}

// newPairOf makes a pair whose ends have so many queues.
func newPairOf(t testing.TB, queues int) *pair {
	t.Helper()
	needs.Root(t, makeNetworks)
	p := &pair{end{ns: newNetwork(t)}, end{ns: newNetwork(t)}}
	require.NoError(t, p.near.do(func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "wire", NumTxQueues: queues, NumRxQueues: queues},
			PeerName:  "wire", PeerNamespace: netlink.NsFd(p.far.ns), PeerNumTxQueues: uint32(queues), PeerNumRxQueues: uint32(queues), // #nosec G115 -- few
		})
	}))
	for e, addr := range map[*end]string{&p.near: "10.99.0.1/16", &p.far: "10.99.0.2/16"} {
		require.NoError(t, e.do(func() error { return e.setUp(addr) }))
	}
	return p
}

func newNetwork(t testing.TB) (fd int) {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		failed <- err
	}()
	err := <-failed
	needs.Allowed(t, makeNetworks, err)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func (e *end) setUp(address string) error {
	l, err := netlink.LinkByName("wire")
	if err != nil {
		return err
	}
	e.index, e.mac = l.Attrs().Index, l.Attrs().HardwareAddr
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(l, addr); err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// do runs f on a thread in the end's network.
func (e *end) do(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		err := unix.Setns(e.ns, unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		failed <- err
	}()
	return <-failed
}

// open opens a device at the end.
func (e *end) open(t testing.TB, o frames.Options) (d frames.Device) {
	t.Helper()
	o.Index = e.index
	require.NoError(t, e.do(func() (err error) {
		d, err = frames.Open(o)
		return err
	}))
	t.Cleanup(func() { _ = d.Close() })
	return d
}
