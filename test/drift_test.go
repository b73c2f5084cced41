//go:build linux

package e2e

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/markdown"
)

// rowsOf are the rows of a guide's tables whose header begins so, cell by cell.
func rowsOf(t *testing.T, guide, header string) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", guide))
	require.NoError(t, err)
	rows = markdown.Rows(string(text), header)
	require.NotEmpty(t, rows, "%s has no table of a %s", guide, header)
	return rows
}

// The guides list the flags of mconnect-server, all of them and no others, with their defaults. Its help says what they are.
func TestServerFlagsAreInTheGuides(t *testing.T) {
	t.Parallel()
	p := start(t, nil, serverPath, "-h")
	require.Zero(t, p.wait(t))
	code := map[string]string{} // the default of each flag, "" for none
	for _, flag := range regexp.MustCompile(`(?m)^  -([\w-]+).*\n((?:    \t.*\n?)+)`).FindAllStringSubmatch(p.stdout.String()+p.stderr.String(), -1) {
		code[flag[1]] = ""
		if m := regexp.MustCompile(`\(default "?([^":]*[^"]*?)"?\)\s*$`).FindStringSubmatch(flag[2]); m != nil {
			code[flag[1]] = m[1]
		}
	}
	require.Greater(t, len(code), 25)
	documented := map[string]bool{}
	for _, guide := range []string{"server.md", "mesh.md"} {
		for _, row := range rowsOf(t, guide, "flag") {
			for _, m := range regexp.MustCompile("`-([\\w-]+)[^`]*`").FindAllStringSubmatch(row[0], -1) {
				name := m[1]
				documented[name] = true
				isDefault, known := code[name]
				isElsewhere := strings.Contains(row[0], "and others") || name == "server" // which is ignored
				if assert.True(t, known, "%s: mconnect-server has no flag -%s", guide, name) && isDefault != "" && !isElsewhere {
					assert.Equal(t, plainValue(isDefault), plainValue(row[1]), "default of -%s: first that of the server, then that of %s", name, guide)
				}
			}
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(code)), slices.Sorted(maps.Keys(documented)), "flags: first those of the server, then those of the guides")
}

// plainValue is a default as both the server's help and the guides may write it: 1000 and 1,000, 1h5m0s and `65m`.
func plainValue(text string) string {
	text = strings.ReplaceAll(strings.Trim(text, "`"), ",", "")
	if d, err := time.ParseDuration(text); err == nil {
		return d.String()
	}
	return text
}

// What Prometheus is told is what the guides list.
func TestServerMetricsAreInTheGuides(t *testing.T) {
	t.Parallel()
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Served from here\n")) }))
	t.Cleanup(peer.Close)
	address := freePort(t)
	startCompanion(t, nil, "127.0.0.1", "-udp", "-echo", freePort(t), "-http", address, "-ping-delay", "1s",
		"-peer", peer.URL+"/v1/ping", "-peer", "http://"+freePort(t)+"/v1/ping")
	code := map[string]bool{}
	await(t, "both peers' figures", func() bool {
		text, err := get("http://" + address + "/metrics")
		if err != nil {
			return false
		}
		for _, m := range regexp.MustCompile(`(?m)^# TYPE (mconnect_\w+) `).FindAllStringSubmatch(string(text), -1) {
			code[m[1]] = true
		}
		return code["mconnect_mesh_ping_duration_seconds"] && code["mconnect_mesh_failures_total"] // which come with the first ping
	})
	documented := map[string]bool{}
	for _, guide := range []string{"server.md", "mesh.md"} {
		for _, row := range rowsOf(t, guide, "metric") {
			last := ""
			for _, m := range regexp.MustCompile("`([\\w…]+)`").FindAllStringSubmatch(row[0], -1) {
				last = inFull(m[1], last, code)
				documented[last] = true
			}
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(code)), slices.Sorted(maps.Keys(documented)), "first those of the server, then those of the guides")
}

// inFull is a metric's name of which a table tells only the end, as the beginning is that of the name before it.
func inFull(name, before string, known map[string]bool) string {
	end, short := strings.CutPrefix(name, "…")
	for short {
		cut := strings.LastIndex(before, "_")
		if cut < 0 {
			break
		}
		if before = before[:cut]; known[before+end] {
			return before + end
		}
	}
	return name
}
