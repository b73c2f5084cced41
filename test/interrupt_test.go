//go:build linux

package e2e

import (
	"maps"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Ctrl-C ends a flood soon, and the summary still accounts for every connection.
func TestInterruptedFlood(t *testing.T) {
	const connections, concurrency = 50_000, 500
	ns := newNamespace(t)
	ns.rules(t, `table inet e2e {
		chain in {
			type filter hook input priority 0
			meta l4proto {tcp, udp} th dport 9 drop
		}
	}`)
	silent := startPeer(t, ns, swallow)
	for _, test := range []struct {
		name, target, busy string
		options            object
		connected          bool // whether connections get that far
	}{
		{"TCP black hole", "127.0.0.1:9", "Dialing: 500", nil, false},
		{"TCP, no answers", silent.address, "Established: 500", nil, true},
		{"UDP black hole", "127.0.0.1:9", "Established: 500", object{"network": "udp"}, true},
		{"TLS, no handshake", silent.address, "Dialing: 500", object{"network": "tls"}, false},
		{"open loop", "127.0.0.1:9", "Dialing: 500", object{"rate": 5000}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := object{"connections": connections, "concurrency": concurrency, "connectTimeout": "10m", "timeout": "10m", "monitor": "50ms"}
			maps.Copy(options, test.options)
			run := floodTest{calls: []call{{test.target, options}}, ns: ns}.start(t)
			run.awaitLine(t, test.busy)
			run.signal(syscall.SIGINT)
			done := run.await(t)
			assert.Equal(t, exitAborted, done.code, "%s", done.stderr)
			assert.Equal(t, map[string]int64{"aborted": concurrency}, done.Report.Errors)
			assert.Equal(t, states{NotInitiated: connections - concurrency, Error: concurrency}, done.Report.States)
			if test.connected {
				assert.EqualValues(t, concurrency, done.Report.FailedReads)
			} else {
				assert.EqualValues(t, concurrency, done.Report.FailedConnects)
			}
		})
	}
}

// The same with several VUs at work, some of which have finished calls behind them.
func TestInterruptedVUs(t *testing.T) {
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1")
	silent := startPeer(t, ns, swallow)
	run := floodTest{
		calls: []call{
			{c.address, object{"connections": 200}},
			{silent.address, object{"connections": 5000, "concurrency": 64, "connectTimeout": "10m", "timeout": "10m"}},
		},
		script: object{"scenarios": object{"flood": object{"executor": "constant-vus", "vus": 4, "duration": "10m"}}},
		ns:     ns,
	}.start(t)
	run.awaitLine(t, `result {`)
	require.Eventually(t, func() bool { return silent.accepted.Load() == 128 }, patience, time.Millisecond)
	run.signal(syscall.SIGINT)
	done := run.await(t)
	assert.Equal(t, exitAborted, done.code, "%s", done.stderr)
	assert.Positive(t, done.Report.States.Completed)
	assert.GreaterOrEqual(t, done.Report.Errors["aborted"], int64(128))
	stopped := c.stop(t)
	assert.GreaterOrEqual(t, stopped.Accepted, done.Report.States.Completed)
}

// k6 ends iterations by itself, too: what they had in flight is counted as after Ctrl-C.
func TestFloodEndedByK6(t *testing.T) {
	silent := startPeer(t, nil, swallow)
	closed := refusing(t, unix.SOCK_STREAM)
	endless := object{"connections": 5000, "concurrency": 64, "connectTimeout": "10m", "timeout": "10m"}
	for _, test := range []struct {
		name   string
		calls  []call
		script object
		code   int
	}{
		{
			"the scenario is over",
			[]call{{silent.address, endless}},
			object{"scenarios": object{"flood": object{"executor": "constant-vus", "vus": 2, "duration": "1s", "gracefulStop": "0s"}}},
			exitOK,
		},
		{
			"a threshold that aborts",
			[]call{{silent.address, endless}, {closed, object{"connections": 100}}},
			object{
				"scenarios":  object{"flood": object{"executor": "per-vu-iterations", "vus": 2}},
				"thresholds": object{"mconnect_connect_failed": []object{{"threshold": "rate==0", "abortOnFail": true}}},
			},
			exitThresholds,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := floodTest{calls: test.calls, script: test.script}.start(t).await(t)
			assert.Equal(t, test.code, done.code, "%s", done.stderr)
			assert.Zero(t, done.Report.Errors["aborted"]%64, "%v", done.Report.Errors)
			assert.GreaterOrEqual(t, done.Report.Errors["aborted"], int64(64))
			assert.Positive(t, done.Report.States.NotInitiated)
		})
	}
}

// Ctrl-C also ends a flood in setup(), where the script has no VU yet.
func TestInterruptedSetup(t *testing.T) {
	silent := startPeer(t, nil, swallow)
	p := startK6(t, nil, nil, "-e", "TARGET="+silent.address, "test/testdata/setup.js")
	p.awaitLine(t, "Established: 64")
	p.signal(syscall.SIGINT)
	k := awaitK6(t, p)
	assert.Equal(t, exitAborted, k.code, "%s", k.stderr)
	assert.NotContains(t, k.stderr.String(), "goroutine ", "a Go panic")
}
