package tcp_test

import (
	"bytes"
	"container/heap"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

const ethernetSize = 14 // before the packets of a TUN device, which has none

var kernelAddr = netip.MustParseAddrPort("10.77.0.1:7")

// newTun makes a network of its own, in which the kernel listens, and a TUN device that leads there.
func newTun(t *testing.T) (tun *os.File, listener net.Listener) {
	t.Helper()
	const purpose = "make network namespaces with a TUN device"
	needs.Root(t, purpose)
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		var err error
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			tun, listener, err = openTun()
		}
		failed <- err
	}()
	err := <-failed
	needs.Allowed(t, purpose, err)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = tun.Close(), listener.Close() })
	return tun, listener
}

func openTun() (*os.File, net.Listener, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	request, err := unix.NewIfreq("tun")
	if err != nil {
		return nil, nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, nil, err
	}
	l, err := netlink.LinkByName("tun")
	if err != nil {
		return nil, nil, err
	}
	addr, err := netlink.ParseAddr(kernelAddr.Addr().String() + "/16")
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(netlink.AddrAdd(l, addr), netlink.LinkSetUp(l)); err != nil {
		return nil, nil, err
	}
	listener, err := net.Listen("tcp", kernelAddr.String()) //nolint:noctx // in a network of its own
	return os.NewFile(uintptr(fd), "tun"), listener, err
}

// talk is one of our connections to the kernel, which sends packets and wants each of them back.
type talk struct {
	tcp.Conn
	addr     netip.AddrPort
	packets  [][]byte
	sent     []byte
	kept     []byte // of sent, what is not acknowledged
	received []byte
	news     map[tcp.What]int
}

// goOn does what is next.
func (c *talk) goOn() {
	switch {
	case c.State() != tcp.Established || len(c.kept) > 0 || len(c.received) < len(c.sent):
	case len(c.packets) == 0:
		c.Shut()
	default:
		c.kept = c.packets[0]
		c.sent = append(c.sent, c.packets[0]...)
		c.packets = c.packets[1:]
	}
}

// bad is a network between our TCP and the kernel's that loses packets, and has others arrive twice, late, and in another order.
type bad struct {
	tun   *os.File
	rand  *rand.Rand
	start time.Time
	way   onTheWay
	talks map[netip.AddrPort]*talk
}

// packet is one on its way.
type packet struct {
	at       int64
	toKernel bool
	data     []byte
}

// onTheWay are packets by when they arrive. It is a heap.
type onTheWay []packet

func (p onTheWay) Len() int           { return len(p) }
func (p onTheWay) Less(i, j int) bool { return p[i].at < p[j].at }
func (p onTheWay) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *onTheWay) Push(x any)        { *p = append(*p, x.(packet)) } //nolint:forcetypeassert // nothing else is pushed
func (p *onTheWay) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

func (b *bad) now() int64 { return int64(time.Since(b.start)) }

func (b *bad) carry(data []byte, toKernel bool) {
	const lost, twice, of = 8, 8, 100
	copies := 1
	switch luck := b.rand.IntN(of); {
	case luck < lost:
		copies = 0
	case luck < lost+twice:
		copies = 2
	}
	for range copies {
		heap.Push(&b.way, packet{b.now() + b.rand.Int64N(20*ms), toKernel, slices.Clone(data)})
	}
}

// send sends what our connections have to send, and returns when the next of their timers runs out.
func (b *bad) send() (wake int64) {
	frame := make([]byte, 2048)
	wake = tcp.Never
	for _, c := range b.talks {
		c.Expire(b.now())
		c.goOn()
		for s, ok := c.Next(c.kept, b.now()); ok; s, ok = c.Next(c.kept, b.now()) {
			s.SrcPort, s.DstPort, s.Window = c.addr.Port(), kernelAddr.Port(), window
			n := wire.PutTCP(frame, &wire.Path{}, c.addr.Addr(), kernelAddr.Addr(), &s)
			b.carry(frame[ethernetSize:n], true)
		}
		wake = min(wake, c.Deadline(b.now()))
	}
	return wake
}

// arrive hands over what is due.
func (b *bad) arrive(t *testing.T) {
	t.Helper()
	for len(b.way) > 0 && b.way[0].at <= b.now() {
		p := heap.Pop(&b.way).(packet) //nolint:forcetypeassert // nothing else is pushed
		if p.toKernel {
			_, err := b.tun.Write(p.data)
			require.NoError(t, err)
			continue
		}
		e := wire.Ethernet{Type: wire.TypeIPv4, Payload: p.data}
		ip, ok := e.Parse()
		if !ok {
			continue // IPv6, which looks for neighbors
		}
		s, ok := ip.TCP(wire.FullChecksums)
		require.True(t, ok, "a segment that can't be read: %x", p.data)
		c := b.talks[netip.AddrPortFrom(ip.Dst, s.DstPort)]
		require.NotNil(t, c)
		news := c.Receive(&s, window, b.now())
		if news.Reply != nil { // the connection may be over here, and not yet there
			require.Positive(t, c.news[tcp.Ended], "a RST for %+v in %v", s, c.State())
		}
		c.kept = c.kept[news.Acked:]
		c.received = append(c.received, news.Data...)
		for _, what := range []tcp.What{tcp.Connected, tcp.Refused, tcp.Reset, tcp.PeerDone, tcp.Ended} {
			if news.Has(what) {
				c.news[what]++
			}
		}
	}
}

// read takes what the kernel sends, until an instant.
func (b *bad) read(t *testing.T, until int64) {
	t.Helper()
	buffer := make([]byte, 4096)
	require.NoError(t, b.tun.SetReadDeadline(b.start.Add(time.Duration(until))))
	for {
		n, err := b.tun.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		require.NoError(t, err)
		b.carry(buffer[:n], false)
		require.NoError(t, b.tun.SetReadDeadline(time.Now())) // and what is there already
	}
}

// echo serves one connection of the kernel's, and tells how it ended.
func echo(conn net.Conn) error {
	defer conn.Close()
	_, err := io.Copy(conn, conn)
	return err
}

// Our TCP and the kernel's agree in every byte and in how connections end, whatever the network between them does.
func TestWithTheKernel(t *testing.T) {
	t.Parallel()
	tun, listener := newTun(t)
	const connections, packetsEach = 60, 5
	ends := make(chan error, connections)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { ends <- echo(conn) }()
		}
	}()
	b := &bad{tun: tun, rand: rand.New(rand.NewPCG(7, 8)), start: time.Now(), talks: map[netip.AddrPort]*talk{}} // #nosec G404 -- no secret
	for i := range connections {
		c := &talk{addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 77, 1, byte(i)}), 40_000), news: map[tcp.What]int{}} // #nosec G115 -- few
		for range packetsEach {
			data := make([]byte, 1+b.rand.IntN(1400))
			for k := range data {
				data[k] = byte(b.rand.Uint32())
			}
			c.packets = append(c.packets, data)
		}
		c.Open(b.rand.Uint32(), mss)
		b.talks[c.addr] = c
	}
	const patience = int64(60 * time.Second)
	isOver := func(c *talk) bool { return c.news[tcp.Ended] > 0 || c.State() == tcp.Closed }
	for over := 0; over < connections && b.now() < patience; {
		wake := b.send()
		if len(b.way) > 0 {
			wake = min(wake, b.way[0].at)
		}
		b.read(t, min(wake, b.now()+20*ms))
		b.arrive(t)
		over = 0
		for _, c := range b.talks {
			if isOver(c) {
				over++
			}
		}
	}
	for addr, c := range b.talks {
		c.news[tcp.Ended] = min(c.news[tcp.Ended], 1) // a RST after the FINs ends TIME-WAIT
		assert.Equal(t, map[tcp.What]int{tcp.Connected: 1, tcp.PeerDone: 1, tcp.Ended: 1}, c.news, "%s: %v", addr, c.State())
		assert.Len(t, c.sent, len(c.received), addr)
		assert.True(t, bytes.Equal(c.sent, c.received), addr)
	}
	if t.Failed() {
		return // not all of the kernel's ends have ended
	}
	for range connections {
		assert.NoError(t, <-ends, "the kernel has seen a FIN, and no RST")
	}
}
