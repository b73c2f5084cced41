package sockets

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTableAsJSON(t *testing.T) {
	t.Parallel()
	const counts = `"established":1,"syn_sent":2,"syn_recv":3,"fin_wait1":4,"fin_wait2":5,"time_wait":6,"close":7,` +
		`"close_wait":8,"last_ack":9,"listen":10,"closing":11,"total":66`
	plain := Table{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 66, nil, nil, nil, nil}
	full := plain
	full.AcceptQueue, full.Backlog, full.FDs, full.FDLimit = new(int64(0)), new(int64(128)), new(int64(5)), new(int64(1024))
	for name, row := range map[string]struct {
		table Table
		want  string
	}{
		"states":     {plain, "{" + counts + "}"},
		"everything": {full, "{" + counts + `,"accept_queue":0,"backlog":128,"fds":5,"fd_limit":1024}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(row.table)
			require.NoError(t, err)
			assert.Equal(t, row.want, string(text))
			table, err := parseTable(text)
			require.NoError(t, err)
			assert.Equal(t, row.table, table)
		})
	}
}

// answerWith is a server for the length of the test; its address has no scheme.
func answerWith(t *testing.T, handler http.HandlerFunc) (address string) {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func TestRemoteAsksFor(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	address := answerWith(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.String()
		_, _ = w.Write([]byte(`{"established":7,"total":7}`))
	})
	for base, want := range map[string]string{
		address:                         "GET /sockets?pid=3&port=80",
		"http://" + address:             "GET /sockets?pid=3&port=80",
		"http://" + address + "/":       "GET /sockets?pid=3&port=80",
		"http://" + address + "/a/path": "GET /a/path?pid=3&port=80",
	} {
		table, err := Fetch(t.Context(), Way{}, base, Query{Port: 80, PID: 3})
		require.NoError(t, err)
		assert.Equal(t, Table{Established: 7, Total: 7}, table)
		assert.Equal(t, want, <-asked)
	}
}

// A script's remote is dialed, and trusted, as k6's options say.
func TestFetchGoesItsWay(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"total":7}`)) }))
	t.Cleanup(srv.Close)
	trusted := srv.Client().Transport.(*http.Transport).TLSClientConfig
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		assert.Equal(t, "example.com:443", address)
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	table, err := Fetch(t.Context(), Way{Dial: dial, TLS: trusted}, "https://example.com", Query{})
	require.NoError(t, err)
	assert.Equal(t, Table{Total: 7}, table)
	_, err = Fetch(t.Context(), Way{Dial: dial}, "https://example.com", Query{})
	assert.ErrorContains(t, err, "certificate")
}

// What is wrong here is not blamed on the remote host.
func TestFetchWithoutDescriptor(t *testing.T) {
	t.Parallel()
	dial := func(context.Context, string, string) (net.Conn, error) {
		return nil, os.NewSyscallError("socket", syscall.EMFILE)
	}
	_, err := Fetch(t.Context(), Way{Dial: dial}, "http://127.0.0.1:1", Query{})
	require.ErrorIs(t, err, syscall.EMFILE)
	assert.ErrorContains(t, err, "ulimit -n")
	assert.NotContains(t, err.Error(), "start mconnect-server")
}

func longHeader(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Long", strings.Repeat("x", 64<<10))
	_, _ = w.Write([]byte(`{"total":1}`))
}

func TestRemoteFailures(t *testing.T) {
	t.Parallel()
	const closed = "127.0.0.1:1" // no system chooses it for a listener of another test
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	respond := func(status int, body string) string {
		return answerWith(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	for name, row := range map[string]struct {
		ctx      context.Context
		base     string
		messages []string
	}{
		"no URL":          {t.Context(), "http://a b", []string{"not a URL", "give http://host:port"}},
		"another scheme":  {t.Context(), "ftp://host", []string{`"ftp://host": not an http URL`}},
		"no host":         {t.Context(), "", []string{"not an http URL with a host"}},
		"its own query":   {t.Context(), "http://host/sockets?port=1", []string{"has a query of its own"}},
		"refused":         {t.Context(), closed, []string{closed, "refused", "start mconnect-server -http"}},
		"cancelled":       {cancelled, closed, []string{"context canceled"}},
		"its reason":      {t.Context(), respond(403, `{"error":"run as root"}`), []string{"403", `"run as root"`, "/sockets?port=80"}},
		"no reason":       {t.Context(), respond(500, "oops"), []string{"500", "start mconnect-server"}},
		"redirected":      {t.Context(), respond(302, ""), []string{"302"}},
		"the wrong one":   {t.Context(), respond(200, "OK"), []string{"no socket table", "start mconnect-server"}},
		"other JSON":      {t.Context(), respond(200, "{}"), []string{"it has no total"}},
		"endless header":  {t.Context(), answerWith(t, longHeader), []string{"response headers exceeded 16384 bytes"}},
		"without end":     {t.Context(), respond(200, strings.Repeat("x", 1<<20)), []string{"more than 65536 bytes"}},
		"password hidden": {t.Context(), "http://u:secret@" + closed, []string{"u:xxxxx@"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Fetch(row.ctx, Way{}, row.base, Query{Port: 80})
			require.Error(t, err)
			for _, message := range row.messages {
				assert.ErrorContains(t, err, message)
			}
		})
	}
}
