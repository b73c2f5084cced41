//go:build linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// series are the samples of one metric in k6's JSON output.
type series struct {
	kind, contains string
	points         []point
}

type point struct {
	Time  time.Time         `json:"time"`
	Value float64           `json:"value"`
	Tags  map[string]string `json:"tags"`
}

// withPoints makes k6 write every sample down, and returns a function that reads them after the run.
func (f *floodTest) withPoints(t *testing.T) func() map[string]*series {
	t.Helper()
	file := filepath.Join(t.TempDir(), "points.json")
	f.args = append(f.args, "--out", "json="+file)
	return func() map[string]*series { return readPoints(t, file) }
}

func readPoints(t *testing.T, file string) map[string]*series {
	t.Helper()
	opened, err := os.Open(file)
	require.NoError(t, err)
	defer opened.Close()
	all := map[string]*series{}
	for lines := bufio.NewScanner(opened); lines.Scan(); {
		var line struct {
			Type, Metric string
			Data         json.RawMessage
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		if line.Type == "Metric" {
			var metric struct{ Type, Contains string }
			require.NoError(t, json.Unmarshal(line.Data, &metric))
			all[line.Metric] = &series{kind: metric.Type, contains: metric.Contains}
			continue
		}
		var p point
		require.NoError(t, json.Unmarshal(line.Data, &p))
		all[line.Metric].points = append(all[line.Metric].points, p)
	}
	return all
}

// by adds up the values, or counts the points, by the values of some tags.
func (s *series) by(sum bool, tags ...string) map[string]float64 {
	groups := map[string]float64{}
	if s == nil { // no samples
		return groups
	}
	for _, p := range s.points {
		key := ""
		for _, tag := range tags {
			key += "|" + p.Tags[tag]
		}
		value := 1.0
		if sum {
			value = p.Value
		}
		groups[key] += value
	}
	return groups
}

// mixed is a test of everything at once: four VUs, two iterations each, with targets that answer, refuse, and stay silent.
type mixed struct {
	one, two, closed, silent string
	done                     *flooded
	points                   map[string]*series
}

func runMixed(t *testing.T) *mixed {
	t.Helper()
	m := &mixed{
		one:    startResponder(t, server.Options{Hostname: "one", UDP: true}),
		two:    startResponder(t, server.Options{Hostname: "second"}),
		closed: refusing(t, unix.SOCK_STREAM),
		silent: startPeer(t, nil, swallow).address,
	}
	f := floodTest{
		calls: []call{
			{[]string{m.one, m.two}, object{"connections": 1000, "concurrency": 32, "tags": object{"phase": "steady", "step": 7}}},
			{m.one, object{"network": "udp", "connections": 500}},
			{m.closed, object{"connections": 300}},
			{m.silent, object{"connections": 100, "concurrency": 100, "connectTimeout": "1s"}},
		},
		script: object{
			"scenarios": object{"mixed": object{"executor": "per-vu-iterations", "vus": 4, "iterations": 2}},
			"tags":      object{"team": "l4"},
		},
	}
	read := f.withPoints(t)
	m.done = f.flood(t)
	m.points = read()
	return m
}

func TestMetrics(t *testing.T) {
	m := runMixed(t)
	require.EqualValues(t, 3800, m.done.Report.Connects)
	assert.Equal(t, states{Completed: 3000, Error: 800}, m.done.Report.States)
	t.Run("types", m.types)
	t.Run("totals by tag", m.totals)
	t.Run("tags", m.tags)
	t.Run("values", m.values)
	t.Run("gauges", m.gauges)
	t.Run("times", m.times)
}

func (m *mixed) types(t *testing.T) {
	want := map[string]string{
		"mconnect_connects": "counter default", "mconnect_replies": "counter default", "mconnect_syn_retransmits": "counter default",
		"mconnect_replies_due":    "counter default",
		"mconnect_connect_failed": "rate default", "mconnect_reply_failed": "rate default",
		"mconnect_connect_duration": "trend time", "mconnect_reply_duration": "trend time", "mconnect_rtt": "trend time",
		"mconnect_not_initiated": "gauge default", "mconnect_dialing": "gauge default", "mconnect_established": "gauge default",
		"mconnect_completed": "gauge default", "mconnect_closed": "gauge default", "mconnect_error": "gauge default",
		"mconnect_established_max": "gauge default", "mconnect_balance_max_share": "gauge default", "mconnect_balance_p_value": "gauge default",
		"mconnect_balance_cv": "gauge default", "mconnect_balance_jain": "gauge default",
		"mconnect_verdicts": "counter default", "mconnect_verdict_failed": "rate default", "mconnect_failures": "counter default",
		"data_sent": "counter data", "data_received": "counter data",
	}
	got := map[string]string{}
	for name, s := range m.points {
		if _, ours := want[name]; ours || name[0] == 'm' {
			got[name] = s.kind + " " + s.contains
		}
	}
	assert.Equal(t, want, got)
}

func (m *mixed) totals(t *testing.T) {
	tcp := func(target string) string { return "|tcp|" + target }
	udp := "|udp|" + m.one
	type counts = map[string]float64
	for _, test := range []struct {
		metric string
		sum    bool
		tags   []string
		want   counts
	}{
		{"mconnect_connects", true, []string{"proto", "target"}, counts{tcp(m.one): 1000, tcp(m.two): 1000, udp: 1000, tcp(m.closed): 600, tcp(m.silent): 200}},
		{"mconnect_syn_retransmits", true, nil, counts{"": 0}},
		{"mconnect_connect_failed", false, []string{"proto", "target"}, counts{tcp(m.one): 1000, tcp(m.two): 1000, udp: 1000, tcp(m.closed): 600, tcp(m.silent): 200}},
		{"mconnect_connect_failed", true, []string{"target", "error"}, counts{"|" + m.one + "|": 0, "|" + m.two + "|": 0, "|" + m.silent + "|": 0, "|" + m.closed + "|refused": 600}},
		{"mconnect_connect_duration", false, []string{"proto", "target"}, counts{tcp(m.one): 1000, tcp(m.two): 1000, udp: 1000, tcp(m.silent): 200}},
		{"mconnect_reply_failed", false, []string{"proto", "target"}, counts{tcp(m.one): 1000, tcp(m.two): 1000, udp: 1000, tcp(m.silent): 200}},
		{"mconnect_reply_failed", true, []string{"target", "error"}, counts{"|" + m.one + "|": 0, "|" + m.two + "|": 0, "|" + m.silent + "|no_reply": 200}},
		{"mconnect_reply_duration", false, []string{"proto", "target"}, counts{tcp(m.one): 1000, tcp(m.two): 1000, udp: 1000}},
		{"mconnect_rtt", false, []string{"proto", "target"}, counts{tcp(m.one): 1000, tcp(m.two): 1000, tcp(m.silent): 200}},
		{"mconnect_replies", true, []string{"proto", "target", "host"}, counts{tcp(m.one) + "|one": 1000, tcp(m.two) + "|second": 1000, udp + "|one": 1000}},
		{"mconnect_replies_due", true, []string{"proto", "target", "host"}, counts{tcp(m.one+","+m.two) + "|one": 1000, tcp(m.one+","+m.two) + "|second": 1000, udp + "|one": 1000}},
		{"mconnect_failures", true, []string{"target", "error", "phase"}, counts{"|" + m.closed + "|refused|connect": 600, "|" + m.silent + "|no_reply|reply": 200}},
		{"mconnect_verdict_failed", true, []string{"verdict"}, counts{"|complete": 0, "|connected": 2, "|answered": 2, "|prompt": 0}},
		{"data_sent", true, []string{"proto"}, counts{"|tcp": 0, "|udp": 5 * 1000, "|": 0}},
		{"data_received", true, []string{"proto"}, counts{"|tcp": 3*1000 + 6*1000, "|udp": 3 * 1000, "|": 0}},
	} {
		t.Run(fmt.Sprint(test.metric, " ", test.tags), func(t *testing.T) {
			require.Contains(t, m.points, test.metric)
			got := m.points[test.metric].by(test.sum, test.tags...)
			if got["|"] == 0 { // k6's own samples of the iteration, in which no request was made
				delete(got, "|")
				delete(test.want, "|")
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// tags checks that each sample has the tags of its test, script and call, and no others.
func (m *mixed) tags(t *testing.T) {
	allowed := map[string][]string{
		"mconnect_connect_failed": {"error"},
		"mconnect_reply_failed":   {"error"},
		"mconnect_replies":        {"host"},
		"mconnect_replies_due":    {"host"},
		"mconnect_reply_duration": {"host"},
		"mconnect_verdicts":       {"verdict", "call"},
		"mconnect_verdict_failed": {"verdict", "call"},
		"mconnect_failures":       {"error"}, // and phase, which wins over the script's
	}
	for name, s := range m.points {
		if name[0] != 'm' {
			continue
		}
		_, ofProcess := m.states()[name]
		for _, p := range s.points {
			assert.Equal(t, "l4", p.Tags["team"], "%s: the test's tag", name)
			assert.Equal(t, "mixed", p.Tags["scenario"], "%s: k6's tag", name)
			for tag := range p.Tags {
				own := []string{"team", "scenario", "group", "phase", "step"}
				if !ofProcess {
					own = append(own, "proto", "target")
				}
				own = append(own, allowed[name]...)
				require.Contains(t, own, tag, "%s: %v", name, p.Tags)
			}
			if ofProcess {
				continue
			}
			isSteady := p.Tags["proto"] == "tcp" && (p.Tags["target"] == m.one || p.Tags["target"] == m.two || p.Tags["target"] == m.one+","+m.two)
			require.Equal(t, isSteady, p.Tags["phase"] == "steady" && p.Tags["step"] == "7", "%s: the call's tags: %v", name, p.Tags)
		}
	}
}

func (m *mixed) values(t *testing.T) {
	for _, name := range []string{"mconnect_connect_duration", "mconnect_reply_duration", "mconnect_rtt"} {
		for _, p := range m.points[name].points {
			require.Positive(t, p.Value, "%s: %v", name, p)
		}
	}
	for _, name := range []string{"mconnect_connect_failed", "mconnect_reply_failed"} {
		for _, p := range m.points[name].points {
			require.Equal(t, p.Value == 1, p.Tags["error"] != "", "%s: %v", name, p)
		}
	}
	for _, r := range m.done.results {
		if r.Connects == 1000 {
			assert.InDelta(t, 0.5, r.Balance.MaxShare, 0)
		}
	}
}

// states are the gauges of the whole process.
func (m *mixed) states() map[string]float64 {
	last := map[string]float64{}
	for _, name := range []string{
		"mconnect_not_initiated", "mconnect_dialing", "mconnect_established", "mconnect_completed", "mconnect_closed", "mconnect_error",
		"mconnect_established_max",
	} {
		latest := slices.MaxFunc(m.points[name].points, func(a, b point) int { return a.Time.Compare(b.Time) })
		last[name] = latest.Value
	}
	return last
}

func (m *mixed) gauges(t *testing.T) {
	last := m.states()
	most := last["mconnect_established_max"]
	assert.Positive(t, most)
	assert.LessOrEqual(t, most, float64(32+64+64+100), "the concurrency of all VUs")
	for name, value := range last {
		assert.InDelta(t, value, m.done.gauge(name), 0, "%s: the latest sample is the last value", name)
	}
	delete(last, "mconnect_established_max")
	sum := 0.0
	for value := range maps.Values(last) {
		sum += value
	}
	assert.InDelta(t, 3800, sum, 0, "the states' last values add up to all connects: %v", last)
	m.snapshots(t)
}

// snapshots checks that the states add up at every instant, not only at the end.
func (m *mixed) snapshots(t *testing.T) {
	sums := map[time.Time]float64{}
	for name := range m.states() {
		if name == "mconnect_established_max" {
			continue
		}
		for _, p := range m.points[name].points {
			sums[p.Time] += p.Value
		}
	}
	for at, sum := range sums {
		assert.LessOrEqual(t, sum, 3800.0, "%s", at)
		assert.InDelta(t, 0, int64(sum)%100, 0, "%s: %g is not a sum of whole calls", at, sum)
	}
}

// times checks that no two samples of a series have the same time: databases keep only one of them.
func (m *mixed) times(t *testing.T) {
	for name, s := range m.points {
		seen := map[string]bool{}
		for _, p := range s.points {
			if name[0] != 'm' && p.Tags["proto"] == "" {
				continue // k6's own
			}
			key := fmt.Sprint(p.Tags, p.Time.UnixNano()) // fmt sorts maps
			require.False(t, seen[key], "%s: two samples at %s", name, key)
			seen[key] = true
		}
	}
}
