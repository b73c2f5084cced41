//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readmeScript is the README's script to copy, with the addresses and names of the lab. change says what its user changes, from and to.
func readmeScript(t *testing.T, change ...string) string {
	t.Helper()
	var script string
	for _, b := range blocksOf(t, filepath.Join(root, "README.md")) {
		if b.kind == "js" {
			require.Empty(t, script, "the README has one script")
			script = b.text
		}
	}
	change = append(change, "10.0.0.2:5001", "10.0.0.1:5001", "198.18.0.0/20", "10.10.0.0/24", "web-1", "web-01", "web-2", "web-02", "web-3", "web-03")
	for i := 0; i < len(change); i += 2 {
		require.Equal(t, 1, strings.Count(script, change[i]), "%s in the README's script", change[i])
		script = strings.Replace(script, change[i], change[i+1], 1)
	}
	file := filepath.Join(t.TempDir(), "script.js")
	require.NoError(t, os.WriteFile(file, []byte(script), 0o600))
	return file
}

// With load balancers that are sound the README's script exits with 0, in 20 runs of 20. It runs beside no other test, as it wants a thousand
// connections a second.
func TestReadmeScriptPasses(t *testing.T) {
	needLab(t, "dnat")
	needLab(t, "haproxy")
	lab := startLab(t, nil, "-script", readmeScript(t), "-balancer", "ecmp,dnat-roundrobin,dnat-maglev,xdp,haproxy", "-runs", "4", "-servers", "4")
	assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
	assert.Len(t, regexp.MustCompile(`(?m)^\| none .*ok +\|$`).FindAllString(lab.stdout.String(), -1), 5, "%s", lab.stdout)
}

// With each fault that new connections meet it exits with 99, and its last lines have the words that the lab looks for.
func TestReadmeScriptFails(t *testing.T) {
	for fault, change := range map[string][]string{
		"idle-backend": nil, "dead-backend": nil, "half-open": nil, "stall": nil, "corrupted": nil, "leak": nil, "needless-flush": nil, "port-reuse": nil,
		"old-table": nil, "stale-map": nil,
		"affinity-lost": {"// affinity: true", "affinity: true"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			needLab(t, "dnat")
			if fault == "needless-flush" {
				need(t, "conntrack")
			}
			lab := startLab(t, nil, "-script", readmeScript(t, change...), "-fault", fault, "-runs", "0", "-servers", "4")
			assert.Equal(t, 0, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
			assert.Regexp(t, `(?m)^\| `+fault+` .*ok +\|$`, lab.stdout.String())
		})
	}
}

// The lab complains of a script that sees no fault, and of one that sees one where there is none.
func TestLabComplainsOfScripts(t *testing.T) {
	for name, test := range map[string]struct {
		change, flags []string
		says          string
	}{
		"blind":   {[]string{"mconnect_verdict_failed: ['rate==0']", "mconnect_connect_failed: ['rate==0']"}, []string{"-fault", "idle-backend"}, "it exits with 0, and should with 99"},
		"anxious": {[]string{"['count>0']", "['count>1000']"}, []string{"-balancer", "dnat-maglev"}, "with nothing broken it exits with 99 in run 1 of 1"},
		"wrong":   {[]string{"connections: 10000", "conections: 10000"}, []string{"-fault", "stall"}, "conections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needLab(t, "dnat")
			lab := startLab(t, nil, append([]string{"-script", readmeScript(t, test.change...), "-servers", "4"}, test.flags...)...)
			assert.Equal(t, 1, lab.wait(t), "%s\n%s", lab.stdout, lab.stderr)
			assert.Contains(t, lab.stdout.String(), "NOK")
			assert.Contains(t, lab.stderr.String(), test.says)
		})
	}
}
