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
