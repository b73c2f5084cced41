package mesh_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// silentAt makes an address answer no SYN for the length of a test, since its queue is full.
func silentAt(t *testing.T, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	raw, err := listener.(*net.TCPListener).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }))
	require.NoError(t, err)
	filler, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = filler.Close()
		_ = listener.Close()
	})
}

// Of a name with two addresses one is silent, as when there is no route for IPv6: lists come from the other, as pings do.
func TestListFromTheAddressThatAnswers(t *testing.T) {
	far := serve(t, pingmesh("far"))
	near := httptest.NewServer(pingmesh("near", far+"/v1/ping"))
	t.Cleanup(near.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(near.URL, "http://"))
	require.NoError(t, err)
	silentAt(t, "127.0.0.2:"+port)
	resolveWith(t, names{"near.invalid.": {"127.0.0.2", "127.0.0.1"}}.known)
	n := begin(t, mesh.Options{
		Timeout: 500 * time.Millisecond, Peers: []mesh.Target{target(t, "http://near.invalid:"+port+"/v1/ping?addpeers=true")},
	})
	n.eventually(t, "the peer's peer", func(s mesh.Server) bool { return len(s.Peers) == 2 })
}

// A peer that accepts connections and then says nothing keeps none of them: what is fetched ends with its time.
func TestSilentHandshakeKeepsNoConnection(t *testing.T) {
	t.Parallel()
	peer := httptest.NewUnstartedServer(http.NotFoundHandler())
	first := &mutedAfterFirst{Listener: peer.Listener, held: make(chan net.Conn, 100)}
	peer.Listener = first
	peer.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	peer.StartTLS()
	t.Cleanup(peer.Close)
	n := begin(t, mesh.Options{Insecure: true, Delay: time.Hour, Peers: []mesh.Target{target(t, peer.URL+"/v1/ping?addpeers=true")}})
	list := <-first.held
	t.Cleanup(func() { _ = list.Close() })
	n.Stop()
	require.NoError(t, list.SetReadDeadline(time.Now().Add(patience)))
	_, err := io.Copy(io.Discard, list)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is still there")
}

// mutedAfterFirst serves one connection and holds all others.
type mutedAfterFirst struct {
	net.Listener
	held   chan net.Conn
	served bool
}

// Accept implements net.Listener.
func (m *mutedAfterFirst) Accept() (net.Conn, error) {
	for {
		conn, err := m.Listener.Accept()
		if err != nil || !m.served {
			m.served = true
			return conn, err
		}
		m.held <- conn
	}
}
