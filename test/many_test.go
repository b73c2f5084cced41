//go:build linux

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// Four processes that share a test find out what one process does: by the report, and by what the dashboard asks.
func TestFourProcessesAndOne(t *testing.T) {
	t.Parallel()
	need(t, "prometheus")
	prometheus := startPrometheus(t)
	targets := startResponder(t, server.Options{Hostname: "web-0"}) + "," + startResponder(t, server.Options{Hostname: "web-1"})
	dir, from := t.TempDir(), time.Now()
	run := func(testID, file string, args ...string) *process {
		return startK6(t, nil, prometheus.wrapper(false), slices.Concat(args, []string{
			"-e", "INSTANCES=4", "-e", "TARGET=" + targets, "-e", "HOSTS=web-0,web-1", "-e", "CONNECTIONS=500", "-e", "JSON=" + file,
			"--out", "experimental-prometheus-rw", "--tag", "testid=" + testID, "examples/flood.js",
		})...)
	}
	parts := make([]string, 4)
	processes := make([]*process, 4)
	for i := range parts {
		parts[i] = filepath.Join(dir, fmt.Sprintf("part-%d.json", i))
		processes[i] = run("four", parts[i], "--execution-segment", fmt.Sprintf("%d/4:%d/4", i, i+1), "--execution-segment-sequence", "0,1/4,2/4,3/4,1",
			"--tag", fmt.Sprintf("instance_id=%d", i))
	}
	whole := filepath.Join(dir, "whole.json")
	for _, p := range append(processes, run("one", whole, "--tag", "instance_id=0")) {
		assert.Equal(t, exitOK, p.wait(t), "%s", p.stderr)
	}

	var one report
	readJSON(t, whole, &one)
	sum := report{figures: figures{Hosts: map[string]int64{}}}
	for _, part := range parts {
		var r report
		readJSON(t, part, &r)
		assert.EqualValues(t, 500, r.Connects, "each process makes one iteration")
		sum.Connects += r.Connects
		addAll(sum.Hosts, r.Hosts)
	}
	require.EqualValues(t, 2000, one.Connects)
	assert.Equal(t, one.Connects, sum.Connects)
	assert.Equal(t, one.Hosts, sum.Hosts)

	asked := &dashboardRun{from: from, to: time.Now()}
	b := readBoard(t, "prometheus")
	for title, tag := range map[string]string{"Verdicts that failed": "", "Verdicts": "", "Connections": "", "Failures": "", "Share of the answers by host": "host", "Verdicts by call": "verdict"} {
		answer := func(testID string) map[string]float64 {
			return prometheus.by(t, asked.asGrafana(b.target(t, title).Expr, testID), tag, asked.to)
		}
		assert.NotEmpty(t, answer("one"), title)
		assert.Equal(t, answer("one"), answer("four"), title)
	}
	assert.Equal(t, floats(one.Hosts), prometheus.by(t, asked.asGrafana(b.target(t, "Share of the answers by host").Expr, "four"), "host", asked.to))
}
