//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A responder's address is free as soon as close() returns, and its clients are gone when the promise resolves.
func TestListenClose(t *testing.T) {
	for _, network := range []string{"tcp", "udp", "tls"} {
		t.Run(network, func(t *testing.T) {
			done := holdTest{
				args: object{"network": network},
				body: `
					const { network } = args;
					const first = listen({ network, http: '127.0.0.1:0' });
					const held = await hold(first.address, { network, connections: 10, keepalive: '10s' });
					const closed = first.close();
					const second = listen({ network, address: first.address, http: first.http.slice('http://'.length) });
					tell('closed', await closed);
					if (network !== 'udp') {
						await until(() => held.states().closed === 10);
					}
					await held.close();
					await Promise.all([second.close(), second.close()]);
				`,
				flags: []string{"--insecure-skip-tls-verify"},
			}.run(t)
			assert.Equal(t, []string{"null"}, done.told["closed"])
		})
	}
}

// What an iteration leaves open is closed when the next one begins.
func TestListenIterations(t *testing.T) {
	const iterations = 50
	done := holdTest{
		ns:     newNamespace(t),
		script: object{"iterations": iterations},
		args:   object{"address": "127.0.0.1:5001"},
		body:   `tell('address', listen({ address: args.address, http: '127.0.0.1:8080' }).address);`,
	}.run(t)
	assert.Len(t, done.told["address"], iterations, "%s", done.stderr)
}

func TestListenUDPAlone(t *testing.T) {
	for _, role := range []string{"responder", "echo"} {
		t.Run(role, func(t *testing.T) {
			done := holdTest{
				args: object{"echo": role == "echo"},
				body: `
					const { address } = listen({ network: 'udp', hostname: 'web-1', echo: args.echo });
					const payload = 'x'.repeat(100);
					tell('udp', (await flood(address, { network: 'udp', payload })).states);
					tell('tcp', (await flood(address)).errors);
				`,
			}.start(t).end(t, exitOK)
			assert.Equal(t, int64(1), tells[states](t, done, "udp").total())
			assert.Equal(t, map[string]int64{"refused": 1}, tells[map[string]int64](t, done, "tcp"))
			if role == "responder" {
				assert.EqualValues(t, 1, tells[states](t, done, "udp").Completed)
			}
		})
	}
}
