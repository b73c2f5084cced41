//go:build linux

package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// A range of fixed ports that is too small for a hold is told beforehand, and not only by what fails.
func TestTooFewSourcePorts(t *testing.T) {
	target := startResponder(t, server.Options{Hostname: "web-1"})
	for name, row := range map[string]struct {
		ports    string
		warnings int
	}{
		"too few": {"20600-20609", 1},
		"enough":  {"20600-20699", 0},
	} {
		t.Run(name, func(t *testing.T) {
			script := `const h = await mconnect.hold('` + target + `', {connections: 50, source: '127.9.6.1', sourcePorts: '` + row.ports + `', close: 'rst'}); await h.close()`
			k := runK6(t, "-e", "SNIPPETS="+asJSON(t, []string{script}), "test/testdata/reject.js")
			require.Equal(t, exitOK, k.code, "%s", k.stderr)
			warnings := k.logged("combinations of source, source port and target")
			assert.Len(t, warnings, row.warnings, "%s", k.stderr)
			for _, text := range warnings {
				assert.Contains(t, text, "10, but 50 are needed; a wider range of sourcePorts")
			}
		})
	}
}

// Sources that this host lacks are told beforehand, and not by connections that fail one by one. A bind does not tell: it takes any source with
// ip_nonlocal_bind, and over IPv6 none that only a route gives to this host.
func TestForeignSources(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ sources, route, nonlocal string }{
		"IPv4": {"10.9.9.0/24", "ip route add local 10.9.9.0/24 dev lo", "ipv4/ip_nonlocal_bind"},
		"IPv6": {"fd00:9::/120", "ip route add local fd00:9::/120 dev lo", "ipv6/ip_nonlocal_bind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t)
			preflight := func(code int, args ...string) string {
				p := start(t, ns, append([]string{k6Path, "x", "mconnect", "preflight", "--source", row.sources}, args...)...)
				assert.Equal(t, code, p.wait(t), "%s", p.stderr)
				return p.stdout.String()
			}
			const checked = "source addresses of this host (32 of 25"
			told := preflight(exitThresholds)
			assert.Contains(t, told, "✗ "+checked)
			assert.Contains(t, told, row.route)
			ns.sysctl(t, row.nonlocal, "1")
			assert.Contains(t, preflight(exitThresholds), "✗ "+checked, "to bind is not to be reached")
			ns.sysctl(t, row.nonlocal, "0")
			ns.run(t, row.route)
			assert.Contains(t, preflight(exitOK), "✓ "+checked)
			assert.NotContains(t, preflight(exitThresholds, "--source", "192.0.2.1", "--driver", "packets", "--connections", "1000000000000"), checked)
		})
	}
}
