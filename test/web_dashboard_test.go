//go:build linux

package e2e

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// k6's web dashboard exports a report with the metrics of this module, under their types, and with the figures of the run.
func TestWebDashboard(t *testing.T) {
	t.Parallel()
	target := startResponder(t, server.Options{Hostname: "web-1"})
	file := filepath.Join(t.TempDir(), "dashboard.html")
	k := runK6(t, "--out", "web-dashboard=port=-1&period=1s&export="+file, "-e", "TARGET="+target, "test/testdata/seconds.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	page, err := os.ReadFile(file)
	require.NoError(t, err, "%s", k.stderr)
	data := regexp.MustCompile(`(?s)<script id="data"[^>]*>(.*?)</script>`).FindStringSubmatch(string(page))
	require.NotNil(t, data, "the data of the page")
	unzipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.TrimSpace(data[1]))))
	require.NoError(t, err)
	types := map[string]string{}
	var totals [][]float64 // by metric, in the order of their names
	for events := bufio.NewScanner(unzipped); events.Scan(); {
		var event struct {
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
		}
		require.NoError(t, json.Unmarshal(events.Bytes(), &event))
		switch event.Event {
		case "metric":
			var metrics map[string]struct{ Type string }
			require.NoError(t, json.Unmarshal(event.Data, &metrics))
			for name, m := range metrics {
				types[name] = m.Type
			}
		case "cumulative":
			require.NoError(t, json.Unmarshal(event.Data, &totals))
		}
	}
	for name, kind := range map[string]string{
		"mconnect_connects": "counter", "mconnect_connect_failed": "rate", "mconnect_connect_duration": "trend", "mconnect_established_max": "gauge",
		"mconnect_verdicts": "counter", "mconnect_verdict_failed": "rate",
	} {
		assert.Equal(t, kind, types[name], name)
	}
	const connects = 3 * (100 + 10)
	at := slices.Index(slices.Sorted(maps.Keys(types)), "mconnect_connects")
	require.Greater(t, len(totals), at)
	assert.InDelta(t, connects, totals[at][0], 0)
}
