//go:build linux

package e2e

import (
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holdTest is a run of testdata/hold.js.
type holdTest struct {
	body    string // of each iteration
	args    object // what the body knows as args
	script  object // k6's options
	flags   []string
	ns      *namespace
	wrapper []string // a command that starts another
	search  bool     // the body calls only capacity(), whose connections are no samples
}

// holding is a holdTest that runs.
type holding struct {
	*process
	file   string
	search bool
}

// held is what a holdTest came to.
type held struct {
	*k6
	summary
	told map[string][]string // JSON, by name, in the order of the log
}

// holdResult is a HoldResult.
type holdResult struct {
	Connects           int64             `json:"connects"`
	FailedConnects     int64             `json:"failed_connects"`
	EstablishedTotal   int64             `json:"established_total"`
	EstablishedMax     int64             `json:"established_max"`
	EstablishedAtClose int64             `json:"established_at_close"`
	States             states            `json:"states"`
	Errors             map[string]int64  `json:"errors"`
	FirstErrors        map[string]string `json:"first_errors"`
	ConnectTime        spread            `json:"connect_time"`
	ErrorTime          spread            `json:"error_time"`
	Lifetime           spread            `json:"lifetime"`
	EchoTime           spread            `json:"echo_time"`
	BytesReceived      int64             `json:"bytes_received"`
	Duration           float64           `json:"duration"`
}

// socketTable is a SocketTable.
type socketTable struct {
	Established int64  `json:"established"`
	CloseWait   int64  `json:"close_wait"`
	Listen      int64  `json:"listen"`
	Total       int64  `json:"total"`
	FDs         *int64 `json:"fds"`
	FDLimit     *int64 `json:"fd_limit"`
}

func (h holdTest) start(t *testing.T) *holding {
	t.Helper()
	if h.script == nil {
		h.script = object{}
	}
	if h.args == nil {
		h.args = object{}
	}
	run := &holding{file: filepath.Join(t.TempDir(), "summary.json"), search: h.search}
	args := append(
		slices.Clone(h.flags), "-e", "BODY="+h.body, "-e", "ARGS="+asJSON(t, h.args), "-e", "SCRIPT="+asJSON(t, h.script), "-e", "OUT="+run.file,
		"test/testdata/hold.js",
	)
	run.process = startK6(t, h.ns, h.wrapper, args...)
	return run
}

// run runs a holdTest to its good end.
func (h holdTest) run(t *testing.T) *held {
	t.Helper()
	return h.start(t).await(t, exitOK)
}

// await waits for the end, and checks that nothing was lost or counted twice.
func (r *holding) await(t *testing.T, code int) *held {
	t.Helper()
	h := r.end(t, code)
	h.checkSums(t, r.search)
	return h
}

// end waits for the end.
func (r *holding) end(t *testing.T, code int) *held {
	t.Helper()
	h := &held{k6: awaitK6(t, r.process), told: map[string][]string{}}
	require.Equal(t, code, h.code, "exit code of k6:\n%s", h.stderr)
	for _, line := range h.logs {
		if text, ok := strings.CutPrefix(line.Message, "told "); ok && line.Source == "console" {
			name, value, _ := strings.Cut(text, " ")
			h.told[name] = append(h.told[name], value)
		}
	}
	assert.NotContains(t, h.stdout.String()+h.stderr.String(), "goroutine ", "a Go panic")
	readJSON(t, r.file, &h.summary)
	return h
}

// checkSums checks that report and metrics account for every connection once, at the end of a test of holds only.
func (h *held) checkSums(t *testing.T, search bool) {
	t.Helper()
	r, m := &h.Report, h.Metrics
	s := r.States
	assert.Zero(t, s.Dialing+s.Established, "report(): nothing is left open: %+v", s)
	if r.Calls == 0 {
		return
	}
	assert.Equal(t, s.Error, total(r.Errors), "report(): the errors %v add up to states.error", r.Errors)
	assert.Equal(t, r.Connects, s.total(), "report(): the states %+v add up to connects", s)
	dialed := r.Connects - s.NotInitiated
	wanted := map[string]int64{
		"mconnect_connects":         dialed,
		"mconnect_connect_failed":   dialed,
		"mconnect_connect_duration": dialed - r.FailedConnects,
		"mconnect_reply_failed":     0,
		"mconnect_syn_retransmits":  r.SYNRetransmits,
	}
	if search {
		wanted = map[string]int64{
			"mconnect_connects": 0, "mconnect_connect_failed": 0, "mconnect_connect_duration": 0, "mconnect_rtt": 0,
			"mconnect_reply_failed": 0, "mconnect_syn_retransmits": 0, "mconnect_echo_duration": 0,
		}
	}
	for name, want := range wanted {
		assert.Equal(t, want, m[name].count(), "values of %s", name)
	}
	assert.Equal(t, s, h.gauges(), "last values of the states' gauges")
}

func (h *held) gauge(name string) int64 { return int64(h.Metrics[name].Values["value"]) }

func (h *held) gauges() states {
	return states{
		NotInitiated: h.gauge("mconnect_not_initiated"),
		Dialing:      h.gauge("mconnect_dialing"),
		Established:  h.gauge("mconnect_established"),
		Completed:    h.gauge("mconnect_completed"),
		Closed:       h.gauge("mconnect_closed"),
		Error:        h.gauge("mconnect_error"),
	}
}

// tells returns what the script has told under a name, which it did once.
func tells[T any](t *testing.T, h *held, name string) T {
	t.Helper()
	var value T
	require.Len(t, h.told[name], 1, "what the script told of %s:\n%s", name, h.stderr)
	require.NoError(t, json.Unmarshal([]byte(h.told[name][0]), &value), "%s", h.told[name][0])
	return value
}

// result is tells for a HoldResult, whose sums it checks.
func (h *held) result(t *testing.T, name string) holdResult {
	t.Helper()
	r := tells[holdResult](t, h, name)
	s := r.States
	assert.Equal(t, r.Connects, s.total(), "%s: the states %+v add up to connects", name, s)
	assert.Equal(t, s.Error, total(r.Errors), "%s: the errors %v add up to states.error", name, r.Errors)
	assert.Equal(t, r.Connects, r.EstablishedTotal+r.FailedConnects+s.NotInitiated, "%s: %+v", name, r)
	assert.LessOrEqual(t, r.EstablishedMax, r.EstablishedTotal, "%s", name)
	for class := range r.Errors {
		assert.NotEmpty(t, r.FirstErrors[class], "%s: the first error of class %s is told", name, class)
	}
	return r
}

// A gate is an event of the test that scripts wait for: until(async () => !(await sockets({port: args.gate})).listen).
type gate struct{ net.Listener }

func newGate(t *testing.T, ns *namespace) gate {
	t.Helper()
	var g gate
	require.NoError(t, ns.inside(func() (err error) {
		g.Listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	}))
	t.Cleanup(g.open)
	return g
}

func (g gate) port() int { return g.Addr().(*net.TCPAddr).Port }

func (g gate) open() { _ = g.Close() }

// portNumber is an address's port, as sockets() takes it.
func portNumber(t *testing.T, address string) int {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	return addr.Port
}
