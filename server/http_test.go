package server_test

import (
	"bufio"
	"cmp"
	"context"
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

// startHTTP runs a server with an HTTP listener for the length of a test.
func startHTTP(t *testing.T, options server.Options) *server.Server {
	t.Helper()
	options.HTTP = cmp.Or(options.HTTP, "127.0.0.1:0")
	return start(t, options)
}

// fetch sends a request over a connection of its own, and returns the answer and its body.
func fetch(t *testing.T, srv *server.Server, method, path, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+srv.HTTPAddr().String()+path, strings.NewReader(body))
	require.NoError(t, err)
	response := do(t, request)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

// dialHTTP is a connection to the HTTP listener on which text has been sent.
func dialHTTP(t *testing.T, srv *server.Server, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.HTTPAddr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	return conn
}

// expectOK reads one answer of the slow listener.
func expectOK(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "OK", string(body))
	return response
}

const (
	getRequest  = "GET /notify HTTP/1.1\r\nHost: x\r\n\r\n"
	postRequest = "POST /notify HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nHello"
)

func TestReadOnlyEndpoints(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{HTTPDelay: time.Hour}) // which they do not wait for
	for _, path := range []string{"/metrics", "/sockets?port=1"} {
		response, _ := fetch(t, srv, http.MethodHead, path, "")
		if response.StatusCode != http.StatusNotImplemented {
			assert.Equal(t, 200, response.StatusCode, path)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "get"} {
			response, body := fetch(t, srv, method, path, "x")
			assert.Equal(t, 405, response.StatusCode, "%s %s", method, path)
			assert.Equal(t, "GET, HEAD", response.Header.Get("Allow"))
			assert.Contains(t, body, "use GET or HEAD")
		}
	}
}

func TestHTTPRefusesLongHeaders(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{})
	request, err := http.NewRequest(http.MethodGet, "http://"+srv.HTTPAddr().String()+"/", nil)
	require.NoError(t, err)
	request.Header.Set("X-Long", strings.Repeat("x", 32<<10))
	assert.Equal(t, 431, do(t, request).StatusCode)
}

func TestHTTPTimeouts(t *testing.T) {
	t.Parallel()
	const timeout = 400 * time.Millisecond
	for name, row := range map[string]struct {
		delay  time.Duration
		sent   string
		answer string // regular expression
		served int64
	}{
		"nothing comes":                   {0, "", "^$", 0},
		"half a header":                   {0, "GET / HTTP/1.1\r\n", "^$", 0},
		"half a body":                     {0, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello", "^$", 0},
		"half a body after the delay":     {3 * timeout, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello", "^$", 0},
		"half a body of an endpoint":      {0, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello", "^HTTP/1.1 405", 0},
		"no second request":               {0, getRequest, `^HTTP/1.1 200 OK\r\n(?s).*\r\n\r\nOK$`, 1},
		"the delay is longer":             {3 * timeout, getRequest, `^HTTP/1.1 200 OK\r\n(?s).*\r\n\r\nOK$`, 1},
		"the delay is longer, and a body": {3 * timeout, postRequest, `^HTTP/1.1 200 OK\r\n(?s).*\r\n\r\nOK$`, 1},
		"twice, with delay":               {3 * timeout, postRequest + getRequest, `^HTTP/1.1 200 OK\r\n(?s).*\r\n\r\nOKHTTP/1.1 200 OK\r\n.*OK$`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startHTTP(t, server.Options{HTTPTimeout: timeout, HTTPDelay: row.delay})
			answer, err := io.ReadAll(dialHTTP(t, srv, row.sent))
			require.NoError(t, err)
			assert.Regexp(t, row.answer, string(answer))
			assert.Equal(t, row.served, srv.Stats().HTTP.Served)
		})
	}
}

// Both listeners share one limit, as they share the descriptors.
func TestHTTPOverTheLimit(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{MaxConnections: 2, HTTPDelay: time.Hour})
	expectName(t, transports["plain"].connect(t, srv.Addr()))
	waiting := dialHTTP(t, srv, getRequest)
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == 1 })

	rest, _ := io.ReadAll(dialHTTP(t, srv, "")) // may be reset
	assert.Empty(t, rest)
	expectEnd(t, transports["plain"].connect(t, srv.Addr()))
	eventually(t, srv, func(s server.Stats) bool {
		return s.Active == 1 && s.Accepted == 1 && s.Refused == 1 && s.HTTP.Active == 1 && s.HTTP.Accepted == 1 && s.HTTP.Refused == 1
	})
	require.NoError(t, waiting.Close())
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Active == 0 && s.HTTP.Pending == 0 })
	expectName(t, transports["plain"].connect(t, srv.Addr()))
}

func TestHTTPDrains(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{Drain: time.Hour})
	idle := dialHTTP(t, srv, getRequest)
	expectOK(t, idle)
	busy := dialHTTP(t, srv, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Stop(context.Background()) }()

	expectEnd(t, idle)
	_, err := net.Dial("tcp", srv.HTTPAddr().String())
	require.Error(t, err)
	assert.Empty(t, stopped, "stopped with a request under way")
	_, err = io.WriteString(busy, "Hello")
	require.NoError(t, err)
	assert.True(t, expectOK(t, busy).Close)
	expectEnd(t, busy)
	require.NoError(t, <-stopped)
	assert.Zero(t, srv.Stats().HTTP.Active)
}

func TestHTTPDrainEnds(t *testing.T) {
	t.Parallel()
	srv := startHTTP(t, server.Options{Drain: time.Millisecond, HTTPDelay: time.Hour})
	conns := []net.Conn{dialHTTP(t, srv, getRequest), dialHTTP(t, srv, postRequest)}
	eventually(t, srv, func(s server.Stats) bool { return s.HTTP.Pending == 2 })
	require.EqualError(t, srv.Stop(context.Background()), "2 connections were still open and are closed")
	for _, conn := range conns {
		answer, _ := io.ReadAll(conn) // closing with data unread is a reset
		assert.Empty(t, answer)
	}
	assert.Equal(t, server.HTTPStats{Accepted: 2}, srv.Stats().HTTP)
}

func TestHTTPCannotListen(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, err = server.Start(server.Options{Address: "127.0.0.1:0", HTTP: taken.Addr().String()})
	assert.ErrorContains(t, err, `HTTP "`+taken.Addr().String()+`": listen tcp`)
	assert.ErrorContains(t, err, "stop what listens there")
}

func TestWithoutHTTP(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{})
	assert.False(t, srv.HTTPAddr().IsValid())
	assert.Zero(t, srv.Stats().HTTP)
}
