//go:build linux

package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pingCall is one ping(target, options), or tcpPing(target, options).
type pingCall struct {
	TCP     bool   `json:"tcp"`
	Target  string `json:"target"`
	Options object `json:"options"`
}

// pong is a PingResult or a TCPPingResult, and the line that format() makes of it.
type pong struct {
	StartTime  time.Time `json:"start_time"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	URL        string    `json:"url"`
	DNS        float64   `json:"dns"`
	Connect    float64   `json:"connect"`
	TLS        float64   `json:"tls"`
	FirstByte  float64   `json:"first_byte"`
	LastByte   float64   `json:"last_byte"`
	Total      float64   `json:"total"`
	RTT        float64   `json:"rtt"`
	Status     int       `json:"status"`
	Size       int64     `json:"size"`
	RemoteAddr string    `json:"remote_addr"`
	Location   string    `json:"location"`
	Failed     bool      `json:"failed"`
	Error      string    `json:"error"`
	Message    string    `json:"error_message"`
	FailedIn   string    `json:"failed_in"`
	Line       string    `json:"line"`
}

// pingTest is a run of testdata/ping.js.
type pingTest struct {
	calls   []pingCall
	script  object // k6's options
	wrapper []string
	ns      *namespace
}

// pinged is what a pingTest came to.
type pinged struct {
	*k6
	pongs  []pong
	points map[string]*series
}

func (p pingTest) start(t *testing.T) (process *process, points string) {
	t.Helper()
	if p.script == nil {
		p.script = object{}
	}
	points = filepath.Join(t.TempDir(), "points.json")
	return startK6(t, p.ns, p.wrapper, "--out", "json="+points, "-e", "CALLS="+asJSON(t, p.calls), "-e", "SCRIPT="+asJSON(t, p.script), "test/testdata/ping.js"), points
}

func (p pingTest) run(t *testing.T) *pinged {
	t.Helper()
	process, points := p.start(t)
	done := awaitPings(t, process, points)
	require.Equal(t, exitOK, done.code, "%s", done.stderr)
	return done
}

func awaitPings(t *testing.T, process *process, points string) *pinged {
	t.Helper()
	done := &pinged{k6: awaitK6(t, process)}
	done.points = readPoints(t, points)
	for _, line := range done.logs {
		if text, ok := strings.CutPrefix(line.Message, "result "); ok {
			var p pong
			require.NoError(t, json.Unmarshal([]byte(text), &p), "%s", text)
			done.pongs = append(done.pongs, p)
		}
	}
	return done
}

// startHTTP serves a page that says where it is from, and no other.
func startHTTP(t *testing.T, location string) (host string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/ping" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, "<p>Served from %s\n", location)
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// startHTTPS serves a page that says which names it was asked for.
func startHTTPS(t *testing.T, cert, key string) (host string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<p>Served from %s over %s\n", r.TLS.ServerName, r.Host)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}
