//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// A threshold on the failures decides over k6's exit code.
func TestThresholdDecidesTheExitCode(t *testing.T) {
	answering := startResponder(t, server.Options{Hostname: "web-1"})
	for _, test := range []struct {
		name, target, metric, rule string
		code                       int
	}{
		{"all succeed", answering, "mconnect_connect_failed", "rate==0", exitOK},
		{"all are refused", refusing(t, unix.SOCK_STREAM), "mconnect_connect_failed", "rate==0", exitThresholds},
		{"failures of a class, by tag", refusing(t, unix.SOCK_STREAM), "mconnect_connect_failed{error:refused}", "rate<1", exitThresholds},
		{"a gauge, by its last value", answering, "mconnect_completed", "value<100", exitThresholds},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := floodTest{
				calls:  []call{{test.target, object{"connections": 100}}},
				script: object{"thresholds": object{test.metric: []string{test.rule}}},
			}
			assert.Equal(t, test.code, f.start(t).await(t).code)
		})
	}
}

// What the module throws ends k6 as any other exception does.
func TestExceptionDecidesTheExitCode(t *testing.T) {
	for _, test := range []struct {
		name, script, message string
		code                  int
	}{
		{"flood() in the init context", `await flood('127.0.0.1:5001')`, "init context", exitScript},
		{"listen() in the init context", `listen()`, "init context", exitScript},
		{"listen() in setup()", `export function setup() { listen({port: 5001}) }`, `option "port" is unknown`, exitScript},
		{"flood() in setup()", `export async function setup() { await flood('127.0.0.1:5001', {connections: 'many'}) }`, `got "many"`, exitRejected},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "script.js")
			script := "import { flood, listen } from 'k6/x/mconnect';\n" + test.script + "\nexport default function () {}\n"
			require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
			k := runK6(t, file)
			assert.Equal(t, test.code, k.code, "%s", k.stderr)
			assert.Contains(t, k.stderr.String(), "TypeError")
			assert.NotEmpty(t, k.logged(test.message), "%s", k.stderr)
		})
	}
}

// What k6's options forbid is not dialed: no packet leaves.
func TestForbiddenTargetsAreNotDialed(t *testing.T) {
	ns := newNamespace(t)
	c := startCompanion(t, ns, "127.0.0.1", "-udp")
	ns.rules(t, `table inet e2e {
		counter towards { }
		chain out {
			type filter hook output priority 0
			meta l4proto {tcp, udp} counter name towards
		}
	}`)
	port := portOf(t, c.address)
	for _, test := range []struct {
		name, network, target string
		script                object
		class                 string // "" is success
	}{
		{"blacklistIPs, TCP", "tcp", c.address, object{"blacklistIPs": []string{"127.0.0.0/8"}}, "blocked"},
		{"blacklistIPs, UDP", "udp", c.address, object{"blacklistIPs": []string{"127.0.0.0/8"}}, "blocked"},
		{"blacklistIPs, TLS", "tls", c.address, object{"blacklistIPs": []string{"127.0.0.0/8"}}, "blocked"},
		{"blacklistIPs, of a name", "tcp", "web.example:" + port, object{"blacklistIPs": []string{"127.0.0.0/8"}, "hosts": object{"web.example": "127.0.0.1"}}, "blocked"},
		{"blockHostnames", "tcp", "web.example:" + port, object{"blockHostnames": []string{"*.example"}}, "blocked"},
		{"no such host", "tcp", "web.invalid:" + port, nil, "dns"},
		{"hosts, by name", "tcp", "web.example:" + port, object{"hosts": object{"web.example": "127.0.0.1"}}, ""},
		{"hosts, by name and port", "udp", "web.example:1", object{"hosts": object{"web.example:1": c.address}}, ""},
		{"nothing forbidden", "tcp", c.address, object{"blacklistIPs": []string{"192.0.2.0/24"}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ns.run(t, "nft reset counters")
			f := floodTest{calls: []call{{test.target, object{"network": test.network, "connections": 50}}}, script: test.script, ns: ns}
			done := f.flood(t)
			if test.class == "" {
				assert.EqualValues(t, 50, done.Report.States.Completed)
				assert.NotContains(t, ns.run(t, "nft list counters"), "packets 0 ")
				return
			}
			assert.Equal(t, map[string]int64{test.class: 50}, done.Report.Errors)
			assert.EqualValues(t, 50, done.Report.FailedConnects)
			assert.Contains(t, ns.run(t, "nft list counters"), "packets 0 ")
		})
	}
	stopped := c.stop(t)
	assert.EqualValues(t, 100, stopped.Accepted, "connections that were not forbidden")
	assert.EqualValues(t, 50, stopped.Received, "datagrams that were not forbidden")
}

// Awaiting the answer can be left out; then there are no hosts, and no reads to fail.
func TestWithoutReadingAnswers(t *testing.T) {
	silent := startPeer(t, nil, swallow)
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			target := silent.address
			if network == "udp" {
				target = startUDPPeer(t, func([]byte) []byte { return nil })
			}
			s := floodTest{calls: []call{{target, object{"network": network, "connections": 200, "readReply": false}}}}.start(t)
			k := awaitK6(t, s.process)
			require.Equal(t, exitOK, k.code, "%s", k.stderr)
			var got summary
			readJSON(t, s.file, &got)
			assert.Equal(t, states{Completed: 200}, got.Report.States)
			assert.Empty(t, got.Report.Hosts)
			assert.EqualValues(t, 200, got.Metrics["mconnect_connects"].count())
			assert.EqualValues(t, 200, got.Metrics["mconnect_connect_duration"].count())
			assert.Zero(t, got.Metrics["mconnect_reply_failed"].count())
			assert.Zero(t, got.Metrics["mconnect_reply_duration"].count())
		})
	}
	assert.EqualValues(t, 200, silent.accepted.Load())
}
