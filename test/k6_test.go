//go:build linux

package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
)

// Exit codes of k6.
const (
	exitOK         = 0
	exitThresholds = 99
	exitAborted    = 105
	exitScript     = 107
	exitRejected   = 255 // a promise that setup() awaits; k6 has no better code for it
)

// k6 is a run of ./k6 that has ended.
type k6 struct {
	*process
	code int
	logs []logLine
}

// logLine is what k6 and the script have logged.
type logLine struct {
	Level   string `json:"level"`
	Message string `json:"msg"`
	Source  string `json:"source"` // "console" is the script
}

// startK6 starts `k6 run`, quietly and with a log that can be read.
func startK6(t testing.TB, ns *namespace, wrapper []string, args ...string) *process {
	t.Helper()
	return start(t, ns, slices.Concat(wrapper, []string{k6Path, "run", "--quiet", "--log-format", "json"}, args)...)
}

func runK6(t *testing.T, args ...string) *k6 {
	t.Helper()
	return awaitK6(t, startK6(t, nil, nil, args...))
}

func awaitK6(t testing.TB, p *process) *k6 {
	t.Helper()
	k := &k6{process: p, code: p.wait(t)}
	for text := range strings.Lines(p.stderr.String()) {
		var line logLine
		require.NoError(t, json.Unmarshal([]byte(text), &line), "not a line of k6's log: %s", text)
		k.logs = append(k.logs, line)
	}
	return k
}

// verdictLine is how the lines begin that tell, at the end, of the verdicts that failed.
const verdictLine = "mconnect: verdict "

// logged returns the messages, other than the script's, that contain a text. Lines of verdicts, which repeat what others say, are among them
// only if the text begins as they do.
func (k *k6) logged(part string) []string {
	var messages []string
	for _, line := range k.logs {
		isVerdict := strings.HasPrefix(line.Message, verdictLine)
		if line.Source != "console" && isVerdict == strings.HasPrefix(part, verdictLine) && strings.Contains(line.Message, part) {
			messages = append(messages, line.Message)
		}
	}
	return messages
}

// warned is logged without the last lines, in which failed verdicts repeat the causes.
func (k *k6) warned(part string) []string {
	return slices.DeleteFunc(k.logged(part), func(line string) bool { return strings.HasPrefix(line, "mconnect: verdict ") })
}

// maxRSS is the most memory that k6 had, in bytes.
func (k *k6) maxRSS() int64 {
	return k.cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
}

// object is a JavaScript object.
type object = map[string]any

// call is one flood(target, options).
type call struct {
	Target  any    `json:"target"`
	Options object `json:"options"`
}

// floodTest is a run of testdata/flood.js.
type floodTest struct {
	calls   []call // each VU makes one
	script  object // k6's options
	args    []string
	ns      *namespace
	wrapper []string // a command that starts another
}

// flooded is what a floodTest came to.
type flooded struct {
	*k6
	results []result
	summary
}

// summary is what testdata/flood.js writes.
type summary struct {
	Report  report            `json:"report"`
	Metrics map[string]metric `json:"metrics"`
}

// figures are what results and reports have in common.
type figures struct {
	Hosts          map[string]int64  `json:"hosts"`
	Connects       int64             `json:"connects"`
	FailedConnects int64             `json:"failed_connects"`
	FailedReads    int64             `json:"failed_reads"`
	States         states            `json:"states"`
	Errors         map[string]int64  `json:"errors"`
	FirstErrors    map[string]string `json:"first_errors"`
	SYNRetransmits int64             `json:"syn_retransmits"`
	Balance        struct {
		Hosts    int     `json:"hosts"`
		MinShare float64 `json:"min_share"`
		MaxShare float64 `json:"max_share"`
		PValue   float64 `json:"p_value"`
	} `json:"balance"`
}

type states struct {
	NotInitiated int64 `json:"not_initiated"`
	Dialing      int64 `json:"dialing"`
	Established  int64 `json:"established"`
	Completed    int64 `json:"completed"`
	Closed       int64 `json:"closed"`
	Error        int64 `json:"error"`
}

func (s states) total() int64 {
	return s.NotInitiated + s.Dialing + s.Established + s.Completed + s.Closed + s.Error
}

// result is a FloodResult.
type result struct {
	figures
	Duration    float64 `json:"duration"`
	ConnectTime spread  `json:"connect_time"`
	ReplyTime   spread  `json:"reply_time"`
	ErrorTime   spread  `json:"error_time"`
	SourcesUsed int64   `json:"sources_used"`
}

type spread struct {
	Min float64 `json:"min"`
	Med float64 `json:"med"`
	Max float64 `json:"max"`
}

// report is a Report.
type report struct {
	figures
	Calls       int64                `json:"calls"`
	Disruptions []disruption.Verdict `json:"disruptions"`
}

// metric is one of data.metrics in handleSummary.
type metric struct {
	Type     string             `json:"type"`
	Contains string             `json:"contains"`
	Values   map[string]float64 `json:"values"`
}

// count is how many values a metric got, or the total of a counter.
func (m metric) count() int64 {
	if m.Type == "rate" {
		return int64(m.Values["passes"] + m.Values["fails"])
	}
	return int64(m.Values["count"])
}

// started is a floodTest that runs.
type started struct {
	*process
	file string
}

// flood runs a floodTest and checks that it lost nothing and counted nothing twice.
func (f floodTest) flood(t *testing.T) *flooded {
	t.Helper()
	done := f.start(t).await(t)
	require.Equal(t, exitOK, done.code, "exit code of k6:\n%s", done.stderr)
	return done
}

func (f floodTest) start(t testing.TB) *started {
	t.Helper()
	if f.script == nil {
		f.script = object{}
	}
	calls := make([]call, len(f.calls))
	for i, c := range f.calls {
		calls[i] = call{c.Target, object{"timeout": "1m"}} // a busy machine must not end a call
		maps.Copy(calls[i].Options, c.Options)
	}
	s := &started{file: filepath.Join(t.TempDir(), "summary.json")}
	args := append(slices.Clone(f.args), "-e", "CALLS="+asJSON(t, calls), "-e", "SCRIPT="+asJSON(t, f.script), "-e", "OUT="+s.file, floodScript)
	s.process = startK6(t, f.ns, f.wrapper, args...)
	return s
}

// await waits for the end, reads what came of it, and checks all sums.
func (s *started) await(t *testing.T) *flooded {
	t.Helper()
	f := &flooded{k6: awaitK6(t, s.process)}
	for _, line := range f.logs {
		if text, ok := strings.CutPrefix(line.Message, "result "); ok && line.Source == "console" {
			var r result
			require.NoError(t, json.Unmarshal([]byte(text), &r))
			f.results = append(f.results, r)
		}
	}
	readJSON(t, s.file, &f.summary)
	f.checkSums(t)
	return f
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func readJSON(t *testing.T, file string, to any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to), "%s", text)
}

// gauge is the last value of a gauge.
func (f *flooded) gauge(name string) float64 { return f.Metrics[name].Values["value"] }
