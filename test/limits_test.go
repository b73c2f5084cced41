//go:build linux

package e2e

import (
	"io"
	"maps"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// With fewer descriptors than connections in flight, k6 makes do: no crash, no lost count, and one line that helps.
func TestFewFileDescriptors(t *testing.T) {
	const connections = 3000
	late := startPeer(t, nil, func(conn *net.TCPConn) {
		time.Sleep(20 * time.Millisecond) // a server at work
		_, _ = io.WriteString(conn, "late")
		swallow(conn)
	})
	holding := startPeer(t, nil, swallow)
	prompt := startResponder(t, server.Options{Hostname: "prompt", UDP: true})
	for _, test := range []struct {
		name    string
		options object
		targets []string // one for each VU
		all     bool     // whether every connection can be answered
	}{
		{"prompt server", nil, []string{prompt}, true},
		{"UDP", object{"network": "udp"}, []string{prompt}, true},
		{"late server", nil, []string{late.address}, true},
		{"server that holds", object{"connectTimeout": "300ms"}, []string{holding.address}, false},
		{"TLS to a server that holds", object{"connectTimeout": "300ms", "network": "tls"}, []string{holding.address}, false},
		{"several VUs", object{"connectTimeout": "300ms"}, []string{holding.address, late.address, prompt, holding.address}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := object{"connections": connections / len(test.targets), "concurrency": 1000}
			maps.Copy(options, test.options)
			f := floodTest{
				script:  object{"scenarios": object{"flood": object{"executor": "per-vu-iterations", "vus": len(test.targets)}}},
				wrapper: []string{"prlimit", "--nofile=256:256"},
			}
			for _, target := range test.targets {
				f.calls = append(f.calls, call{target, options})
			}
			done := f.flood(t)
			assert.EqualValues(t, connections, done.Report.Connects)
			if test.all {
				assert.EqualValues(t, connections, done.Report.States.Completed, "%v", done.Report.FirstErrors)
			}
			if len(test.targets) == 1 { // what is in flight makes room for the rest
				assert.Zero(t, done.Report.Errors["fd_limit"], "%v", done.Report.FirstErrors)
			}
			checkDescriptorNotice(t, done)
		})
	}
}

func checkDescriptorNotice(t *testing.T, done *flooded) {
	t.Helper()
	lines := done.warned("fd_limit")
	if done.Report.Errors["fd_limit"] == 0 {
		assert.Empty(t, lines)
		return
	}
	if assert.Len(t, lines, 1, "%s", done.stderr) {
		assert.Contains(t, lines[0], "256", "the limit")
		assert.Contains(t, lines[0], "ulimit -n", "how to raise it")
	}
}
