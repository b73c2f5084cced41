//go:build linux

package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The gauges are those of the process: several VUs that hold at once are one sum.
func TestHoldByVUs(t *testing.T) {
	const vus, each = 4, 250
	ns := newNamespace(t)
	c, g := startCompanion(t, ns, "127.0.0.1"), newGate(t, ns)
	run := holdTest{
		ns:     ns,
		script: object{"scenarios": object{"hold": object{"executor": "per-vu-iterations", "vus": vus}}},
		args:   object{"target": c.address, "gate": g.port(), "connections": each},
		body: `
			const held = await hold(args.target, { connections: args.connections });
			tell('vu' + __VU, held.states());
			await until(async () => !(await sockets({ port: args.gate })).listen);
			if (__VU % 2) {
				tell('closed', await held.close());
			} // else the iteration's end closes them
		`,
	}.start(t)
	for vu := range vus {
		run.awaitLine(t, fmt.Sprintf("told vu%d ", vu+1))
	}
	g.open()
	done := run.await(t, exitOK)
	for vu := range vus {
		assert.Equal(t, states{Established: each}, tells[states](t, done, fmt.Sprintf("vu%d", vu+1)))
	}
	assert.Len(t, done.told["closed"], vus/2)
	assert.EqualValues(t, vus, done.Report.Calls)
	assert.Equal(t, states{Completed: vus * each}, done.Report.States)
	assert.EqualValues(t, vus*each, done.gauge("mconnect_established_max"))
	assert.Equal(t, stopped{Accepted: vus * each}, stopCompanion(t, c))
}

// How long a hold lasts: as long as its iteration, or as long as its duration, for which the iteration waits.
func TestHoldEnds(t *testing.T) {
	const connections = 100
	for _, test := range []struct {
		name, body string
		least      float64 // duration of the iteration, in ms
		told       bool
	}{
		{"with its iteration", `await hold(args.target, { connections: args.connections });`, 0, false},
		{"with its iteration, unawaited", `hold(args.target, { connections: args.connections });`, 0, false},
		{"with its iteration, which throws", `await hold(args.target, { connections: args.connections }); throw new Error('so what');`, 0, false},
		{"after its duration", `await hold(args.target, { connections: args.connections, duration: '2s' });`, 2000, false},
		{"after its duration, unawaited", `hold(args.target, { connections: args.connections, duration: 2000 });`, 2000, false},
		{"before its duration", `
			const held = await hold(args.target, { connections: args.connections, duration: '10m' });
			tell('closed', await held.close());
			tell('again', await held.close());
			tell('result', held.result());`, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ns := newNamespace(t)
			c := startCompanion(t, ns, "127.0.0.1")
			done := holdTest{ns: ns, args: object{"target": c.address, "connections": connections}, body: test.body}.run(t)
			assert.EqualValues(t, 1, done.Report.Calls)
			assert.EqualValues(t, connections, done.Report.Connects)
			if test.name != "with its iteration, unawaited" { // which may end before they are dialed
				assert.Equal(t, states{Completed: connections}, done.Report.States, "%v", done.Report.FirstErrors)
				assert.Equal(t, stopped{Accepted: connections}, stopCompanion(t, c))
			}
			assert.GreaterOrEqual(t, done.Metrics["iteration_duration"].Values["min"], test.least)
			if test.told {
				closed := done.result(t, "closed")
				assert.Equal(t, states{Completed: connections}, closed.States)
				assert.Equal(t, closed, done.result(t, "again"))
				assert.Equal(t, closed, done.result(t, "result"))
			}
		})
	}
}

// A hold that ends before all of its connections were begun says so.
func TestHoldTooShort(t *testing.T) {
	c := startCompanion(t, nil, "127.0.0.1")
	done := holdTest{
		args: object{"target": c.address},
		body: `await hold(args.target, { connections: 100, rate: 50, duration: '300ms' });`,
	}.run(t)
	left := done.Report.States.NotInitiated
	assert.Positive(t, left)
	assert.Equal(t, int64(100), left+done.Report.States.Completed)
	assert.Contains(t, done.stderr.String(), fmt.Sprintf("%d of 100 connections were not begun", left))
}

// A hold that must not outlive its iteration does not reach into the next one of its VU.
func TestHoldIterations(t *testing.T) {
	const iterations, connections = 20, 50
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1")
	done := holdTest{
		ns:     ns,
		script: object{"scenarios": object{"hold": object{"executor": "per-vu-iterations", "vus": 2, "iterations": iterations}}},
		args:   object{"target": c.address, "connections": connections},
		body:   `tell('states', (await hold(args.target, { connections: args.connections })).states());`,
	}.run(t)
	assert.Len(t, done.told["states"], 2*iterations)
	assert.EqualValues(t, 2*iterations, done.Report.Calls)
	assert.Equal(t, states{Completed: 2 * iterations * connections}, done.Report.States)
	assert.LessOrEqual(t, done.gauge("mconnect_established_max"), int64(2*connections), "no more than both VUs' at once")
	assert.Equal(t, stopped{Accepted: 2 * iterations * connections}, stopCompanion(t, c))
}

// Ctrl-C ends a hold soon, wherever it is, and the summary still accounts for every connection.
func TestInterruptedHold(t *testing.T) {
	const connections = 1000
	ns := newNamespace(t)
	ns.rules(t, `table inet e2e {
		chain in {
			type filter hook input priority 0
			tcp dport 9 drop
		}
	}`)
	for _, test := range []struct {
		name, body, busy string
		dialing          bool
	}{
		{"held", `await hold(args.target, { connections: args.connections, timeout: '1m' }); tell('busy'); await wait(600000);`, "told busy", false},
		{"with keepalive", `await hold(args.target, { connections: args.connections, keepalive: '200ms' }); tell('busy'); await wait(600000);`, "told busy", false},
		{"for a duration", `await hold(args.target, { connections: args.connections, duration: '10m' }); tell('busy');`, "told busy", false},
		{"never asked to wait", `const held = await hold(args.target, { connections: args.connections }); tell('busy'); await until(() => held.states().closed);`, "told busy", false},
		{"dialing", `await hold('127.0.0.1:9', { connections: args.connections, connectTimeout: '10m', timeout: '10m', monitor: '50ms' });`, "Dialing: 64", true},
		{"capacity", `await capacity('127.0.0.1:9', { connections: args.connections, connectTimeout: '10m', timeout: '10m', monitor: '50ms' });`, "Dialing: 8", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startCompanion(t, ns, "127.0.0.1")
			run := holdTest{ns: ns, args: object{"target": c.address, "connections": connections}, body: test.body, search: test.name == "capacity"}.start(t)
			run.awaitLine(t, test.busy)
			run.signal(syscall.SIGINT)
			done := run.await(t, exitAborted)
			if test.dialing {
				assert.Zero(t, done.Report.States.Completed)
				return
			}
			assert.Equal(t, states{Completed: connections}, done.Report.States, "%v", done.Report.FirstErrors)
			assert.EqualValues(t, 1, done.Report.Calls)
			assert.Equal(t, stopped{Accepted: connections}, stopCompanion(t, c))
		})
	}
}

// k6 ends iterations by itself, too, and their holds with them.
func TestHoldEndedByK6(t *testing.T) {
	const vus, each = 2, 200
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1")
	done := holdTest{
		ns:     ns,
		script: object{"scenarios": object{"hold": object{"executor": "constant-vus", "vus": vus, "duration": "2s", "gracefulStop": "0s"}}},
		args:   object{"target": c.address, "connections": each},
		body:   `await hold(args.target, { connections: args.connections, duration: '10m', keepalive: '100ms', close: 'rst' });`,
	}.run(t)
	assert.EqualValues(t, vus, done.Report.Calls)
	assert.Equal(t, states{Completed: vus * each}, done.Report.States, "%v", done.Report.FirstErrors)
	assert.EqualValues(t, vus*each, done.gauge("mconnect_established_max"))
}

// Calls of hold() that are open when an iteration is interrupted don't keep k6 from ending, however many there are.
func TestManyHoldsInterrupted(t *testing.T) {
	const holds = 150 // k6 has room for 100 answers to an event that it no longer waits for
	for _, test := range []struct {
		name     string
		scenario object
		code     int
	}{
		{"by k6", object{"executor": "constant-vus", "vus": 2, "duration": "2s", "gracefulStop": "0s"}, exitOK},
		{"by Ctrl-C", object{"executor": "per-vu-iterations", "vus": 2}, exitAborted},
	} {
		t.Run(test.name, func(t *testing.T) {
			ns := newNamespace(t)
			c := startCompanion(t, ns, "127.0.0.1")
			run := holdTest{
				ns:     ns,
				script: object{"scenarios": object{"hold": test.scenario}},
				args:   object{"target": c.address, "holds": holds},
				body: `
					await Promise.all(Array.from({ length: args.holds }, () => hold(args.target)));
					tell('held' + __VU);
					await wait(600000);
				`,
			}.start(t)
			if test.code == exitAborted {
				run.awaitLine(t, "told held1 ")
				run.awaitLine(t, "told held2 ")
				run.signal(syscall.SIGINT)
			}
			done := run.await(t, test.code)
			assert.EqualValues(t, 2*holds, done.Report.Calls)
			assert.Equal(t, states{Completed: 2 * holds}, done.Report.States, "%v", done.Report.FirstErrors)
			assert.EqualValues(t, 2*holds, done.gauge("mconnect_established_max"))
			assert.Equal(t, stopped{Accepted: 2 * holds}, stopCompanion(t, c))
		})
	}
}

// The example's thresholds: the exit code says whether the service holds what it should.
func TestHoldThresholds(t *testing.T) {
	for _, test := range []struct {
		name  string
		flags []string // of the server
		code  int
	}{
		{"holds all", nil, exitOK},
		{"closes some", []string{"-max-connections", "150"}, exitThresholds},
	} {
		t.Run(test.name, func(t *testing.T) {
			ns := newNamespace(t)
			c := startCompanion(t, ns, "127.0.0.1", test.flags...)
			p := startK6(t, ns, nil, "-e", "TARGET="+c.address, "-e", "CONNECTIONS=200", "-e", "DURATION=1s", "-e", "KEEPALIVE=500ms", "examples/hold.js")
			k := awaitK6(t, p)
			assert.Equal(t, test.code, k.code, "%s", k.stderr)
			assert.Contains(t, k.stderr.String(), "NotInitiated: 0", "tcpgoon's line")
		})
	}
}
