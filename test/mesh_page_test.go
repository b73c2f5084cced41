//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// hostilePlace is what a peer may call itself.
const hostilePlace = `<img src=x onerror=alert(1)>&"'</td>`

// startCrowd answers as many servers of a mesh, each at an address of its own, and each of which has measured all others.
func startCrowd(t *testing.T, size int) (urls []string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	hosts := map[string]int{}
	for i := range size {
		host := fmt.Sprintf("127.0.1.%d:%s", i+1, port)
		hosts[host] = i
		urls = append(urls, "http://"+host+"/v1/ping")
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, known := hosts[r.Host]
		if !known {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Mconnect-Mesh", fmt.Sprintf("crowd-%d 1", who))
		if r.URL.Path == "/v1/row" {
			_ = json.NewEncoder(w).Encode(crowdRow(who, urls))
			return
		}
		fmt.Fprintf(w, "<p>Served from %s\n", crowdName(who))
	})}
	runServer(t, server, listener)
	return urls
}

// runServer serves for the length of a test.
func runServer(t *testing.T, server *http.Server, listener net.Listener) {
	t.Helper()
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
}

func crowdName(i int) string {
	if i == 7 {
		return hostilePlace
	}
	return fmt.Sprintf("Site %d,US", i)
}

// crowdRow is made up: slow where it is far, with losses here and there.
func crowdRow(who int, urls []string) mesh.Row {
	row := mesh.Row{Instance: fmt.Sprintf("crowd-%d", who), Location: crowdName(who)}
	for i, url := range urls {
		if i == who {
			continue
		}
		far := float32((who-i)*(who-i))/40 + 0.1
		cell := mesh.Cell{Instance: fmt.Sprintf("crowd-%d", i), Location: crowdName(i), URL: url, Status: 200}
		cell.Pings, cell.Median, cell.P95 = 3600, far, 2*far
		for slot := range cell.Medians {
			cell.Medians[slot] = far * (1 + float32((slot*7+i+who)%10)/10)
		}
		if (who*31+i)%17 == 0 {
			cell.Lost, cell.Losses[20], cell.Losses[21] = 90, 60, 30
		}
		if i == 13 {
			cell.Lost, cell.Median, cell.P95, cell.Medians, cell.Error = 3600, 0, 0, [30]float32{}, hostilePlace
			for slot := range cell.Losses {
				cell.Losses[slot] = 120
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

// startCounting passes requests on to a site, and counts how often / is asked for.
func startCounting(t *testing.T, s *site) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	to, err := url.Parse("http://" + s.address)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	transport := &http.Transport{DisableKeepAlives: true}
	proxy.Transport = transport
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			asked.Add(1)
		}
		proxy.ServeHTTP(w, r)
	})}
	runServer(t, server, listener)
	return listener.Addr().String(), asked
}

// browse opens a page in Chromium, lets half a minute pass there, and returns the document and what the browser complains about.
// It leaves a picture among the test's artifacts (go test -artifacts).
func browse(t *testing.T, url, size string) (document, complaints string) {
	t.Helper()
	need(t, "chromium")
	profile := t.TempDir()
	run := func(arguments ...string) (string, string) {
		command := exec.CommandContext(t.Context(), "chromium", append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + profile, "--window-size=" + size,
			"--enable-logging=stderr", "--log-level=0",
		}, append(arguments, url)...)...)
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		require.NoError(t, command.Run(), "%s\n%s", command, &stderr)
		return stdout.String(), stderr.String()
	}
	picture := filepath.Join(t.ArtifactDir(), "page.png")
	run("--screenshot=" + picture)
	info, err := os.Stat(picture)
	require.NoError(t, err)
	assert.Positive(t, info.Size())

	document, log := run("--virtual-time-budget=30000", "--dump-dom")
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			complaints += line
		}
	}
	return document, complaints
}

// A real server shows what it and made-up ones have measured; the names of two are HTML.
func TestMeshPage(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		servers int
		size    string
	}{
		"5":   {5, "1000,800"},
		"100": {100, "1800,1400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			others := startCrowd(t, row.servers-1)
			flags := append(make([]string, 0, 2*row.servers), "-ping-delay", "2s")
			for _, url := range others {
				flags = append(flags, "-peer", url)
			}
			s := startSite(t, hostilePlace, freePort(t), filepath.Join(t.TempDir(), "state.json"), flags...)
			await(t, "pings of all", func() bool {
				for _, pings := range s.measured(t) {
					if pings == 0 {
						return false
					}
				}
				return len(s.measured(t)) == len(others)
			})
			address, asked := startCounting(t, s)
			document, complaints := browse(t, "http://"+address+"/", row.size)
			assert.Empty(t, complaints)
			assert.Greater(t, asked.Load(), int64(2), "the page updates itself")
			assert.Contains(t, document, "<h1>Mesh, as seen from &lt;img src=x onerror=alert(1)&gt;&amp;")
			assert.NotContains(t, document, "<img")
			assert.Contains(t, document, fmt.Sprintf("%d servers measure %d", row.servers, row.servers))
			assert.Equal(t, row.servers*row.servers, strings.Count(document, "<td class="), "cells of the matrix")
			assert.Equal(t, (row.servers-1)*(row.servers-1), strings.Count(document, "<svg viewBox"), "each pair has its line, but none is to the real one")
		})
	}
}
