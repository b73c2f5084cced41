package module_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A wrongOption is a value that an option does not take, and what the error must say besides the option's name.
type wrongOption struct {
	option, value string
	shown, wants  string // the value as the error shows it, and what would be accepted
}

// wrongOfCalls are values that flood(), hold(), capacity() and traffic() all refuse.
var wrongOfCalls = []wrongOption{
	{"network", "'sctp'", `"sctp"`, "'tcp', 'tcp4', 'tcp6', 'udp', 'udp4', 'udp6', 'tls'"},
	{"network", "7", "7", "'tcp'"},
	{"connections", "0", "0", "whole number from 1 to 100000000"},
	{"connections", "1.5", "1.5", "whole number from 1"},
	{"connections", "'5'", `"5"`, "Number(…)"},
	{"connections", "5n", "a BigInt, 5n", "Number(…)"},
	{"connections", "Symbol('5')", "a Symbol", "whole number"},
	{"connections", "Infinity", "Infinity", "whole number"},
	{"connections", "Number('1k')", "NaN", "a text that is no number, such as '1k' in __ENV"},
	{"concurrency", "1000001", "1000001", "from 1 to 1000000"},
	{"rate", "-1", "-1", "number from 0"},
	{"rate", "NaN", "NaN", "number from 0"},
	{"connectTimeout", "'soon'", `"soon"`, "'8s'"},
	{"connectTimeout", "true", "true", "number of milliseconds"},
	{"timeout", "0", "0", "above 0"},
	{"timeout", "'9000h'", `"9000h"`, "up to a year"},
	{"source", "'10.0.0.0/33'", `"10.0.0.0/33"`, "CIDR"},
	{"source", "[]", "[]", "CIDR"},
	{"source", "[1]", "[1]", "CIDR"},
	{"source", "['10.0.0.1', '::1']", `["10.0.0.1","::1"]`, "one family"},
	{"sourceOrder", "'any'", `"any"`, "'sequential', 'random'"},
	{"seed", "0.5", "0.5", "whole number"},
	{"seed", "'x'", `"x"`, "whole number"},
	{"sourcePorts", "'2000-1000'", `"2000-1000"`, "before it begins"},
	{"sourcePorts", "2000", "2000", "'10000-20000'"},
	{"close", "'slam'", `"slam"`, "'fin', 'rst'"},
	{"serverName", "''", `""`, "not empty"},
	{"tags", "['a']", `["a"]`, "{site: 'ham'}"},
	{"tags", "{proto: 'x'}", `{"proto":"x"}`, "not free"},
	{"tags", "{a: {}}", `{"a":{}}`, "neither text, number nor boolean"},
	{"monitor", "{}", "{}", "'8s'"},
	{"nonsense", "1", "", "network"},
}

// wrongOf are values that only some calls know, by the beginning of the call.
var wrongOf = map[string][]wrongOption{
	"flood('127.0.0.1:1', ": {
		{"payload", "7", "7", "ArrayBuffer"},
		{"payload", "''", `""`, "1 to 65507 bytes"},
		{"readReply", "'no'", `"no"`, "true or false"},
		{"flows", "1", "1", "true or false"},
		{"flows", "true", "true", "sourcePorts: '10000-20000'"},
		{"weights", "{a: 0}", `{"a":0}`, "above 0"},
		{"weights", "{a: 'x'}", `{"a":"x"}`, `weight of "a" is "x"; want 0, or a number`},
		{"keepalive", "'1s'", "", "readReply"},
	},
	"hold('127.0.0.1:1', ": {
		{"duration", "'long'", `"long"`, "'8s'"},
		{"keepalive", "0", "0", "above 0"},
		{"payload", "'x'", "1 bytes", "keepalive: '10s'"},
		{"readReply", "true", "", "keepalive"},
	},
	"capacity('127.0.0.1:1', ": {
		{"step", "0", "0", "whole number from 1"},
		{"patience", "-5", "-5", "'500ms'"},
		{"duration", "'1s'", "", "patience"},
	},
	"traffic('127.0.0.1:1', ": {
		{"packetSize", "63", "63", "64 to 1048576"},
		{"lossTimeout", "'x'", `"x"`, "'500ms'"},
		{"duration", "0", "0", "'8s'"},
		{"reconnect", "'yes'", `"yes"`, "true or false"},
		{"payload", "'x'", "", "packetSize"},
	},
	"ping('http://127.0.0.1:1/', ": {
		{"method", "'G T'", `"G T"`, "want"},
		{"headers", "{a: 1}", `{"a":1}`, "{Accept: 'text/html'}"},
		{"ip", "'web-1'", `"web-1"`, "IP address"},
		{"timeout", "'x'", `"x"`, "'8s'"},
		{"from", "'a\\tb'", `"a\tb"`, "control characters"},
		{"to", "5", "5", "text"},
		{"tags", "{status: 1}", `{"status":1}`, "not free"},
		{"url", "1", "", "headers"},
	},
	"tcpPing('127.0.0.1:1', ": {
		{"source", "'x'", `"x"`, "IP address"},
		{"timeout", "true", "true", "'8s'"},
		{"ip", "'127.0.0.1'", "", "source"},
	},
	"sockets(": {
		{"port", "70000", "70000", "1 to 65535"},
		{"pid", "'self'", `"self"`, "whole number"},
		{"peer", "'http://10.0.0.1'", `"http://10.0.0.1"`, "'10.0.0.1:80'"},
		{"remote", "5", "5", "http://"},
		{"tags", "{state: 'x'}", `{"state":"x"}`, "not free"},
		{"host", "'x'", "", "remote"},
	},
	"preflight(": {
		{"connections", "'5'", `"5"`, "Number(…)"},
		{"targets", "0", "0", "whole number from 1"},
		{"source", "'x'", `"x"`, "IP address"},
		{"sourcePorts", "'0-1'", `"0-1"`, "1"},
		{"ports", "1", "", "sourcePorts"},
	},
	"listen(": {
		{"address", "'127.0.0.1'", `"127.0.0.1"`, "host:port"},
		{"hostname", "'a\\nb'", `a\nb`, "printable"},
		{"echo", "'yes'", `"yes"`, "true or false"},
		{"http", "'8090'", `"8090"`, "host:port"},
		{"network", "'sctp'", `"sctp"`, "'tcp', 'udp', 'tls'"},
		{"cert", "'x'", "cert: true, key: false", "both or none"},
		{"maxConnections", "0", "0", "from 1"},
		{"idleTimeout", "'x'", `"x"`, "'8s'"},
		{"port", "1", "", "address"},
	},
	"report(": {
		{"format", "'pdf'", `"pdf"`, "'object', 'html', 'svg'"},
		{"title", "''", `""`, "not empty"},
		{"style", "1", "", "format"},
	},
	"disruption(recorded, recorded, ": {
		{"model", "'roundrobin'", `"roundrobin"`, "'maglev', 'ecmp', 'resilient', 'stateful'"},
		{"backends", "[1]", "[1]", "array of names"},
		{"removed", "5", "5", "array of names"},
		{"added", "{}", "{}", "array of names"},
		{"weights", "{a: -1}", `{"a":-1}`, `weight of "a" is -1; want 0, or a number`},
		{"tags", "{model: 'x'}", `{"model":"x"}`, "not free"},
		{"flows", "1", "", "backends"},
	},
}

// recordedFlows are flows of a flood whose connections a and b have answered.
const recordedFlows = `var recorded = {flows: {version: 1, protocol: 'tcp', targets: ['10.0.0.1:1'], source: '10.0.0.0/24', ports: '1-2',
	start: '0', random: false, seed: '0', hosts: ['a', 'b'], answers: 'AQIB'}};`

// A wrong option rejects, or throws, with a TypeError that names the option, the value and what is accepted.
func TestWrongOptions(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	_, err := v.VU.Runtime().RunString(recordedFlows)
	require.NoError(t, err)
	for _, begun := range slices.Sorted(maps.Keys(wrongOf)) {
		name, _, _ := strings.Cut(begun, "(")
		rows := wrongOf[begun]
		if slices.Contains([]string{"flood", "hold", "capacity", "traffic"}, name) {
			rows = slices.Concat(wrongOfCalls, rows)
		}
		for _, row := range rows {
			snippet := fmt.Sprintf("%s{%s: %s})", begun, row.option, row.value)
			out := v.run(t, "await "+snippet)
			assert.True(t, out.Thrown, "accepted: %s", snippet)
			assert.Equal(t, "TypeError", out.Name, "%s: %s", snippet, out.Text)
			for _, part := range []string{name + "()", row.option, row.shown, row.wants} {
				assert.Contains(t, out.Text, part, snippet)
			}
		}
	}
	for _, sample := range v.taken() {
		assert.Contains(t, []string{"mconnect_verdicts", "mconnect_verdict_failed"}, sample.Metric.Name, "nothing was begun; that it was not is a verdict")
	}
}

// Options that don't go together, targets that are none, and what no option can be.
func TestWrongCalls(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	for _, row := range []struct {
		snippet string
		says    []string
	}{
		{`flood()`, []string{"target is missing", "'host:port'"}},
		{`flood('web')`, []string{"target", `"web"`, "host:port"}},
		{`flood('a:70000')`, []string{"target", "a:70000", "65535"}},
		{`flood([])`, []string{"target", "[]", "array"}},
		{`flood(['a:1', 5])`, []string{"target", `["a:1",5]`}},
		{`flood('127.0.0.1:1', [1])`, []string{"options", "[1]", "{connections: 100}"}},
		{`flood('127.0.0.1:1', 'x')`, []string{"options", `"x"`}},
		{`flood('127.0.0.1:1', {network: 'tcp6'})`, []string{"127.0.0.1", "tcp6"}},
		{`flood('127.0.0.1:1', {source: '::1'})`, []string{"source", "::1", "127.0.0.1"}},
		{`flood('127.0.0.1:1', {weights: {a: 1}, readReply: false})`, []string{`"weights"`, "readReply true"}},
		{`flood('127.0.0.1:1', {flows: true, sourcePorts: '1-2', readReply: false})`, []string{`"flows"`, "readReply true"}},
		{`flood('127.0.0.1:1', {flows: true, sourcePorts: '1-2', sourceOrder: 'random'})`, []string{`"flows"`, "seed"}},
		{`flood('127.0.0.1:1', {flows: true, sourcePorts: '1-2', connections: 2e7})`, []string{`"flows"`, "20000000", "10000000"}},
		{`flood('127.0.0.1:1', {expect: {hosts: 'web-1,web-2'}})`, []string{`"hosts"`, "web-1,web-2", "split(',')"}},
		{`traffic('127.0.0.1:1', {expect: {intact: true}})`, []string{`"expect"`, "intact without verify", "verify: true"}},
		{`change('restart', {hosts: []})`, []string{`"hosts"`, "got []", "leave the option out"}},
		{`change('restart', {hosts: 'web-1,web-2'})`, []string{`"hosts"`, "split(',')"}},
		{`hold('127.0.0.1:1', {network: 'udp'})`, []string{`"network"`, "'udp'", "keepalive: '10s'"}},
		{`capacity('127.0.0.1:1', {network: 'udp'})`, []string{`"network"`, "'udp'", "payload: 'Hello'"}},
		{`traffic('127.0.0.1:1', {network: 'udp', packetSize: 64})`, []string{`"packetSize"`, "got 64", "72 to 65507"}},
		{`ping('127.0.0.1')`, []string{"ping()", "127.0.0.1", "http"}},
		{`ping(5)`, []string{"URL", "got 5"}},
		{`ping('http://a/', 'x')`, []string{"options", `"x"`, "{timeout: '2s'}"}},
		{`ping('http://127.0.0.1:1/', {source: '::1'})`, []string{"ping()", "::1", "127.0.0.1"}},
		{`tcpPing('a')`, []string{"tcpPing()", `"a"`}},
		{`tcpPing('[::1]:1', {source: '127.0.0.1'})`, []string{"tcpPing()", "::1", "127.0.0.1"}},
		{`sockets(80)`, []string{"options", "80", "{port: 5001}"}},
		{`sockets({peer: ':80', remote: '10.0.0.1:81'})`, []string{`"peer"`, `"remote"`, "10.0.0.1:81"}},
		{`preflight(true)`, []string{"options", "true", "{connections: 5000}"}},
		{`listen('x')`, []string{"options", `"x"`, "{hostname: 'web-1'}"}},
		{`listen({network: 'tls', cert: 'x', key: 'y'})`, []string{`"cert"`, `"key"`, "PEM"}},
		{`report(5)`, []string{"options", "5", "{format: 'html'}"}},
		{`disruption()`, []string{"options", "{model: 'maglev'"}},
		{`disruption({}, {}, {model: 'maglev'})`, []string{"before", "flows: true"}},
		{`const o = {}; o.tags = o; await flood('127.0.0.1:1', o)`, []string{`"tags"`, "(circular)"}},
		{`const a = []; a.push(a); await flood(a)`, []string{"target", "(circular)"}},
	} {
		out := v.run(t, strings.Replace("await "+row.snippet, "await const", "const", 1))
		assert.True(t, out.Thrown, "accepted: %s", row.snippet)
		assert.Equal(t, "TypeError", out.Name, "%s: %s", row.snippet, out.Text)
		for _, part := range row.says {
			assert.Contains(t, out.Text, part, row.snippet)
		}
	}
}

// An error that is not the script's fault is not a TypeError.
func TestErrorsThatAreNotTheScripts(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	for snippet, says := range map[string]string{
		`const l = listen(); listen({address: l.address})`: "in use",
		`listen({address: '192.0.2.77:0'})`:                "192.0.2.77:0",
		`listen({echo: true, address: '192.0.2.77:0'})`:    `option "address"`,
		`listen({http: '192.0.2.77:0'})`:                   `option "http"`,
	} {
		out := v.run(t, snippet)
		assert.Equal(t, "GoError", out.Name, "%s: %s", snippet, out.Text)
		assert.Contains(t, out.Text, "listen(): ", snippet)
		assert.Contains(t, out.Text, says, snippet)
	}
}
