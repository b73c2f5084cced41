package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestSlowListenerAnswers(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"at once": 0, "after the delay": 20 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startHTTP(t, server.Options{HTTPDelay: delay})
			for _, row := range []struct{ method, path, body, want string }{
				{"GET", "/", "", "OK"},
				{"POST", "/notify", `{"data":[]}`, "OK"},
				{"POST", "/notify?x=%zz", "", "OK"},
				{"PUT", "//any//path", strings.Repeat("x", 1<<20), "OK"},
				{"DELETE", "/metrics/", "", "OK"},
				{"OPTIONS", "/v1/ping", "", "OK"},
				{"HEAD", "/notify", "", ""},
			} {
				before := time.Now()
				response, body := fetch(t, srv, row.method, row.path, row.body)
				assert.Equal(t, 200, response.StatusCode, row.path)
				assert.Equal(t, row.want, body, row.path)
				assert.Equal(t, "text/plain; charset=utf-8", response.Header.Get("Content-Type"))
				assert.GreaterOrEqual(t, time.Since(before), delay)
			}
			eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Served == 7 && s.HTTP.Pending == 0 })
		})
	}
}

func TestSlowListenerCloses(t *testing.T) {
	t.Parallel()
	closing, keeping := startHTTP(t, server.Options{HTTPClose: true}), startHTTP(t, server.Options{})
	for range 2 {
		conn := dialHTTP(t, closing, postRequest)
		assert.True(t, expectOK(t, conn).Close)
		expectEnd(t, conn)
	}
	conn := dialHTTP(t, keeping, postRequest)
	assert.False(t, expectOK(t, conn).Close)
	_, err := io.WriteString(conn, getRequest)
	require.NoError(t, err)
	expectOK(t, conn)
}

// A body that never ends is refused as too large.
func TestSlowListenerBoundsBodies(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{})
	conn := dialHTTP(t, srv, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		chunk := []byte("100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n")
		for err := error(nil); err == nil; {
			_, err = conn.Write(chunk)
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, 413, response.StatusCode)
	<-sent
	assert.Zero(t, srv.Stats().HTTP.Served)
}

func TestSlowListenerHoldsMany(t *testing.T) {
	t.Parallel()
	const many = 1000
	srv := startHTTP(t, server.Options{HTTPDelay: time.Hour})
	conns := make([]net.Conn, many)
	for i := range conns {
		conns[i] = dialHTTP(t, srv, postRequest)
	}
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == many })
	_, body := fetch(t, srv, "GET", "/metrics", "")
	assert.Contains(t, body, "mconnect_server_http_requests_pending 1000\n")
	srv.Close()
	assert.Equal(t, server.HTTPStats{Accepted: many + 1}, srv.Stats().HTTP)
}

func TestSlowListenerForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{HTTPDelay: time.Hour})
	conn := dialHTTP(t, srv, getRequest)
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == 1 })
	require.NoError(t, conn.Close())
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == 0 && s.HTTP.Active == 0 })
	assert.Zero(t, srv.Stats().HTTP.Served)
}

func TestSlowListenerReports(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	srv := startHTTP(t, server.Options{HTTPStats: time.Millisecond, HTTPOutput: writer})
	defer reader.Close() // else the server would wait for its line to be read
	lines := bufio.NewScanner(reader)
	require.True(t, lines.Scan())
	assert.Equal(t, "Received  0 Rate 0 r/s", lines.Text())
	conn := dialHTTP(t, srv, postRequest+postRequest+postRequest)
	for !strings.HasPrefix(lines.Text(), "Received  3 ") && lines.Scan() {
		assert.Regexp(t, `^Received  \d+ Rate \d+ r/s$`, lines.Text())
	}
	assert.Regexp(t, `^Received  3 Rate [1-9]\d* r/s$`, lines.Text())
	require.True(t, lines.Scan())
	assert.Equal(t, "Received  3 Rate 0 r/s", lines.Text())
	require.NoError(t, conn.Close())
}

// A writer that says when it is written to.
type bell chan struct{}

func (b bell) Write(p []byte) (int, error) {
	select {
	case b <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestSlowListenerIsSilent(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stats   time.Duration
		request bool
	}{
		"if told so":               {-1, true},
		"before the first request": {0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rung := make(bell, 1)
			srv := startHTTP(t, server.Options{HTTPStats: row.stats, HTTPOutput: rung})
			if row.request {
				fetch(t, srv, "GET", "/", "")
			}
			fetch(t, srv, "GET", "/metrics", "")
			srv.Close()
			assert.Empty(t, rung)
		})
	}
}
