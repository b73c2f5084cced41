package ping_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// A server that accepts so late that its queue is full makes the kernel drop SYNs: that is TCP's time.
func TestFullAcceptQueueDelaysConnect(t *testing.T) {
	t.Parallel()
	listener := shortQueue(t)
	filler, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer filler.Close()
	resolve := stubResolver(t, 0)
	results := make(chan *ping.Result, 1)
	gate := make(chan struct{})
	peer := slowPeer(t, gated{listener, gate}, delays{})
	plan := ping.Plan{URL: urlOf(t, listener.Addr()), TLS: trusting(peer), Resolve: resolve, Timeout: time.Minute}
	go func() {
		r, err := ping.Do(t.Context(), plan)
		assert.NoError(t, err)
		results <- r
	}()
	awaitSYN(t, listener.Addr())
	time.Sleep(delay) // it is what is tested
	close(gate)
	checkPhases(t, <-results, ping.PhaseConnect)
}

// shortQueue listens with a queue for one connection.
func shortQueue(t *testing.T) net.Listener {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	listener, err := net.FileListener(file)
	require.NoError(t, err)
	return listener
}

// gated accepts nothing until its gate is open.
type gated struct {
	net.Listener
	gate <-chan struct{}
}

func (g gated) Accept() (net.Conn, error) {
	<-g.gate
	return g.Listener.Accept()
}

// awaitSYN waits until a connect to an address is under way and unanswered.
func awaitSYN(t *testing.T, to net.Addr) {
	t.Helper()
	peer, err := sockets.ParsePeer(to.String())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		table, err := sockets.Count(t.Context(), sockets.Query{Peer: peer})
		return assert.NoError(t, err) && table.SynSent > 0
	}, time.Minute, time.Millisecond)
}

// silent is an address that answers no SYN, since its queue is full.
func silent(t *testing.T) netip.AddrPort {
	t.Helper()
	listener := shortQueue(t)
	filler, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = filler.Close()
		_ = listener.Close()
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

// Connect is the time of the address that answers. What others have cost is in the total, and told apart.
func TestConnectWithoutAddressesThatFailed(t *testing.T) {
	t.Parallel()
	peer := plainPeer(t, servePage)
	at := netip.MustParseAddrPort(peer.Listener.Addr().String())
	r := do(t, ping.Plan{URL: "http://web.invalid/", Timeout: 2 * delay, Resolve: resolvesTo(silent(t), at)})
	require.NoError(t, r.Err)
	assert.Equal(t, at, r.RemoteAddr)
	assert.Greater(t, r.Fallback, delay/2, "half of the time is for the silent one")
	assert.Positive(t, r.Connect)
	assert.Less(t, r.Connect, r.Fallback)
	assert.Equal(t, r.Fallback+r.Connect+r.TLS+r.FirstByte+r.LastByte, r.Total)
}

// A failure is told with the address that it happened at.
func TestFailureNamesItsAddress(t *testing.T) {
	t.Parallel()
	quiet := silent(t)
	refusing, other := netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.2:1")
	for _, test := range []struct {
		name  string
		addrs []netip.AddrPort
		class class.Class
		text  string
	}{
		{"refused twice", []netip.AddrPort{refusing, other}, class.Refused, "dial tcp 127.0.0.2:1: connect: connection refused; before that dial tcp 127.0.0.1:1: connect: connection refused; check that"},
		{"refused, then silent", []netip.AddrPort{refusing, quiet}, class.Timeout, "; before that dial tcp 127.0.0.1:1: "},
		{"silent, then refused", []netip.AddrPort{quiet, refusing}, class.Refused, "dial tcp 127.0.0.1:1: connect: connection refused; before that dial tcp " + quiet.String() + ": "},
		{"many", []netip.AddrPort{other, other, other, other, other, refusing}, class.Refused, ", and 2 more; check that"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := do(t, ping.Plan{URL: "http://web.invalid/", Timeout: 100 * time.Millisecond, Resolve: resolvesTo(test.addrs...)})
			assert.Equal(t, test.class.String(), r.Class.String(), "%v", r.Err)
			assert.Equal(t, ping.PhaseConnect, r.FailedIn)
			last := test.addrs[len(test.addrs)-1]
			assert.Equal(t, last, r.RemoteAddr)
			assert.ErrorContains(t, r.Err, "at "+last.String()+": TCP connect: ")
			assert.ErrorContains(t, r.Err, test.text)
			assert.Equal(t, r.Fallback+r.Connect, r.Total)
			assert.Positive(t, r.Fallback)
		})
	}
}

// A ping that is ended while an address is tried is told with that one: the next was never tried.
func TestAbortedWhileConnecting(t *testing.T) {
	t.Parallel()
	quiet := silent(t)
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan *ping.Result, 1)
	go func() {
		r, err := ping.Do(ctx, ping.Plan{URL: "http://web.invalid/", Timeout: time.Minute, Resolve: resolvesTo(quiet, netip.MustParseAddrPort("127.0.0.1:1"))})
		assert.NoError(t, err)
		results <- r
	}()
	awaitSYN(t, net.TCPAddrFromAddrPort(quiet))
	cancel()
	r := <-results
	assert.Equal(t, class.Aborted, r.Class)
	assert.Equal(t, quiet, r.RemoteAddr)
	assert.Zero(t, r.Fallback)
}
