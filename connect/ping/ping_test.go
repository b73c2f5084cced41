package ping_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

func servePage(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }

func plainPeer(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	peer := httptest.NewServer(handle)
	t.Cleanup(peer.Close)
	return peer
}

func do(t *testing.T, plan ping.Plan) *ping.Result {
	t.Helper()
	r, err := ping.Do(t.Context(), plan)
	require.NoError(t, err)
	return r
}

var loopback = netip.MustParseAddr("127.0.0.1")

// The request is what was asked for.
func TestRequest(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 1)
	peer := plainPeer(t, func(_ http.ResponseWriter, r *http.Request) { requests <- r })
	host := peer.Listener.Addr().String()
	port := host[strings.LastIndex(host, ":"):]
	for _, test := range []struct {
		name       string
		plan       ping.Plan
		method     string
		path, host string
		header     http.Header
	}{
		{"defaults", ping.Plan{URL: peer.URL}, "GET", "/", host, http.Header{"User-Agent": {"mconnect-ping"}, "Accept-Encoding": nil, "Connection": {"close"}}},
		{"path and query", ping.Plan{URL: peer.URL + "/v1/ping?a=b#c"}, "GET", "/v1/ping?a=b", host, nil},
		{"method", ping.Plan{URL: peer.URL, Method: "HEAD"}, "HEAD", "/", host, nil},
		{"headers", ping.Plan{URL: peer.URL, Header: http.Header{"X": {"1"}, "User-Agent": {"me"}}}, "GET", "/", host, http.Header{"X": {"1"}, "User-Agent": {"me"}}},
		{"address given", ping.Plan{URL: "http://web.invalid" + port, IP: loopback}, "GET", "/", "web.invalid" + port, nil},
		{"host given", ping.Plan{URL: peer.URL, Header: http.Header{"Host": {"web.invalid"}}}, "GET", "/", "web.invalid", nil},
		{"password", ping.Plan{URL: "http://u:p@" + host}, "GET", "/", host, http.Header{"Authorization": {"Basic dTpw"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := do(t, test.plan)
			require.NoError(t, r.Err)
			request := <-requests
			assert.Equal(t, test.method, request.Method)
			assert.Equal(t, test.path, request.RequestURI)
			assert.Equal(t, test.host, request.Host)
			for name, values := range test.header {
				assert.Equal(t, values, request.Header[name], name)
			}
			assert.Equal(t, peer.Listener.Addr().String(), r.RemoteAddr.String())
			assert.NotContains(t, r.Format(), "u:p@", "a password in the output")
		})
	}
}

// Each ping has a connection of its own, redirects are answers, and proxies are not used.
func TestEachPingIsOneExchange(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var connections, requests atomic.Int64
	peer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	peer.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	peer.Start()
	t.Cleanup(peer.Close)
	for range 3 {
		r := do(t, ping.Plan{URL: peer.URL})
		require.NoError(t, r.Err)
		assert.Equal(t, http.StatusFound, r.Status)
	}
	assert.EqualValues(t, 3, connections.Load(), "connections")
	assert.EqualValues(t, 3, requests.Load(), "requests")
}

// SNI is the URL's host, whatever address is connected to, and sessions are not resumed.
func TestTLS(t *testing.T) {
	t.Parallel()
	peer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Served from %s resumed=%t", r.TLS.ServerName, r.TLS.DidResume)
	}))
	peer.TLS = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	peer.StartTLS()
	t.Cleanup(peer.Close)
	config := trusting(peer).Clone()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 2 {
		r := pingPeer(t, peer.Listener.Addr(), ping.Plan{IP: loopback, TLS: config})
		require.NoError(t, r.Err)
		assert.Equal(t, "example.com resumed=false", r.Location)
		assert.Positive(t, r.TLS)
	}
}

// Of several addresses, the first that answers is taken.
func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	peer := plainPeer(t, servePage)
	at := netip.MustParseAddrPort(peer.Listener.Addr().String())
	several := []netip.AddrPort{netip.AddrPortFrom(at.Addr(), 1), netip.AddrPortFrom(netip.IPv6Loopback(), 1), at}
	plan := ping.Plan{URL: peer.URL, Resolve: resolvesTo(several...)}
	r := do(t, plan)
	require.NoError(t, r.Err)
	assert.Equal(t, at, r.RemoteAddr)

	plan.Source, plan.Resolve = loopback, resolvesTo(several[1:]...)
	r = do(t, plan)
	require.NoError(t, r.Err)
	assert.Equal(t, at, r.RemoteAddr, "only addresses of the source's family are tried")
}

// Where the peer says it is.
func TestLocation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"pingmesh's page", page, "Hamburg"},
		{"pingmesh's page with its line's end", "<p>Served from Paris, FR</p>\r\n", "Paris, FR"},
		{"pingmesh's list of peers", "{\n  \"Start\": \"x\",\n  \"SrvLoc\": \"M\\u00fcnchen\",\n", "München"},
		{"both", `"SrvLoc": "b", Served from a`, "a"},
		{"none", "OK", ""},
		{"empty", "Served from \n", ""},
		{"empty body", "", ""},
		{"no text", `"SrvLoc": 5`, ""},
		{"cut off", `"SrvLoc": "Ham`, ""},
		{"longest", "Served from " + strings.Repeat("x", 255) + "\n", strings.Repeat("x", 255)},
		{"too long", "Served from " + strings.Repeat("x", 256) + "\n", ""},
		{"control characters", "Served from \x1b[2J\n", ""},
		{"not UTF-8", "Served from \xff\n", ""},
		{"far down", strings.Repeat(" ", 8<<10) + "Served from a\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := do(t, ping.Plan{URL: plainPeer(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.body) }).URL})
			require.NoError(t, r.Err)
			assert.Equal(t, test.want, r.Location)
			assert.EqualValues(t, len(test.body), r.Size)
		})
	}
}
