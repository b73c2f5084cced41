//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stopped is what a companion server says of itself at its end.
type stopped struct {
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
	Active   int64 `json:"active"`
	TimedOut int64 `json:"timed_out"`
}

func stopCompanion(t *testing.T, c *companion) stopped {
	t.Helper()
	c.stop(t)
	var s stopped
	require.NoError(t, json.Unmarshal([]byte(c.awaitLine(t, `"Stopped"`)), &s))
	return s
}

// One k6 holds as many connections as tcpgoon is praised for; kernel, server, states and metrics tell the same of them.
func TestHold15000(t *testing.T) {
	const connections = 15_000
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1")
	points := filepath.Join(t.TempDir(), "points.json")
	done := holdTest{
		ns: ns, flags: []string{"--out", "json=" + points},
		args: object{"target": c.address, "port": portNumber(t, c.address), "connections": connections},
		body: `
			tell('before', await sockets({ port: args.port }));
			const held = await hold(args.target, { connections: args.connections, concurrency: 256, timeout: '1m' });
			tell('states', held.states());
			tell('result', held.result());
			await until(async () => (await sockets({ port: args.port })).established === args.connections); // all accepted
			tell('during', await sockets({ port: args.port }));
			tell('client', await sockets({ remote: args.target }));
			await wait(2500); // gauges are emitted every second
			tell('closed', await held.close());
			await until(async () => (await sockets({ port: args.port })).total === 1);
			tell('after', await sockets({ port: args.port }));
			tell('clientAfter', await sockets({ remote: args.target }));
		`,
	}.run(t)
	assert.Equal(t, states{Established: connections}, tells[states](t, done, "states"))
	during := done.result(t, "result")
	assert.EqualValues(t, connections, during.EstablishedMax)
	assert.EqualValues(t, connections, during.EstablishedAtClose)
	closed := done.result(t, "closed")
	assert.Equal(t, states{Completed: connections}, closed.States, "%v", closed.FirstErrors)
	assert.EqualValues(t, connections, closed.EstablishedTotal)
	assert.EqualValues(t, connections, closed.EstablishedMax)
	assert.EqualValues(t, connections, closed.EstablishedAtClose)

	before, server, after := tells[socketTable](t, done, "before"), tells[socketTable](t, done, "during"), tells[socketTable](t, done, "after")
	assert.EqualValues(t, connections, server.Established)
	assert.EqualValues(t, 1, server.Listen)
	assert.EqualValues(t, connections, tells[socketTable](t, done, "client").Established)
	require.NotNil(t, server.FDs, "the descriptors of the process that listens")
	assert.Equal(t, *before.FDs+connections, *server.FDs)
	assert.Equal(t, *before.FDs, *after.FDs, "the server has freed all")
	assert.Zero(t, tells[socketTable](t, done, "clientAfter").Established)

	assert.EqualValues(t, connections, done.gauge("mconnect_established_max"))
	established := readPoints(t, points)["mconnect_established"].points
	assert.True(t, slices.ContainsFunc(established, func(p point) bool { return p.Value == connections }), "mconnect_established: %v", established)
	sum := stopCompanion(t, c)
	assert.Equal(t, stopped{Accepted: connections}, sum)
}

// A service that dies takes all its connections with it; k6 notices, and says so everywhere.
func TestHoldServerKilled(t *testing.T) {
	const connections = 10_000
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1")
	run := holdTest{
		ns:   ns,
		args: object{"target": c.address, "port": portNumber(t, c.address), "connections": connections},
		body: `
			const held = await hold(args.target, { connections: args.connections, concurrency: 256, timeout: '1m' });
			await until(async () => (await sockets({ port: args.port })).established === args.connections);
			tell('holding', held.states());
			await until(() => held.states().closed === args.connections);
			tell('result', held.result());
			tell('closed', await held.close());
		`,
	}.start(t)
	run.awaitLine(t, "told holding")
	c.signal(syscall.SIGKILL)
	done := run.await(t, exitOK)
	assert.Equal(t, states{Established: connections}, tells[states](t, done, "holding"))
	for _, name := range []string{"result", "closed"} {
		r := done.result(t, name)
		assert.Equal(t, states{Closed: connections}, r.States, "%s: %v", name, r.FirstErrors)
		assert.EqualValues(t, connections, r.EstablishedTotal, name)
		assert.EqualValues(t, connections, r.EstablishedMax, name)
		assert.Zero(t, r.EstablishedAtClose, name)
		assert.Positive(t, r.Lifetime.Min, name)
		assert.LessOrEqual(t, r.Lifetime.Max, r.Duration, name)
	}
	assert.EqualValues(t, 1, done.Report.Calls)
	assert.EqualValues(t, connections, done.Report.Connects)
	assert.Equal(t, states{Closed: connections}, done.Report.States)
	assert.Zero(t, done.Report.FailedConnects)
	assert.EqualValues(t, connections, done.gauge("mconnect_established_max"))
}

// More connections than one process has descriptors for are a matter of two processes.
func TestHoldByTwoProcesses(t *testing.T) {
	const each = 18_000
	ns := newNamespace(t)
	g := newGate(t, ns)
	servers := []*companion{startCompanion(t, ns, "127.0.0.1"), startCompanion(t, ns, "127.0.0.1")}
	ports := []int{portNumber(t, servers[0].address), portNumber(t, servers[1].address)}
	runs := make([]*holding, 0, len(servers))
	for i, c := range servers {
		runs = append(runs, holdTest{
			ns: ns,
			args: object{
				"target": c.address, "source": fmt.Sprintf("127.%d.0.0/24", 20+i), "connections": each,
				"ports": ports, "gate": g.port(),
			},
			body: `
				const held = await hold(args.target, { connections: args.connections, concurrency: 256, source: args.source, timeout: '1m' });
				await until(async () => {
					const tables = await Promise.all(args.ports.map((port) => sockets({ port })));
					return tables.every((table) => table.established === args.connections);
				});
				tell('together', held.states());
				await until(async () => !(await sockets({ port: args.gate })).listen);
				tell('closed', await held.close());
			`,
		}.start(t))
	}
	for _, run := range runs {
		run.awaitLine(t, "told together")
	}
	g.open()
	for i, run := range runs {
		done := run.await(t, exitOK)
		assert.Equal(t, states{Established: each}, tells[states](t, done, "together"))
		closed := done.result(t, "closed")
		assert.Equal(t, states{Completed: each}, closed.States, "%v", closed.FirstErrors)
		assert.EqualValues(t, each, done.gauge("mconnect_established_max"))
		assert.Equal(t, stopped{Accepted: each}, stopCompanion(t, servers[i]))
	}
}

// Connections that come and go beside those that are held leave nothing behind in k6's process.
func TestHoldSoak(t *testing.T) {
	const held, rounds = 500, 39 // 20,000 in total
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1")
	done := holdTest{
		ns:      ns,
		wrapper: []string{"sh", "-c", `exec "$@" -e PID=$$`, "sh"},
		args:    object{"target": c.address, "port": portNumber(t, c.address), "connections": held, "rounds": rounds},
		body: `
			const pid = Number(__ENV.PID);
			const fds = async () => (await sockets({ pid })).fds;
			const options = { connections: args.connections, timeout: '1m' };
			const held = await hold(args.target, options);
			let least;
			for (let i = 0; i < args.rounds; i++) {
				const round = await hold(args.target, options);
				if (round.states().established !== args.connections) {
					throw new Error(JSON.stringify(round.result()));
				}
				await round.close();
				if (i === 0) {
					least = await fds();
					tell('first', least);
				}
			}
			tell('last', await fds());
			tell('table', await sockets({ pid }));
			await until(async () => (await sockets({ port: args.port })).established === args.connections);
			tell('server', await sockets({ port: args.port }));
			tell('closed', await held.close());
		`,
	}.run(t)
	first, last := tells[int64](t, done, "first"), tells[int64](t, done, "last")
	assert.GreaterOrEqual(t, first, int64(held))
	assert.LessOrEqual(t, last, first+2, "descriptors after the last round, and the first")
	assert.EqualValues(t, held, tells[socketTable](t, done, "table").Established)
	require.NotNil(t, tells[socketTable](t, done, "server").FDs)
	assert.Less(t, *tells[socketTable](t, done, "server").FDs, int64(held+100), "descriptors of the server")
	assert.Equal(t, states{Completed: held}, done.result(t, "closed").States)
	assert.Equal(t, states{Completed: held * (rounds + 1)}, done.Report.States)
	assert.EqualValues(t, rounds+1, done.Report.Calls)
	assert.EqualValues(t, 2*held, done.gauge("mconnect_established_max"))
	assert.Equal(t, stopped{Accepted: held * (rounds + 1)}, stopCompanion(t, c))
}
