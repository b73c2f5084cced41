//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a script gets wrong is told by name, value, and what is accepted; nothing is dialed.
func TestWrongOptions(t *testing.T) {
	const duration = "want a duration above 0"
	tests := []struct {
		name, snippet string
		says          []string
	}{
		{"no target", `await flood()`, []string{"target is missing", "host:port"}},
		{"a percent sign", `await flood('web%d-1%')`, []string{`"web%d-1%"`, "host:port"}},
		{"target without port", `await flood('web-1')`, []string{"target", "web-1", "host:port"}},
		{"target with a bad port", `await flood('web-1:70000')`, []string{"target", "web-1:70000", "65535"}},
		{"target with port 0", `await flood('web-1:0')`, []string{"target", "web-1:0", "65535"}},
		{"target that is a number", `await flood(5001)`, []string{"target", "5001", "host:port"}},
		{"empty list of targets", `await flood([])`, []string{"target", "[]", "host:port"}},
		{"bad target in a list", `await flood(['127.0.0.1:1', 'nowhere'])`, []string{"target", "nowhere", "host:port"}},
		{"options that are no object", `await flood('127.0.0.1:1', 100)`, []string{"options", "100", "{connections: 100}"}},
		{"unknown option", `await flood('127.0.0.1:1', {conections: 5})`, []string{`"conections"`, "connections, "}},
		{"unknown network", `await flood('127.0.0.1:1', {network: 'sctp'})`, []string{`"network"`, `"sctp"`, "'tcp', 'tcp4'"}},
		{"connections: 0", `await flood('127.0.0.1:1', {connections: 0})`, []string{`"connections"`, "got 0", "from 1 to"}},
		{"connections: text", `await flood('127.0.0.1:1', {connections: '20'})`, []string{`"connections"`, `"20"`, "Number("}},
		{"connections: half", `await flood('127.0.0.1:1', {connections: 1.5})`, []string{`"connections"`, "1.5", "whole number"}},
		{"connections: too many", `await flood('127.0.0.1:1', {connections: 1e12})`, []string{`"connections"`, "1000000000000", "100000000"}},
		{"concurrency: NaN", `await flood('127.0.0.1:1', {concurrency: NaN})`, []string{`"concurrency"`, "NaN", "whole number"}},
		{"concurrency: below 1", `await flood('127.0.0.1:1', {concurrency: -1})`, []string{`"concurrency"`, "-1", "from 1 to"}},
		{"rate: below 0", `await flood('127.0.0.1:1', {rate: -0.5})`, []string{`"rate"`, "-0.5", "a number from 0"}},
		{"connectTimeout: no unit", `await flood('127.0.0.1:1', {connectTimeout: 'soon'})`, []string{`"connectTimeout"`, `"soon"`, duration}},
		{"timeout: 0", `await flood('127.0.0.1:1', {timeout: 0})`, []string{`"timeout"`, "got 0", duration}},
		{"timeout: below 0", `await flood('127.0.0.1:1', {timeout: '-1s'})`, []string{`"timeout"`, `"-1s"`, duration}},
		{"monitor: boolean", `await flood('127.0.0.1:1', {monitor: true})`, []string{`"monitor"`, "true", duration}},
		{"source: bad CIDR", `await flood('127.0.0.1:1', {source: '10.0.0.0/33'})`, []string{`"source"`, "10.0.0.0/33", "CIDR"}},
		{"source: range backwards", `await flood('127.0.0.1:1', {source: '10.0.0.9-10.0.0.1'})`, []string{`"source"`, "10.0.0.9-10.0.0.1", "before it begins"}},
		{"source: mixed families", `await flood('127.0.0.1:1', {source: ['10.0.0.1', '::1']})`, []string{`"source"`, "::1", "one family"}},
		{"source: other family than the target", `await flood('127.0.0.1:1', {source: '::1'})`, []string{"source", "::1", "127.0.0.1", "families"}},
		{"source: multicast", `await flood('127.0.0.1:1', {source: '224.0.0.1'})`, []string{`"source"`, "224.0.0.1", "multicast", "CIDR"}},
		{"ping: source of the other family", `await mconnect.ping('http://127.0.0.1:1/', {source: '::1'})`, []string{"ping()", "::1", "127.0.0.1", "use a source of its version"}},
		{"ping: source of the other family than the address", `await mconnect.ping('http://web.example/', {ip: '::1', source: '127.0.0.1'})`, []string{"ping()", "::1", "127.0.0.1", "use a source of its version"}},
		{"tcpPing: source of the other family", `await mconnect.tcpPing('[::1]:1', {source: '127.0.0.1'})`, []string{"tcpPing()", "::1", "127.0.0.1", "use a source of its version"}},
		{"target: link-local without interface", `await flood('[fe80::1]:80')`, []string{"target", "fe80::1", "[fe80::1%eth0]:80"}},
		{"source: name", `await flood('127.0.0.1:1', {source: 'localhost'})`, []string{`"source"`, "localhost", "CIDR"}},
		{"sourceOrder", `await flood('127.0.0.1:1', {sourceOrder: 'any'})`, []string{`"sourceOrder"`, `"any"`, "'sequential', 'random'"}},
		{"seed: text", `await flood('127.0.0.1:1', {sourceOrder: 'random', seed: 'x'})`, []string{`"seed"`, `"x"`, "whole number"}},
		{"sourcePorts: above 65535", `await flood('127.0.0.1:1', {sourcePorts: '60000-70000'})`, []string{`"sourcePorts"`, "60000-70000", "65535"}},
		{"sourcePorts: backwards", `await flood('127.0.0.1:1', {sourcePorts: '2000-1000'})`, []string{`"sourcePorts"`, "2000-1000", "before it begins"}},
		{"sourcePorts: number", `await flood('127.0.0.1:1', {sourcePorts: 2000})`, []string{`"sourcePorts"`, "2000", "'10000-20000'"}},
		{"close", `await flood('127.0.0.1:1', {close: 'slam'})`, []string{`"close"`, `"slam"`, "'fin', 'rst'"}},
		{"payload: empty", `await flood('127.0.0.1:1', {network: 'udp', payload: ''})`, []string{`"payload"`, "65507"}},
		{"payload: too long", `await flood('127.0.0.1:1', {network: 'udp', payload: 'x'.repeat(70000)})`, []string{`"payload"`, "65507"}},
		{"payload: number", `await flood('127.0.0.1:1', {network: 'udp', payload: 7})`, []string{`"payload"`, "got 7", "ArrayBuffer"}},
		{"readReply: text", `await flood('127.0.0.1:1', {readReply: 'no'})`, []string{`"readReply"`, `"no"`, "true or false"}},
		{"tags: list", `await flood('127.0.0.1:1', {tags: ['a']})`, []string{`"tags"`, `["a"]`, "object"}},
		{"tags: nested", `await flood('127.0.0.1:1', {tags: {a: {b: 1}}})`, []string{`"tags"`, `"a"`, "text"}},
		{"network of another family", `await flood('127.0.0.1:1', {network: 'tcp6'})`, []string{"127.0.0.1", "tcp6"}},
		{"flows: any port", `await flood('127.0.0.1:1', {flows: true})`, []string{`"flows"`, "sourcePorts"}},
		{"weights: none above 0", `await flood('127.0.0.1:1', {weights: {a: 0}})`, []string{`"weights"`, `{"a":0}`, "above 0"}},
		{"weights: infinitely small", `await flood('127.0.0.1:1', {weights: {a: 1e-300, b: 1}})`, []string{`"weights"`, `1e-300`, "1e-09 to 1e+09"}},
		{"disruption: no results", `mconnect.disruption()`, []string{"disruption()", "options", "{model: 'maglev'"}},
		{"disruption: no flows", `mconnect.disruption({}, {}, {model: 'maglev'})`, []string{"disruption()", "before: ", "flows: true"}},
		{"disruption: flows made up", `mconnect.disruption({flows: {version: 1}}, {flows: 'x'}, {model: 'maglev'})`, []string{"disruption()", "before: ", "unchanged"}},
		{"disruption: results of null", `mconnect.disruption(null, {flows: null}, {model: 'maglev'})`, []string{"disruption()", "before: "}},
		{"disruption: flows that are code", `mconnect.disruption({flows: () => 1}, {}, {model: 'maglev'})`, []string{"disruption()", "before: ", "no data"}},
		{"an object inside itself", `const o = {}; o.tags = o; await flood('127.0.0.1:1', o)`, []string{`"tags"`, "(circular)"}},
		{"a list inside itself", `const a = []; a.push(a); await flood(a)`, []string{"target", "(circular)"}},
		{"shared references", `let o = {x: 'y'}; for (let i = 0; i < 40; i++) o = {a: o, b: o}; await flood('127.0.0.1:1', {tags: o})`, []string{`"tags"`, "250000 parts", "want an object"}},
		{"an endless list", `await flood(new Array(2 ** 32 - 1))`, []string{"target", "250000 parts", "host:port"}},
		{"many levels", `let o = []; for (let i = 0; i < 1e5; i++) o = [o]; await flood('127.0.0.1:1', {source: o})`, []string{`"source"`, "100 levels", "CIDR"}},
		{"a getter that throws", `await flood('127.0.0.1:1', {get payload() { throw new Error('boom') }})`, []string{`"payload"`, `throws "Error: boom"`, "ArrayBuffer"}},
		{"options that throw", `await flood('127.0.0.1:1', new Proxy({}, {ownKeys() { throw new Error('boom') }}))`, []string{"options", `throws "Error: boom"`, "object"}},
		{"a promise", `await flood(Promise.resolve('127.0.0.1:1'))`, []string{"target", "await it"}},
		{"a long source", `await flood('127.0.0.1:1', {source: 'ü'.repeat(1e6)})`, []string{`"source"`, "CIDR"}},
		{"a long target", `await flood('😀'.repeat(1e6))`, []string{"target", "host:port"}},
		{"a name that DNS can't have", `await flood('ü\u202e.example:80')`, []string{"target", `\u202e`, "host:port"}},
		{"ping: a long URL", `await mconnect.ping('http://a/' + 'ü'.repeat(1e6))`, []string{"URL", "at most"}},
		{"ping: a line break in a URL", `await mconnect.ping('http://127.0.0.1:1/\r\nX: y')`, []string{"URL", "control character"}},
		{"ping: a line break in a header", `await mconnect.ping('http://127.0.0.1:1/', {headers: {a: 'b\r\nc: d'}})`, []string{"header", "without control characters"}},
		{"listen: options that are no object", `listen('127.0.0.1:0')`, []string{"listen()", "options", "127.0.0.1:0", "object"}},
		{"listen: unknown option", `listen({port: 5001})`, []string{"listen()", `"port"`, "address, "}},
		{"listen: no such address", `listen({address: '192.0.2.77:0'})`, []string{"listen()", "192.0.2.77:0"}},
		{"listen: address without port", `listen({address: '127.0.0.1'})`, []string{"listen()", "127.0.0.1", "host:port"}},
		{"listen: address taken", `const l = listen(); try { listen({address: l.address}) } finally { l.close() }`, []string{"listen()", "127.0.0.1:", "in use"}},
		{"listen: host name too long", `listen({hostname: 'x'.repeat(256)})`, []string{"listen()", "xxx", "255"}},
		{"listen: host name in two lines", `listen({hostname: 'a\nb'})`, []string{"listen()", `a\nb`, "printable"}},
		{"listen: certificate over TCP", `listen({cert: 'x', key: 'y'})`, []string{"listen()", `"cert"`, "'tls'"}},
		{"listen: certificate without key", `listen({network: 'tls', cert: 'x'})`, []string{"listen()", "cert", "key"}},
		{"listen: certificate that is none", `listen({network: 'tls', cert: 'x', key: 'y'})`, []string{"listen()", "cert", "PEM"}},
		{"listen: echo as text", `listen({echo: 'yes'})`, []string{"listen()", `"echo"`, `got "yes"`, "true or false"}},
		{"listen: echo without port", `listen({echo: true, address: '127.0.0.1'})`, []string{"listen()", `"address"`, "host:port"}},
		{"listen: no connections", `listen({maxConnections: 0})`, []string{"listen()", `"maxConnections"`, "got 0", "from 1"}},
	}
	snippets := make([]string, 0, len(tests))
	for _, test := range tests {
		snippets = append(snippets, test.snippet)
	}
	k := runK6(t, "-e", "SNIPPETS="+asJSON(t, snippets), "test/testdata/reject.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	outcomes := rejections(t, k)
	require.Len(t, outcomes, len(tests))
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := outcomes[i]
			require.True(t, got.Thrown, "accepted: %s", test.snippet)
			unavailable := test.name == "listen: no such address" || test.name == "listen: address taken"
			assert.Equal(t, !unavailable, got.IsTypeError, "a TypeError is for what the script got wrong: %s", got.Message)
			for _, part := range test.says {
				assert.Contains(t, got.Message, part)
			}
			assert.Less(t, len(got.Message), 1500, "an error is there to be read")
			assert.NotContains(t, got.Message, "\u202e")
			assert.NotContains(t, k.stdout.String()+k.stderr.String(), "goroutine ", "a Go panic")
		})
	}
}

// rejection is what a snippet came to.
type rejection struct {
	Thrown      bool   `json:"thrown"`
	IsTypeError bool   `json:"isTypeError"`
	Message     string `json:"message"`
}

func rejections(t *testing.T, k *k6) []rejection {
	t.Helper()
	var all []rejection
	for _, line := range k.logs {
		if text, ok := strings.CutPrefix(line.Message, "outcome "); ok {
			var r rejection
			require.NoError(t, json.Unmarshal([]byte(text), &r))
			all = append(all, r)
		}
	}
	return all
}
