//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// What examples/flood.js reports, and what mconnect-server has counted, is what was asked for.
func TestFloodIsCountedAlikeByBothEnds(t *testing.T) {
	const connections = 20_000
	name, err := os.Hostname()
	require.NoError(t, err)
	for _, test := range []struct {
		name, host, network string
		answered            func(serverLine) int64
	}{
		{"TCP over IPv4", "127.0.0.1", "tcp", func(s serverLine) int64 { return s.Accepted }},
		{"TCP over IPv6", "::1", "tcp", func(s serverLine) int64 { return s.Accepted }},
		{"UDP over IPv4", "127.0.0.1", "udp", func(s serverLine) int64 { return s.Answered }},
		{"UDP over IPv6", "::1", "udp", func(s serverLine) int64 { return s.Answered }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startCompanion(t, nil, test.host, "-udp")
			file := filepath.Join(t.TempDir(), "report.json")
			k := runK6(t, "-e", "TARGET="+c.address, "-e", "CONNECTIONS=20000", "-e", "NETWORK="+test.network, "-e", "JSON="+file, "examples/flood.js")
			require.Equal(t, exitOK, k.code, "%s", k.stderr)
			var r report
			readJSON(t, file, &r)
			r.checkSums(t, "report()")
			assert.Equal(t, map[string]int64{name: connections}, r.Hosts)
			assert.EqualValues(t, connections, test.answered(c.stop(t)), "counted by the server")
			assert.Regexp(t, `answered +20000 +100 %`, k.stdout.String(), "the summary")
		})
	}
}

// The report has mconnect's own fields, in its units, for those who parse `mconnect -output json`.
func TestReportIsInMconnectsFormat(t *testing.T) {
	address := startResponder(t, server.Options{Hostname: "web-1"})
	file := filepath.Join(t.TempDir(), "report.json")
	k := runK6(t, "-e", "TARGET="+address, "-e", "CONNECTIONS=100", "-e", "TIMEOUT=7s", "-e", "JSON="+file, "examples/flood.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var r struct {
		Hosts          map[string]int `json:"hosts"`
		Connects       *int           `json:"connects"`
		FailedConnects *int           `json:"failed_connects"`
		FailedReads    *int           `json:"failed_reads"`
		StartTime      time.Time      `json:"start_time"`
		Timeout        time.Duration  `json:"timeout"`
		Duration       time.Duration  `json:"duration"`
	}
	require.NoError(t, json.Unmarshal(text, &r), "%s", text)
	zero, hundred := 0, 100
	assert.Equal(t, map[string]int{"web-1": 100}, r.Hosts)
	assert.Equal(t, &hundred, r.Connects)
	assert.Equal(t, &zero, r.FailedConnects)
	assert.Equal(t, &zero, r.FailedReads)
	assert.Equal(t, 7*time.Second, r.Timeout)
	assert.Positive(t, r.Duration)
	assert.Less(t, r.Duration, time.Since(r.StartTime))
}

// Every example runs as it is, and passes its own thresholds.
func TestExamplesRun(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*.js"))
	require.NoError(t, err)
	require.NotEmpty(t, examples)
	for _, path := range examples {
		name := filepath.Base(path)
		if name == million {
			continue // TestMillion runs it, in networks of its own
		}
		t.Run(name, func(t *testing.T) {
			k := runK6(t, filepath.Join("examples", name))
			assert.Equal(t, exitOK, k.code, "%s%s", k.stdout, k.stderr)
		})
	}
}

const million = "million.js"

// The example of a million connections runs with some fewer, in the networks that its script makes.
func TestMillion(t *testing.T) {
	needs.Root(t, "make network namespaces")
	need(t, "ip")
	p := start(t, nil, "sh", "examples/million.sh", "--quiet", "-e", "CONNECTIONS=20000")
	assert.Equal(t, exitOK, p.wait(t), "%s", p.stderr)
	assert.Contains(t, p.stderr.String(), "20000 were still established at the end, 20000 closed")
}
