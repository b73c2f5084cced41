package frames_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// onEachWay makes a test for each way that frames may travel.
func onEachWay(t *testing.T, test func(t *testing.T, p *pair, way frames.Way)) {
	t.Helper()
	for name, way := range map[string]frames.Way{"AF_XDP": frames.XDP, "AF_PACKET": frames.Packet} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newPair(t), way)
		})
	}
}

const patience = 10 * time.Second

var (
	near = netip.MustParseAddr("10.99.0.1")
	far  = netip.MustParseAddr("10.99.0.2")
)

// taking is a filter for a port of the far end.
func taking(port uint16) *frames.Filter {
	return &frames.Filter{Locals: []frames.Local{{Prefix: netip.PrefixFrom(far, 32)}}, Ports: []source.Ports{{First: port, Last: port}}}
}

// datagram is a frame for the far end's port 5001, with a number in it.
func (p *pair) datagram(frame []byte, number uint32) (n int) {
	path := wire.Path{Own: wire.MAC(p.near.mac), Next: wire.MAC(p.far.mac)}
	return wire.PutUDP(frame, &path, near, far, &wire.UDP{SrcPort: 7, DstPort: 5001, Payload: binary.BigEndian.AppendUint32(nil, number)})
}

// numberOf is the number that a frame has.
func numberOf(t *testing.T, frame []byte) uint32 {
	t.Helper()
	return binary.BigEndian.Uint32(payloadOf(t, frame))
}

func payloadOf(t *testing.T, frame []byte) []byte {
	t.Helper()
	e, ok := wire.ParseEthernet(frame)
	require.True(t, ok)
	ip, ok := e.Parse()
	require.True(t, ok)
	u, ok := ip.UDP(wire.FullChecksums)
	require.True(t, ok)
	return u.Payload
}

// receive waits for frames, and takes so many of them.
func receive(t *testing.T, d frames.Queue, n int, take func(frame []byte)) {
	t.Helper()
	for got := 0; got < n; {
		var fds []unix.PollFd
		for _, fd := range d.Descriptors() {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}) // #nosec G115 -- a descriptor
		}
		ready, err := unix.Poll(fds, int(patience.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		require.NoError(t, err)
		require.Positive(t, ready, "%d of %d frames have arrived", got, n)
		got += d.Receive(take)
	}
}

// Frames arrive as they were sent, in their order, however many there are.
func TestSendAndReceive(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, p *pair, way frames.Way) {
		t.Helper()
		options := frames.Options{AnyRemote: true, Virtual: true, Way: way}
		from, to := p.near.open(t, options), p.far.open(t, options)
		require.NoError(t, to.Take(taking(5001)))
		sent, got := uint32(0), uint32(0)
		for _, n := range []uint32{1, 10, 3000, 2, 1000} {
			for range n {
				room := from.Buffer()
				require.NotNil(t, room)
				from.Commit(p.datagram(room, sent))
				sent++
			}
			from.Flush()
			assert.False(t, from.Pending())
			receive(t, to, int(n), func(frame []byte) {
				assert.Equal(t, got, numberOf(t, frame))
				got++
			})
		}
		assert.Zero(t, to.Receive(func([]byte) {}))
		assert.Zero(t, to.Lost())
	})
}

// Each queue has its own frames, and a device those of all.
func TestQueues(t *testing.T) {
	t.Parallel()
	const queues, each = 4, 100
	p := newPairOf(t, queues)
	options := frames.Options{AnyRemote: true, Way: frames.XDP} // in generic mode, all of a veth pair's frames arrive on the first queue
	from, to := p.near.open(t, options), p.far.open(t, options)
	require.NoError(t, to.Take(taking(5001)))
	require.Len(t, from.Queues(), queues)
	require.Len(t, to.Queues(), queues)
	send := func() {
		for i, q := range from.Queues() {
			for range each {
				q.Commit(p.datagram(q.Buffer(), uint32(i))) // #nosec G115 -- few
			}
			q.Flush()
		}
	}
	send()
	for i, q := range to.Queues() {
		receive(t, q, each, func(frame []byte) { assert.EqualValues(t, i, numberOf(t, frame)) })
	}
	send()
	got := map[uint32]int{}
	receive(t, to, queues*each, func(frame []byte) { got[numberOf(t, frame)]++ })
	assert.Equal(t, map[uint32]int{0: each, 1: each, 2: each, 3: each}, got)
}

// What a filter names does not get to the kernel, and everything else does, as all does without a filter.
func TestTakenAndLeft(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, p *pair, way frames.Way) {
		t.Helper()
		d := p.far.open(t, frames.Options{AnyRemote: true, Virtual: true, Way: way})
		conns := map[int]net.PacketConn{}
		for _, port := range []int{5001, 5002} {
			require.NoError(t, p.far.do(func() (err error) {
				conns[port], err = net.ListenUDP("udp4", &net.UDPAddr{Port: port})
				return err
			}))
			t.Cleanup(func() { _ = conns[port].Close() })
		}
		send := func(port uint16, text string) {
			require.NoError(t, p.near.do(func() error {
				c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(far, port)))
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Write([]byte(text))
				return err
			}))
		}
		kernelHas := func(port int, text string) {
			t.Helper()
			buffer := make([]byte, 100)
			require.NoError(t, conns[port].SetReadDeadline(time.Now().Add(patience)))
			n, _, err := conns[port].ReadFrom(buffer)
			require.NoError(t, err)
			assert.Equal(t, text, string(buffer[:n]))
		}
		send(5001, "before")
		kernelHas(5001, "before")
		f := taking(5001)
		require.NoError(t, d.Take(f))
		send(5001, "taken")
		send(5002, "left")
		kernelHas(5002, "left")
		arrived := 0
		receive(t, d, 1, func([]byte) { arrived++ })
		assert.Equal(t, 1, arrived)
		d.Leave(f)
		send(5001, "after")
		kernelHas(5001, "after")
		assert.Zero(t, d.Receive(func([]byte) {}))
	})
}

// Frames that found no room are counted.
func TestLost(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, p *pair, way frames.Way) {
		t.Helper()
		options := frames.Options{AnyRemote: true, Virtual: true, Way: way}
		from, to := p.near.open(t, options), p.far.open(t, options)
		require.NoError(t, to.Take(taking(5001)))
		const n = 10_000
		for i := range uint32(n) {
			room := from.Buffer()
			require.NotNil(t, room)
			from.Commit(p.datagram(room, i))
			if i%100 == 0 {
				from.Flush()
			}
		}
		from.Flush()
		got := to.Receive(func([]byte) {})
		assert.Positive(t, got)
		assert.Less(t, got, n)
		assert.EqualValues(t, n, uint64(got)+to.Lost())
		assert.EqualValues(t, n, uint64(got)+to.Lost(), "the count stays")
	})
}

// Over AF_PACKET, frames that do not fit into the ring arrive whole, and checksums that the kernel has left undone are made.
func TestLargeFrames(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const mtu, size = 9000, 8000
	for _, e := range []*end{&p.near, &p.far} {
		require.NoError(t, e.do(func() error {
			l, err := netlink.LinkByName("wire")
			if err == nil {
				err = netlink.LinkSetMTU(l, mtu)
			}
			return err
		}))
	}
	d := p.far.open(t, frames.Options{AnyRemote: true, Way: frames.Packet})
	require.NoError(t, d.Take(taking(5001)))
	var sent [][]byte
	require.NoError(t, p.near.do(func() error {
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(far, 5001)))
		if err != nil {
			return err
		}
		defer c.Close()
		for i := range 20 {
			data := make([]byte, 1+i%2*size)
			data[len(data)-1] = byte(i)
			sent = append(sent, data)
			if _, err := c.Write(data); err != nil {
				return err
			}
		}
		return nil
	}))
	var got [][]byte
	receive(t, d, len(sent), func(frame []byte) { got = append(got, append([]byte(nil), payloadOf(t, frame)...)) })
	assert.Equal(t, sent, got)
}

// Over AF_PACKET, frames wait while the link is down, and then leave in their order.
func TestFramesWaitForTheLink(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	options := frames.Options{AnyRemote: true, Virtual: true, Way: frames.Packet}
	from, to := p.near.open(t, options), p.far.open(t, options)
	require.NoError(t, to.Take(taking(5001)))
	set := func(change func(netlink.Link) error) {
		require.NoError(t, p.far.do(func() error {
			l, err := netlink.LinkByName("wire")
			if err != nil {
				return err
			}
			return change(l)
		}))
	}
	set(netlink.LinkSetDown)
	n := uint32(0)
	for room := from.Buffer(); room != nil; room = from.Buffer() {
		from.Commit(p.datagram(room, n))
		n++
	}
	from.Flush()
	assert.True(t, from.Pending())
	assert.Positive(t, n)
	set(netlink.LinkSetUp)
	require.Eventually(t, func() bool {
		from.Flush()
		return !from.Pending()
	}, patience, time.Millisecond)
	got := uint32(0)
	receive(t, to, int(n), func(frame []byte) {
		assert.Equal(t, got, numberOf(t, frame))
		got++
	})
	assert.NotNil(t, from.Buffer())
}

// limited runs f with no more than some capabilities.
func (e *end) limited(f func() error, capabilities ...uint) error {
	return e.do(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		for _, bit := range capabilities {
			data[bit/32].Effective |= 1 << (bit % 32)
			data[bit/32].Permitted |= 1 << (bit % 32)
		}
		if err := unix.Capset(&header, &data[0]); err != nil { // of this thread, which ends
			return err
		}
		return f()
	})
}

// A device takes the capabilities that the documentation names, and says so if it lacks one of them.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, p *pair, way frames.Way) {
		t.Helper()
		needed := []uint{unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_BPF, unix.CAP_IPC_LOCK}
		open := func() error {
			d, err := frames.Open(frames.Options{Index: p.far.index, AnyRemote: true, Virtual: true, Way: way})
			if err == nil {
				err = d.Close()
			}
			return err
		}
		require.NoError(t, p.far.limited(open, needed...))
		for lacking := range 3 {
			some := append(append([]uint(nil), needed[:lacking]...), needed[lacking+1:]...)
			err := p.far.limited(open, some...)
			require.ErrorIs(t, err, fs.ErrPermission, "without %d", needed[lacking])
			assert.ErrorContains(t, err, "the kernel wants CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF of this process")
		}
		require.NoError(t, p.far.do(open))
	})
}

// A device tells its way, and what stands in that way.
func TestOpen(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	o := frames.Options{AnyRemote: true, Virtual: true}
	first, second := p.far.open(t, o), p.far.open(t, o)
	assert.Equal(t, "AF_XDP, generic mode", first.Name())
	assert.Equal(t, "AF_PACKET, tcx filter; slower than AF_XDP, which can't attach: another XDP program is attached to the interface", second.Name())
	o.Index = 1 << 20
	_, err := frames.Open(o)
	require.ErrorIs(t, err, unix.ENODEV)
}

// lookout counts how often a loop tells it of frames.
type lookout struct {
	watch *frames.Watch
	told  int
}

func (l *lookout) Tick(int64) int64 { return loop.Never }

func (l *lookout) Ready(uint32, loop.Events) {
	l.told++
	l.watch.Ready()
}

// An interface that is down keeps no loop busy, though its socket has an error all the time. Once it is up, frames arrive as before.
func TestWatchWhileDown(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, p *pair, way frames.Way) {
		t.Helper()
		d := p.far.open(t, frames.Options{AnyRemote: true, Virtual: true, Way: way})
		require.NoError(t, d.Take(taking(5001)))
		l, err := loop.Start()
		require.NoError(t, err)
		defer l.Stop()
		on := func(task func()) {
			done := make(chan struct{})
			require.True(t, l.Do(func() { task(); close(done) }))
			<-done
		}
		var h lookout
		var a *loop.Attachment
		got := make(chan struct{}, 1)
		on(func() {
			a = l.Attach(&h)
			h.watch = frames.NewWatch(d, a, func() int {
				return d.Receive(func([]byte) { // once is enough
					select {
					case got <- struct{}{}:
					default:
					}
				})
			})
		})
		defer on(func() {
			h.watch.Close()
			a.Detach()
		})
		set := func(change func(netlink.Link) error) {
			require.NoError(t, p.far.do(func() error {
				nic, err := netlink.LinkByName("wire")
				if err != nil {
					return err
				}
				return change(nic)
			}))
		}
		set(netlink.LinkSetDown)
		const turns = 1000
		for range turns {
			on(func() {})
		}
		on(func() { assert.Less(t, h.told, turns/10, "in as many turns") })

		set(netlink.LinkSetUp)
		out := p.near.open(t, frames.Options{AnyRemote: true, Virtual: true, Way: frames.Packet})
		assert.Eventually(t, func() bool { // the link takes a moment
			out.Commit(p.datagram(out.Buffer(), 1))
			out.Flush()
			select {
			case <-got:
				return true
			case <-time.After(100 * time.Millisecond):
				return false
			}
		}, patience, time.Millisecond)
	})
}
