//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// What a user can't mean is said at once, by name, and not ignored or left to k6.
func TestExamplesRefuseWhatTheyCantDo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, script string
		env          []string
		says         []string
	}{
		{"two targets", "ping.js", []string{"URL=http://10.0.0.1/", "TARGET=10.0.0.2:1"}, []string{"URL is http://10.0.0.1/ and TARGET is 10.0.0.2:1", "one of them"}},
		{"an address without a name", "ping.js", []string{"TARGET=10.0.0.2:1", "IP=10.0.0.1"}, []string{"IP is 10.0.0.1 without URL"}},
		{"half a ping", "ping.js", []string{"COUNT=1.5"}, []string{"COUNT: got 1.5", "whole number from 1"}},
		{"a limit in words", "ping.js", []string{"MAX_MS=soon"}, []string{"MAX_MS: got soon", "number from 0"}},
		{"a pause of no time", "ping.js", []string{"DELAY=1.2.3s"}, []string{"DELAY: got 1.2.3s", "500ms"}},
		{"no rounds", "mesh.js", []string{"RATE=0"}, []string{"RATE: got 0", "from 0.001 to 1000"}},
		{"a rate in words", "mesh.js", []string{"RATE=often"}, []string{"RATE: got often"}},
		{"more than all", "mesh.js", []string{"MAX_FAILED=5%"}, []string{"MAX_FAILED: got 5%", "from 0 to 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := make([]string, 0, 2*len(test.env)+1)
			for _, variable := range test.env {
				args = append(args, "-e", variable)
			}
			k := runK6(t, append(args, "examples/"+test.script)...)
			assert.Equal(t, exitScript, k.code, "%s", k.stderr)
			for _, part := range test.says {
				assert.Contains(t, k.stderr.String(), part)
			}
		})
	}
}

// A variable that is misspelt leaves the demonstration, which is said; names of hosts may have spaces between.
func TestExamplesWithoutATarget(t *testing.T) {
	t.Parallel()
	const warning = "no TARGET: a demonstration"
	k := runK6(t, "-e", "TARGT=10.0.0.2:5001", "examples/flood.js")
	assert.Equal(t, exitOK, k.code, "%s", k.stderr)
	assert.Contains(t, k.stderr.String(), warning)
	target := startResponder(t, server.Options{Hostname: "web-1"}) + ", " + startResponder(t, server.Options{Hostname: "web-2"})
	k = runK6(t, "-e", "TARGET="+target, "-e", "HOSTS=web-1, web-2", "examples/flood.js")
	assert.Equal(t, exitOK, k.code, "%s", k.stderr)
	assert.NotContains(t, k.stderr.String(), warning)
}

// Half a round a second is one every two seconds.
func TestMeshExampleAtAFractionOfARate(t *testing.T) {
	t.Parallel()
	for rate, want := range map[string]string{"0.5": "0.50 iterations/s", "2.5": "2.50 iterations/s", "3": "3.00 iterations/s"} {
		p := start(t, nil, k6Path, "run", "-e", "RATE="+rate, "-e", "DURATION=1s", "examples/mesh.js")
		assert.Equal(t, exitOK, p.wait(t), "%s", p.stderr)
		assert.Contains(t, p.stdout.String(), want)
	}
}
