package connect_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// intruder sees what the server's host sends, and sends frames of its own from there.
type intruder struct {
	fd   int
	path wire.Path
	rand *rand.Rand
}

func newIntruder(t *testing.T, w *wired) *intruder {
	t.Helper()
	i := &intruder{rand: rand.New(rand.NewPCG(1, 2))} // #nosec G404 -- repeatable
	require.NoError(t, w.in(w.client, func() error {
		l, err := netlink.LinkByName("wire")
		if err == nil {
			i.path.Next = wire.MAC(l.Attrs().HardwareAddr)
		}
		return err
	}))
	require.NoError(t, w.in(w.server, func() error {
		l, err := netlink.LinkByName("wire")
		if err != nil {
			return err
		}
		i.path.Own = wire.MAC(l.Attrs().HardwareAddr)
		all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
		if i.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return err
		}
		return unix.Bind(i.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Attrs().Index})
	}))
	require.NoError(t, unix.SetsockoptTimeval(i.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}))
	t.Cleanup(func() { _ = unix.Close(i.fd) })
	return i
}

func (i *intruder) send(t *testing.T, frame []byte) {
	t.Helper()
	_, err := unix.Write(i.fd, frame)
	assert.NoError(t, err) // which is not fatal, as it may run on a goroutine
}

// replay sends everything again that the server's host sends, at once and once more a little later, until done is closed.
func (i *intruder) replay(t *testing.T, done <-chan struct{}) (replayed int) {
	t.Helper()
	const delay = 50
	var old [delay][]byte
	buffer := make([]byte, 2048)
	for {
		select {
		case <-done:
			return replayed
		default:
		}
		n, from, err := unix.Recvfrom(i.fd, buffer, 0)
		if err != nil {
			continue // the time is up
		}
		if l, ok := from.(*unix.SockaddrLinklayer); !ok || l.Pkttype != unix.PACKET_OUTGOING {
			continue
		}
		i.send(t, buffer[:n])
		if old[replayed%delay] != nil {
			i.send(t, old[replayed%delay])
		}
		old[replayed%delay] = append([]byte(nil), buffer[:n]...)
		replayed++
	}
}

// attack sends what a connection does not expect, with sequence numbers that are not in its window.
func (i *intruder) attack(t *testing.T, from, to netip.AddrPort) {
	t.Helper()
	frame := make([]byte, 2048)
	segment := func(flags wire.Flags, text string) []byte {
		s := wire.TCP{SrcPort: from.Port(), DstPort: to.Port(), Seq: i.rand.Uint32(), Ack: i.rand.Uint32(), Flags: flags, Window: 100, Payload: []byte(text)}
		return frame[:wire.PutTCP(frame, &i.path, from.Addr(), to.Addr(), &s)]
	}
	for _, flags := range []wire.Flags{wire.RST, wire.RST | wire.ACK, wire.SYN, wire.SYN | wire.ACK, wire.FIN | wire.ACK, wire.ACK, 0, 0x1f} {
		i.send(t, segment(flags, ""))
		i.send(t, segment(flags, "an overlap"))
	}
	whole := segment(wire.RST|wire.ACK, "cut off")
	for _, n := range []int{14, 15, 33, 34, 40, 53, len(whole) - 1} {
		i.send(t, whole[:n])
	}
	i.send(t, frame[:wire.PutUDP(frame, &i.path, from.Addr(), to.Addr(), &wire.UDP{SrcPort: from.Port(), DstPort: to.Port(), Payload: []byte("x")})])
	i.send(t, i.rejection(frame, from, to))
}

// rejection is an ICMP error about a segment that the connection has not sent.
func (i *intruder) rejection(frame []byte, from, to netip.AddrPort) []byte {
	const ethernetSize, ipSize, icmpSize, quoted = 14, 20, 8, 28
	about := make([]byte, 128)
	wire.PutTCP(about, &i.path, to.Addr(), from.Addr(), &wire.TCP{SrcPort: to.Port(), DstPort: from.Port(), Seq: i.rand.Uint32(), Flags: wire.ACK})
	n := wire.PutUDP(frame, &i.path, from.Addr(), to.Addr(), &wire.UDP{Payload: about[ethernetSize : ethernetSize+quoted]})
	ip := frame[ethernetSize:n]
	ip[9] = byte(wire.ProtocolICMP)
	message := ip[ipSize:]
	copy(message[:icmpSize], []byte{3, 1})
	for _, part := range []struct{ bytes, check []byte }{{ip[:ipSize], ip[10:12]}, {message, message[2:4]}} {
		copy(part.check, []byte{0, 0})
		sum := uint32(0)
		for k := 0; k+1 < len(part.bytes); k += 2 {
			sum += uint32(binary.BigEndian.Uint16(part.bytes[k:]))
		}
		sum = sum>>16 + sum&0xffff
		binary.BigEndian.PutUint16(part.check, ^uint16(sum+sum>>16)) // #nosec G115 -- folded
	}
	return frame[:n]
}

// Segments that are not the peer's, or out of turn, change no count.
func TestHostileSegments(t *testing.T) {
	t.Parallel()
	onEachWay(t, testHostileSegments)
}

func testHostileSegments(t *testing.T, w *wired) {
	t.Helper()
	s := w.serve(t)
	i := newIntruder(t, w)
	const n, port = 100, 20_000
	plan := connect.Plan{
		KernelBypass: true, Frames: w.way, Targets: targetsOf("10.99.0.2:5001"), Connections: n,
		Sources: sourcesOf(t, "10.99.7.1-10.99.7.100", source.Ports{First: port, Last: port}),
	}
	var e connect.Engine
	var held *connect.Held
	require.NoError(t, w.in(w.client, func() (err error) {
		held, err = e.Hold(context.Background(), connect.HoldPlan{Plan: plan})
		return err
	}))
	<-held.Settled()
	target := plan.Targets[0].Addr
	for at := range uint64(n) {
		i.attack(t, target, netip.AddrPortFrom(plan.Sources.Pool.At(at), port))
	}
	i.attack(t, target, netip.MustParseAddrPort("10.99.7.1:20001")) // nobody's

	done, replayed := make(chan struct{}), make(chan int)
	go func() { replayed <- i.replay(t, done) }()
	flood := connect.Plan{KernelBypass: true, Frames: w.way, Targets: plan.Targets, Connections: 3000, Sources: sourcesOf(t, "10.99.8.0/26", source.Ports{}), Timeout: time.Minute}
	var flooded *connect.FloodResult
	require.NoError(t, w.in(w.client, func() (err error) {
		flooded, err = e.Flood(context.Background(), connect.FloodPlan{Plan: flood})
		return err
	}))
	close(done)
	assert.Positive(t, <-replayed)
	assert.Equal(t, connect.States{Completed: 3000}, flooded.States, "every segment came more than once: %v", flooded.First)
	assert.Equal(t, connect.Hosts{"web-1": 3000}, flooded.Hosts)
	assert.EqualValues(t, n+3000, s.Stats().Accepted)

	assert.Equal(t, connect.States{Established: n}, held.States())
	r := held.Close()
	assert.Equal(t, connect.States{Completed: n}, r.States, "%v", r.First)
	assert.EqualValues(t, n*len("web-1"), r.BytesReceived, "and nobody else's bytes")
	assert.Eventually(t, func() bool { return s.Stats().Active == 0 }, time.Minute, time.Millisecond, "connections are closed at both ends")
}

// What the kernel carries between the same two hosts meanwhile, with the same addresses, arrives in full.
func TestOthersOnTheSameLink(t *testing.T) {
	t.Parallel()
	onEachWay(t, testOthersOnTheSameLink)
}

func testOthersOnTheSameLink(t *testing.T, w *wired) {
	t.Helper()
	w.serve(t)
	var listener net.Listener
	require.NoError(t, w.in(w.server, func() (err error) {
		listener, err = net.Listen("tcp", "10.99.0.2:22") //nolint:noctx // in a network of its own
		return err
	}))
	defer listener.Close()
	hashes := make(chan [sha256.Size]byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		hash := sha256.New()
		_, _ = io.Copy(hash, io.TeeReader(conn, conn)) // and back
		hashes <- [sha256.Size]byte(hash.Sum(nil))
	}()
	var conn net.Conn
	require.NoError(t, w.in(w.client, func() (err error) {
		conn, err = net.Dial("tcp", "10.99.0.2:22") //nolint:noctx // likewise
		return err
	}))
	defer conn.Close()

	ended, flooded := make(chan struct{}), make(chan *connect.FloodResult, 1)
	go func() {
		defer close(ended)
		flooded <- w.flood(t, connect.FloodPlan{Plan: connect.Plan{Targets: targetsOf("10.99.0.2:5001"), Connections: 5000, Timeout: time.Minute}})
	}()
	random := rand.NewChaCha8([32]byte{1})
	sent, back := sha256.New(), sha256.New()
	block, echo := make([]byte, 64<<10), make([]byte, 64<<10)
	for more := true; more; { // from before the flood begins until after it has ended
		select {
		case <-ended:
			more = false
		default:
		}
		_, _ = random.Read(block)
		sent.Write(block)
		_, err := conn.Write(block)
		require.NoError(t, err)
		_, err = io.ReadFull(conn, echo)
		require.NoError(t, err)
		back.Write(echo)
	}
	require.NoError(t, conn.(*net.TCPConn).CloseWrite()) //nolint:forcetypeassert // that is what was dialed
	r := <-flooded
	assert.Equal(t, connect.States{Completed: 5000}, r.States, "%v", r.First)
	want := [sha256.Size]byte(sent.Sum(nil))
	assert.Equal(t, want, <-hashes)
	assert.Equal(t, want, [sha256.Size]byte(back.Sum(nil)))
}
