//go:build linux

package e2e

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever changes the backends of a call on the command line announces it over HTTP: what is lost by it is excused, all else is not.
func TestChangesOfACommandLine(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		hosts string // of the change; "" announces none
		code  int
		says  string
	}{
		"announced":       {"web-1", 0, "upgrade of web-1: excuses losses for "},
		"of another host": {"web-2", exitThresholds, "✗ kept"},
		"not announced":   {"", exitThresholds, "✗ kept"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			web := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1")
			listening := freePort(t)
			p := start(t, nil, k6Path, "x", "mconnect", "hold", web.address, "--connections", "5", "--monitor", "100ms", "--changes", listening)
			p.awaitLine(t, "Established: 5")
			if row.hosts != "" {
				announce := url.URL{Scheme: "http", Host: listening, Path: "/change", RawQuery: url.Values{"text": {"upgrade of web-1"}, "hosts": {row.hosts}, "within": {"20m"}}.Encode()}
				answer, err := http.Post(announce.String(), "", nil)
				require.NoError(t, err)
				require.NoError(t, answer.Body.Close())
				require.Equal(t, http.StatusNoContent, answer.StatusCode)
			}
			web.stop(t) // which ends the hold
			assert.Equal(t, row.code, p.wait(t), p.stderr.String())
			assert.Contains(t, p.stdout.String(), row.says)
		})
	}
}

func TestChangesAtAnAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	web := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1", "-echo", "127.0.0.1:0")
	for _, call := range []string{"hold", "traffic"} {
		p := start(t, nil, k6Path, "x", "mconnect", call, web.address, "--changes", web.address)
		assert.Equal(t, 1, p.wait(t))
		assert.Contains(t, p.stderr.String(), "--changes: got ")
		assert.Contains(t, p.stderr.String(), "want an address of this machine that is free, such as 127.0.0.1:8099")
		assert.Empty(t, p.stdout.String())
	}
}
