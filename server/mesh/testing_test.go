package mesh_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(stateOfChild); file != "" {
		holdState(file)
		return
	}
	goleak.VerifyTestMain(m, // a name's look-up, once nobody waits for it, ends by its own time limit
		goleak.IgnoreAnyFunction("net.(*Resolver).goLookupIPCNAMEOrder"), goleak.IgnoreAnyFunction("net.(*Resolver).lookupIPAddr.func2"),
		goleak.IgnoreAnyFunction("net.dnsPacketRoundTrip"))
}

const (
	// patience is longer than anything here takes.
	patience = 30 * time.Second
	often    = 5 * time.Millisecond
)

// node is a mesh with its listener.
type node struct {
	*mesh.Mesh
	url    string // of the listener
	output *text
}

// text is what a mesh has printed.
type text struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write implements io.Writer.
func (t *text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

// String is all of it.
func (t *text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// begin starts a mesh for the length of a test. If the test does not care, it pings often.
func begin(t *testing.T, options mesh.Options) *node {
	t.Helper()
	n := &node{output: &text{}}
	options.Output = n.output
	if options.Location == "" {
		options.Location = "here"
	}
	if options.Delay == 0 {
		options.Delay = mesh.MinDelay
	}
	var err error
	n.Mesh, err = mesh.Start(options)
	require.NoError(t, err)
	n.url = serve(t, n.Mesh)
	t.Cleanup(n.Stop)
	return n
}

// serve runs an HTTP server on loopback for the length of a test.
func serve(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func (n *node) ping() string { return n.url + "/v1/ping" }

// target is what a flag would make of a URL.
func target(t *testing.T, url string) mesh.Target {
	t.Helper()
	parsed, err := mesh.ParseTarget(url)
	require.NoError(t, err)
	return parsed
}

// do sends a request over a connection of its own.
func do(t *testing.T, request *http.Request) (response *http.Response, body string) {
	t.Helper()
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(data)
}

func (n *node) request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	require.NoError(t, err)
	return request
}

func (n *node) get(t *testing.T, path string) string {
	t.Helper()
	response, body := do(t, n.request(t, http.MethodGet, path, ""))
	require.Equal(t, 200, response.StatusCode, body)
	return body
}

func (n *node) server(t *testing.T) (told mesh.Server) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(n.get(t, "/v1/peers")), &told))
	return told
}

// eventually waits for a state of the list of peers.
func (n *node) eventually(t *testing.T, what string, as func(mesh.Server) bool) mesh.Server {
	t.Helper()
	var told mesh.Server
	require.Eventually(t, func() bool {
		told = n.server(t)
		return as(told)
	}, patience, often, what)
	return told
}

// pingmesh answers as the original does: paths that it serves, without our header.
func pingmesh(location string, peers ...string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/ping", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "<html><head><title>%s</title></head><body>\n<h1> pingResponse </h1><p>Served from %s\n\n</body></html>\n", location, location)
	})
	mux.HandleFunc("/v1/peers", func(w http.ResponseWriter, _ *http.Request) {
		list := make([]map[string]any, len(peers))
		for i, url := range peers {
			list[i] = map[string]any{
				"Url": url, "Limit": 0, "Delay": 10, "Maxfail": 10, "Location": "unknown", "PeerIP": "127.0.0.1", "Pings": 5,
				"Fails": 0, "PingTotals": map[string]any{"TcpHs": 12345, "DestUrl": url},
			}
		}
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(map[string]any{"SrvLoc": location, "SrvHost": "", "SrvPort": 443, "Peers": list, "DelPeers": nil})
	})
	return mux
}

// refused is an address that nobody listens on.
func refused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
