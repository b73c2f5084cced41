package server_test

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// crowd opens connections that send a beginning, and, if drip is true, go on with a byte now and then. They stay open for the test.
func crowd(t *testing.T, address string, n int, began string, drip bool) {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, began)
		require.NoError(t, err)
		conns[i] = conn
	}
	if !drip {
		return
	}
	var drops sync.WaitGroup
	done := make(chan struct{})
	drops.Go(func() {
		for {
			for _, conn := range conns {
				_, _ = conn.Write([]byte("x")) // those that were dropped fail
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-done:
				return
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		drops.Wait()
	})
}

// crowds are ways to be a client that never gets to its request.
var crowds = map[string]struct {
	began string
	drip  bool
}{
	"silent":        {"", false},
	"half a header": {"GET /healthz HTTP/1.1\r\nX-", false},
	"slow":          {"GET /healthz HTTP/1.1\r\nX-Slow: ", true},
	"half a body":   {"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx", true},
}

// A kubelet is answered, however many others hold on to the probe.
func TestProbeIsServedInACrowd(t *testing.T) {
	t.Parallel()
	for name, row := range crowds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, server.Options{Probe: "127.0.0.1:0"})
			crowd(t, srv.ProbeAddr().String(), 500, row.began, row.drip)
			for range 20 {
				assert.Equal(t, 200, get(t, http.MethodGet, srv, "").StatusCode)
			}
		})
	}
}

// HTTP clients without a request make room for those that have one, and for clients of the responder.
func TestHTTPIsServedInACrowd(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"silent", "half a header", "slow"} {
		row := crowds[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startHTTP(t, server.Options{MaxConnections: 20, HTTPTimeout: time.Hour})
			crowd(t, srv.HTTPAddr().String(), 60, row.began, row.drip)
			for range 10 {
				expectOK(t, dialHTTP(t, srv, getRequest))
			}
			for range 10 {
				expectName(t, transports["plain"].connect(t, srv.Addr()))
			}
			stats := srv.Stats()
			assert.Zero(t, stats.Refused+stats.HTTP.Refused)
			assert.Positive(t, stats.HTTP.Dropped)
			eventually(t, srv, func(s server.Stats) bool { return s.Active == 10 && s.HTTP.Active == 10 })
		})
	}
}

// Connections on which a request is served are not dropped, idle ones are, and only at the limit.
func TestHTTPDropsIdleBeforeBusy(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{MaxConnections: 2, HTTPTimeout: time.Hour})
	idle := dialHTTP(t, srv, getRequest)
	expectOK(t, idle)
	busy := dialHTTP(t, srv, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == 1 })
	assert.Zero(t, srv.Stats().HTTP.Dropped)
	_, err := io.WriteString(idle, getRequest)
	require.NoError(t, err)
	expectOK(t, idle)

	newcomer := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for end := time.Now().Add(patience); ; { // idle is in the lobby a moment after its answer; who comes before that is refused
		response, err := newcomer.Get("http://" + srv.HTTPAddr().String() + "/notify")
		if err == nil {
			assert.Equal(t, http.StatusOK, response.StatusCode)
			_ = response.Body.Close()
			break
		}
		require.True(t, time.Now().Before(end), "nobody was let in: %v", err)
	}
	expectEnd(t, idle)
	_, err = io.WriteString(busy, "Hello")
	require.NoError(t, err)
	expectOK(t, busy)
	assert.EqualValues(t, 1, srv.Stats().HTTP.Dropped)
}
