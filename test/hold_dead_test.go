//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Nothing tells of a black hole but missing answers: the keepalive finds who is behind it, and leaves the others alone.
func TestHoldBehindBlackHole(t *testing.T) {
	const each = 500
	ns := newNamespace(t)
	near, far := startCompanion(t, ns, "127.0.0.1"), startCompanion(t, ns, "127.0.0.1")
	run := holdTest{
		ns: ns,
		args: object{
			"targets": []string{near.address, far.address}, "ports": []int{portNumber(t, near.address), portNumber(t, far.address)},
			"connections": 2 * each,
		},
		body: `
			const held = await hold(args.targets, { connections: args.connections, keepalive: '2s', payload: 'still there?' });
			await until(() => held.result().echo_time.max > 0);
			tell('before', held.result());
			await until(() => held.result().errors.no_reply === args.connections / 2);
			tell('dead', held.result());
			await wait(5000); // two more rounds, which the others must survive
			tell('survivors', held.states());
			for (const port of args.ports) {
				tell('client', await sockets({ remote: '127.0.0.1:' + port }));
			}
			tell('closed', await held.close());
		`,
	}.start(t)
	run.awaitLine(t, "told before")
	ns.rules(t, fmt.Sprintf(`table inet e2e {
		chain in {
			type filter hook input priority 0
			tcp dport %[1]d drop
			tcp sport %[1]d drop
		}
	}`, portNumber(t, far.address)))
	done := run.await(t, exitOK)
	assert.Equal(t, states{Established: 2 * each}, done.result(t, "before").States)
	for _, name := range []string{"dead", "closed"} {
		r := done.result(t, name)
		assert.Equal(t, map[string]int64{"no_reply": each}, r.Errors, name)
		assert.EqualValues(t, 2*each, r.EstablishedTotal, name)
		assert.EqualValues(t, 2*each, r.EstablishedMax, name)
		assert.EqualValues(t, each, r.EstablishedAtClose, name)
		assert.Zero(t, r.FailedConnects, name)
		assert.Contains(t, r.FirstErrors["no_reply"], far.address, name)
	}
	assert.Equal(t, states{Established: each, Error: each}, tells[states](t, done, "survivors"))
	assert.Equal(t, states{Completed: each, Error: each}, done.result(t, "closed").States)
	assert.Positive(t, done.result(t, "closed").EchoTime.Min)
	assert.Positive(t, done.Metrics["mconnect_echo_duration"].count())
	assert.Zero(t, done.Report.FailedConnects)
	assert.Equal(t, map[string]int64{"no_reply": each}, done.Report.Errors)
	assert.Len(t, done.warned("class no_reply"), 1, "%s", done.stderr)
	assert.Len(t, done.told["client"], 2)
}

// k6 keeps each sample of a Trend, so of many answers to keepalives it gets a part.
func TestHoldEchoSamples(t *testing.T) {
	const connections, in = 2000, 2 // of 2,000 a second
	echo := startPeer(t, nil, func(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) })
	done := holdTest{
		args: object{"target": echo.address, "connections": connections},
		body: `
			const held = await hold(args.target, { connections: args.connections, keepalive: '1s' });
			await wait(4000);
			tell('result', await held.close());
		`,
	}.run(t)
	r := done.result(t, "result")
	echoes := float64(r.BytesReceived) / float64(len("Hello"))
	assert.Positive(t, r.EchoTime.Min)
	assert.InEpsilon(t, echoes/in, done.Metrics["mconnect_echo_duration"].count(), 0.25)
}

// A keepalive that is answered by some only, or by nobody.
func TestHoldUnanswered(t *testing.T) {
	const each = 100
	mute, chatty := startPeer(t, nil, swallow), startPeer(t, nil, func(conn *net.TCPConn) {
		buf := make([]byte, 64)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if _, err := conn.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	done := holdTest{
		args: object{"targets": []string{mute.address, chatty.address}, "connections": 2 * each},
		body: `
			const held = await hold(args.targets, { connections: args.connections, keepalive: '1s' });
			await until(() => held.states().error === args.connections / 2);
			tell('closed', await held.close());
		`,
	}.run(t)
	closed := done.result(t, "closed")
	assert.Equal(t, states{Completed: each, Error: each}, closed.States)
	assert.Equal(t, map[string]int64{"no_reply": each}, closed.Errors)
}

// Whenever a script looks, the errors of a result add up to its states: they are of the same instant.
func TestHoldResultSums(t *testing.T) {
	const connections = 2000
	mute := startPeer(t, nil, swallow)
	done := holdTest{
		args: object{"target": mute.address, "connections": connections},
		body: `
			const held = await hold(args.target, { connections: args.connections, keepalive: '500ms', timeout: '1m' });
			let wrong = null;
			for (let result = held.result(); result.states.established > 0; result = held.result()) {
				const errors = Object.values(result.errors).reduce((sum, n) => sum + n, 0);
				if (errors !== result.states.error) {
					wrong = wrong || { errors, states: result.states };
				}
				await wait(1);
			}
			tell('wrong', wrong);
			tell('closed', await held.close());
		`,
	}.run(t)
	assert.Equal(t, []string{"null"}, done.told["wrong"])
	assert.Equal(t, states{Error: connections}, done.result(t, "closed").States)
}
