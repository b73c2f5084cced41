//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a script gets wrong in what is not a flood is told in the same way: by name, value, and what is accepted.
func TestWrongOptionsOfHolds(t *testing.T) {
	const (
		duration = "want a duration above 0"
		target   = `'127.0.0.1:1'`
	)
	hold := func(options string) string { return `await mconnect.hold(` + target + `, ` + options + `)` }
	capacity := func(options string) string { return `await mconnect.capacity(` + target + `, ` + options + `)` }
	sockets := func(options string) string { return `await mconnect.sockets(` + options + `)` }
	preflight := func(options string) string { return `mconnect.preflight(` + options + `)` }
	tests := []struct {
		name, snippet string
		says          []string
	}{
		{"hold: no target", `await mconnect.hold()`, []string{"hold()", "target is missing", "host:port"}},
		{"hold: target without port", `await mconnect.hold('web-1')`, []string{"hold()", "web-1", "host:port"}},
		{"hold: options that are no object", hold(`100`), []string{"hold()", "options", "100", "{connections: 100}"}},
		{"hold: unknown option", hold(`{keepAlive: '1s'}`), []string{"hold()", `"keepAlive"`, "keepalive, "}},
		{"hold: readReply is flood's", hold(`{readReply: false}`), []string{"hold()", `"readReply"`, "connections, "}},
		{"hold: step is capacity's", hold(`{step: 5}`), []string{"hold()", `"step"`, "connections, "}},
		{"hold: connections: 0", hold(`{connections: 0}`), []string{"hold()", `"connections"`, "got 0", "from 1 to"}},
		{"hold: connections: text", hold(`{connections: '20'}`), []string{"hold()", `"connections"`, `"20"`, "Number("}},
		{"hold: duration: no unit", hold(`{duration: 'soon'}`), []string{"hold()", `"duration"`, `"soon"`, duration}},
		{"hold: duration: 0", hold(`{duration: 0}`), []string{"hold()", `"duration"`, "got 0", duration}},
		{"hold: keepalive: below 0", hold(`{keepalive: '-1s'}`), []string{"hold()", `"keepalive"`, `"-1s"`, duration}},
		{"hold: keepalive: boolean", hold(`{keepalive: true}`), []string{"hold()", `"keepalive"`, "true", duration}},
		{"hold: payload: empty", hold(`{keepalive: '1s', payload: ''}`), []string{"hold()", `"payload"`, "65507"}},
		{"hold: payload: number", hold(`{keepalive: '1s', payload: 7}`), []string{"hold()", `"payload"`, "got 7", "ArrayBuffer"}},
		{"hold: payload: without keepalive", hold(`{payload: 'x'}`), []string{"hold()", `"payload"`, "keepalive"}},
		{"hold: close", hold(`{close: 'slam'}`), []string{"hold()", `"close"`, `"slam"`, "'fin', 'rst'"}},
		{"hold: source: bad CIDR", hold(`{source: '10.0.0.0/33'}`), []string{"hold()", `"source"`, "10.0.0.0/33", "CIDR"}},
		{"hold: source: other family", hold(`{source: '::1'}`), []string{"hold()", "source", "::1", "127.0.0.1", "families"}},
		{"capacity: no target", `await mconnect.capacity()`, []string{"capacity()", "target is missing", "host:port"}},
		{"capacity: options that are no object", capacity(`'all'`), []string{"capacity()", "options", `"all"`, "object"}},
		{"capacity: unknown option", capacity(`{steps: 5}`), []string{"capacity()", `"steps"`, "step, "}},
		{"capacity: step: 0", capacity(`{step: 0}`), []string{"capacity()", `"step"`, "got 0", "from 1 to"}},
		{"capacity: step: half", capacity(`{step: 2.5}`), []string{"capacity()", `"step"`, "2.5", "whole number"}},
		{"capacity: patience", capacity(`{patience: 'long'}`), []string{"capacity()", `"patience"`, `"long"`, duration}},
		{"capacity: connections: NaN", capacity(`{connections: NaN}`), []string{"capacity()", `"connections"`, "NaN", "whole number"}},
		{"sockets: no object", sockets(`5001`), []string{"sockets()", "options", "5001", "{port: 5001}"}},
		{"sockets: unknown option", sockets(`{ports: 5001}`), []string{"sockets()", `"ports"`, "pid, port, remote"}},
		{"sockets: port: 0", sockets(`{port: 0}`), []string{"sockets()", `"port"`, "got 0", "65535"}},
		{"sockets: port: too large", sockets(`{port: 70000}`), []string{"sockets()", `"port"`, "70000", "65535"}},
		{"sockets: port: text", sockets(`{port: '80'}`), []string{"sockets()", `"port"`, `"80"`, "Number("}},
		{"sockets: pid: below 1", sockets(`{pid: -1}`), []string{"sockets()", `"pid"`, "-1", "from 1 to"}},
		{"sockets: remote: number", sockets(`{remote: 80}`), []string{"sockets()", `"remote"`, "80", "http://"}},
		{"sockets: remote: name", sockets(`{remote: 'web-1:80'}`), []string{"sockets()", `"remote"`, "web-1:80", "10.0.0.1:80"}},
		{"sockets: remote: other scheme", sockets(`{remote: 'ftp://127.0.0.1:1'}`), []string{"sockets()", "remote", "ftp://127.0.0.1:1", "http"}},
		{"sockets: remote: no host", sockets(`{remote: 'http://'}`), []string{"sockets()", "remote", "http://", "host"}},
		{"sockets: tags", sockets(`{tags: 'far'}`), []string{"sockets()", `"tags"`, `"far"`, "object"}},
		{"preflight: no object", preflight(`5000`), []string{"preflight()", "options", "5000", "{connections: 5000}"}},
		{"preflight: unknown option", preflight(`{connection: 1}`), []string{"preflight()", `"connection"`, "connections, "}},
		{"preflight: connections: 0", preflight(`{connections: 0}`), []string{"preflight()", `"connections"`, "got 0", "from 1 to"}},
		{"preflight: source", preflight(`{source: 'here'}`), []string{"preflight()", `"source"`, "here", "CIDR"}},
		{"preflight: targets: list", preflight(`{targets: ['127.0.0.1:1']}`), []string{"preflight()", `"targets"`, "127.0.0.1:1", "whole number"}},
		{"listen: idleTimeout", `mconnect.listen({idleTimeout: 'never'})`, []string{"listen()", `"idleTimeout"`, `"never"`, duration}},
		{"listen: hostname: number", `mconnect.listen({hostname: 7})`, []string{"listen()", `"hostname"`, "got 7", "text"}},
		{"listen: network", `mconnect.listen({network: 'sctp'})`, []string{"listen()", `"network"`, `"sctp"`, "'tcp', 'udp', 'tls'"}},
	}
	snippets := make([]string, 0, len(tests))
	for _, test := range tests {
		snippets = append(snippets, test.snippet)
	}
	k := runK6(t, "-e", "SNIPPETS="+asJSON(t, snippets), "test/testdata/reject.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	assert.NotContains(t, k.stdout.String()+k.stderr.String(), "goroutine ", "a Go panic")
	outcomes := rejections(t, k)
	require.Len(t, outcomes, len(tests))
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := outcomes[i]
			require.True(t, got.Thrown, "accepted: %s", test.snippet)
			assert.True(t, got.IsTypeError, "not a TypeError: %s", got.Message)
			for _, part := range test.says {
				assert.Contains(t, got.Message, part)
			}
		})
	}
}
