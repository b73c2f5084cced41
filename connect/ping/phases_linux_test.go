package ping_test

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

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
