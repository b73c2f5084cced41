package tools

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/lines"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// pingTimes is a ping in perftest's JSON. Durations are in nanoseconds.
type pingTimes struct {
	Start                             time.Time
	DnsLk, TcpHs, TlsHs, Reply, Close time.Duration //nolint:revive // perftest's names
	Total                             time.Duration // without DNS, as in the lines of text
	DestUrl, Location, Remote         string        //nolint:revive // perftest's names
	RespCode                          int
	Size                              int64
}

func timesOf(r *ping.Result) pingTimes {
	remote := "-"
	if addr := r.RemoteAddr.Addr(); addr.IsValid() {
		remote = addr.String()
	}
	return pingTimes{
		Start: r.Start, DnsLk: r.DNS, TcpHs: r.Connect, TlsHs: r.TLS, Reply: r.FirstByte, Close: r.LastByte, Total: r.Total,
		DestUrl: r.URL, Location: r.From, Remote: remote, RespCode: r.Code(), Size: r.Size,
	}
}

// results says what has come of pings: on standard output, to a webhook, and in alerts on standard error. Its methods may be called from
// several goroutines.
type results struct {
	out   *lines.Printer
	errs  io.Writer
	quiet bool
	json  bool

	webhook string // "" for none
	client  *http.Client

	alert    time.Duration // alerts tell of pings that take longer; 0 is none
	interval time.Duration // between two of them, at least

	mu      sync.Mutex
	alerted time.Time // when the last one was told
}

func newResults(p *Process, o *perftestFlags) *results {
	const patience = 10 * time.Second // as perftest has it
	return &results{
		out: lines.New(p.Stdout), errs: p.Stderr, quiet: o.quiet, json: o.json, webhook: o.webhook,
		client: &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment}},
		alert:  time.Duration(o.alert) * time.Millisecond, interval: time.Duration(o.alertInterval) * time.Second,
	}
}

// tell tells of a ping. One that failed goes to no webhook, and is no slow one.
func (s *results) tell(ctx context.Context, r *ping.Result) {
	if !s.quiet {
		s.out.Print(s.text(r))
	}
	if r.Failed() {
		if r.Err != nil {
			s.out.Print(quote.Printable(r.Err.Error()) + "\n")
		}
		return
	}
	if s.webhook != "" {
		if err := s.post(ctx, r); err != nil {
			s.complain("-W: %v", err)
		}
	}
	if s.alert > 0 && r.Total > s.alert && s.due(r.Start) {
		s.complain("RespTime %s on %s exceeds %s", r.Total, quote.Printable(r.URL), s.alert)
	}
}

func (s *results) text(r *ping.Result) string {
	if !s.json {
		return r.Format() + "\n"
	}
	text, _ := json.MarshalIndent(timesOf(r), "", "  ") // it has nothing that can't be
	return string(text) + "\n"
}

// due reports whether the last alert is long enough ago, and takes note of this one if so.
func (s *results) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.alerted.IsZero() && now.Sub(s.alerted) < s.interval {
		return false
	}
	s.alerted = now
	return true
}

func (s *results) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.errs, format+"\n", args...)
}

// post sends a ping to the webhook.
func (s *results) post(ctx context.Context, r *ping.Result) error {
	text, err := json.Marshal(timesOf(r))
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.webhook, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	const most = 1 << 20
	_, _ = io.CopyN(io.Discard, response.Body, most) // so that the connection can be used again
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answers %s; the ping is lost there", quote.Printable(request.URL.Redacted()), response.Status)
	}
	return nil
}

// close writes what is left.
func (s *results) close() {
	s.out.Stop()
	s.client.CloseIdleConnections()
}

// serveStats serves /memstats, as perftest -p does, and what else a mesh's servers tell, until the returned function is called.
func (o *perftestFlags) serveStats() (end func(), err error) {
	if o.stats == 0 {
		return func() {}, nil
	}
	s, err := server.Start(server.Options{
		Address: "127.0.0.1:0", HTTP: fmt.Sprintf("[::]:%d", o.stats), Hostname: o.host,
		Mesh: func(listening netip.AddrPort) (server.Mesh, error) {
			return mesh.Start(mesh.Options{Location: o.where(), Port: int(listening.Port())})
		},
	})
	if err != nil {
		return nil, fmt.Errorf("-p: %w", err)
	}
	return s.Close, nil
}

// check refuses flags that could have no effect.
func (o *perftestFlags) check() error {
	const mostPort = 65535
	switch {
	case o.cloudWatch:
		return fmt.Errorf("-c: k6 has no client of CloudWatch; mconnect-server -http :8080 -cloudwatch -peer URL publishes each ping")
	case o.webhook != "" && !strings.HasPrefix(o.webhook, "https://"):
		return fmt.Errorf("-W: got %q; want a URL that begins with https://, to which each ping is posted as JSON", o.webhook)
	case o.stats < 0 || o.stats > mostPort:
		return fmt.Errorf("-p: got %d; want a port from 1 to %d, or 0 for no server", o.stats, mostPort)
	case o.alert < 0 || o.alertInterval < 0:
		return fmt.Errorf("-A, -M: got %d and %d; want milliseconds and seconds, not below 0", o.alert, o.alertInterval)
	case o.port > 0 && (o.json || o.alert > 0 || o.webhook != "" || o.stats > 0):
		return fmt.Errorf("-j, -A, -W and -p are perftest's, and -s is pingmesh's: a mesh's server prints lines, and serves its statistics at its own port")
	}
	return nil
}
