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
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	hosts, since := map[string]int{}, time.Now().Add(-time.Hour)
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
			_ = json.NewEncoder(w).Encode(crowdRow(who, urls, since))
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

// crowdDown is the one that all others of the crowd find down.
const crowdDown = 13

func crowdName(i int) string {
	if i == 7 {
		return hostilePlace
	}
	return fmt.Sprintf("Site %d,US", i)
}

// crowdRow is made up: slow where it is far, with losses here and there, and one that is down since then.
func crowdRow(who int, urls []string, since time.Time) mesh.Row {
	now := time.Now()
	row := mesh.Row{Instance: fmt.Sprintf("crowd-%d", who), Location: crowdName(who), Time: now}
	for i, url := range urls {
		if i == who {
			continue
		}
		far := float32((who-i)*(who-i))/40 + 0.1
		cell := mesh.Cell{Instance: fmt.Sprintf("crowd-%d", i), Location: crowdName(i), URL: url, Status: 200}
		cell.Pings, cell.Median, cell.P95, cell.Answered = 3600, far, 2*far, now
		cell.Phases.Connect = mesh.Phase{Last: far, Mean: far, Max: 2 * far}
		cell.Phases.Total = mesh.Phase{Last: 2 * far, Mean: 2 * far, Max: 3 * far}
		for slot := range cell.Medians {
			cell.Medians[slot] = far * (1 + float32((slot*7+i+who)%10)/10)
		}
		if (who*31+i)%17 == 0 {
			cell.Lost, cell.Losses[20], cell.Losses[21] = 90, 60, 30
		}
		if i == crowdDown {
			cell.Down, cell.Failing, cell.Since, cell.Answered = true, 3600, since, time.Time{}
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

// A browser opens pages in Chromium.
type browser struct{ profile string }

func newBrowser(t *testing.T) *browser {
	t.Helper()
	need(t, "chromium")
	return &browser{t.TempDir()}
}

func (b *browser) run(t *testing.T, url string, preferred theme, width, height int, arguments ...string) (stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "chromium", append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + b.profile, "--enable-logging=stderr",
		"--log-level=0", fmt.Sprintf("--blink-settings=preferredColorScheme=%d", preferred),
		fmt.Sprintf("--window-size=%d,%d", width, height),
	}, append(arguments, url)...)...)
	var out, log bytes.Buffer
	command.Stdout, command.Stderr = &out, &log
	require.NoError(t, command.Run(), "%s\n%s", command, &log)
	return out.String(), log.String()
}

// picture leaves a picture of a page among the test's artifacts (go test -artifacts).
func (b *browser) picture(t *testing.T, url, name string, preferred theme, width, height int) {
	t.Helper()
	file := filepath.Join(t.ArtifactDir(), fmt.Sprintf("%s-%d-%s.png", name, width, preferred))
	b.run(t, url, preferred, width, height, "--screenshot="+file)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Positive(t, info.Size())
}

// read lets so many milliseconds pass on a page, and returns the document. The browser must not complain.
func (b *browser) read(t *testing.T, url string, milliseconds int) (document string) {
	t.Helper()
	document, log := b.run(t, url, light, 1200, 800, fmt.Sprintf("--virtual-time-budget=%d", milliseconds), "--dump-dom")
	for line := range strings.Lines(log) {
		assert.NotContains(t, line, "CONSOLE")
	}
	return document
}

// startCrowded starts a real server that pings made-up ones, and a peer at which nobody listens. It waits until that one is down.
func startCrowded(t *testing.T, others []string) *site {
	t.Helper()
	flags := []string{"-ping-delay", "2s", "-peer", "http://" + freePort(t) + "/v1/ping#Gone,XX"}
	for _, url := range others {
		flags = append(flags, "-peer", url)
	}
	s := startSite(t, hostilePlace, freePort(t), filepath.Join(t.TempDir(), "state.json"), flags...)
	await(t, "pings of all, and the one that is down", func() bool {
		answer := 0
		for _, pings := range s.measured(t) {
			answer += min(pings, 1)
		}
		return answer == len(others) && slices.ContainsFunc(s.matrix(t).Down, func(o mesh.Outage) bool { return o.Server == "Gone,XX" })
	})
	return s
}

func (s *site) matrix(t *testing.T) (told mesh.Matrix) {
	t.Helper()
	s.read(t, "/v1/matrix", &told)
	return told
}

// A real server shows what it and made-up ones have measured; the names of two are HTML.
func TestMeshPage(t *testing.T) {
	t.Parallel()
	for name, crowd := range map[string]int{"5": 3, "100": 98} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startCrowded(t, startCrowd(t, crowd))
			address, asked := startCounting(t, s)
			b := newBrowser(t)
			for _, preferred := range []theme{light, dark} {
				b.picture(t, "http://"+address+"/", "mesh", preferred, 1200, 800)
			}
			before := asked.Load()
			document := b.read(t, "http://"+address+"/", 16_000)
			assert.Greater(t, asked.Load(), before+1, "the page updates itself")
			assert.Contains(t, document, "<h1>Mesh, as seen from &lt;img src=x onerror=alert(1)&gt;&amp;")
			assert.NotContains(t, document, "<img")
			assert.Contains(t, document, fmt.Sprintf("%d servers measure %d", crowd+1, crowd+2))
			assert.Equal(t, (crowd+1)*(crowd+2), strings.Count(document, "<td class=\"")-strings.Count(peersTable(document), "<td class=\""), "cells of the matrix")
			// Each of the crowd measures the others of it, and the real one all; it has no line to itself, nor others to it.
			assert.Equal(t, crowd*(crowd-1)+crowd+1, strings.Count(document, "<svg viewBox"), "each pair that is measured has its line")
			told := s.matrix(t)
			assert.Contains(t, document, fmt.Sprintf(`<h2 class="bad">%d down now</h2>`, len(told.Down)))
			for _, o := range told.Down {
				assert.Contains(t, document, "<strong>"+o.Server+"</strong>")
				assert.Contains(t, document, "since <time>"+o.Since.Format("15:04:05 MST")+"</time>")
			}
		})
	}
}

// peersTable is the table of what the server itself pings.
func peersTable(document string) string {
	_, table, _ := strings.Cut(document, "<details>")
	return table
}

// With 100 servers a reader finds one, and what is wrong.
func TestMeshPageOf100(t *testing.T) {
	t.Parallel()
	s := startCrowded(t, startCrowd(t, 98))
	b := newBrowser(t)
	page := "http://" + s.address + "/"
	for name, row := range map[string]struct {
		query, counts, first string // row
	}{
		"all":       {"", "99 of 99 rows, 100 of 100 columns", "&lt;img"},
		"filtered":  {"?from=site+1&to=gone", "11 of 99 rows, 1 of 100 columns", "&lt;img"},
		"down":      {"?sort=down&to=gone", "99 of 99 rows, 1 of 100 columns", "&lt;img"},
		"slow":      {"?sort=slow", "99 of 99 rows, 100 of 100 columns", "Site 0,US"},
		"no server": {"?from=%3Cscript%3E", "0 of 99 rows, 100 of 100 columns", "&lt;img"},
	} {
		t.Run(name, func(t *testing.T) {
			document := b.read(t, page+row.query, 2000)
			assert.Contains(t, document, "<output>"+row.counts+"</output>")
			_, body, _ := strings.Cut(document, "<tbody>")
			_, first, _ := strings.Cut(body, `<th scope="row" title="`)
			assert.True(t, strings.HasPrefix(first, row.first), "%.40s", first)
		})
	}
	t.Run("a cell opens", func(t *testing.T) {
		told := s.matrix(t)
		down := slices.Index(told.Columns, "Site 13,US")
		from := slices.Index(told.Rows, "Site 20,US")
		_, plain := askSite(t, http.MethodGet, page, "")
		link := regexp.MustCompile(`title="Site 20,US → Site 13,US: down[^"]*"><a href="/v1/figures\?([^"]*)"`).FindStringSubmatch(plain)
		require.NotNil(t, link)
		document := b.read(t, page+"#"+strings.ReplaceAll(link[1], "&amp;", "&"), 3000)
		_, dialog, _ := strings.Cut(document, "<dialog")
		assert.Contains(t, dialog, "Site 20,US → Site 13,US")
		assert.Contains(t, dialog, "the last 3600 pings were lost")
		assert.Contains(t, dialog, `<th scope="row">first byte</th>`)
		assert.NotContains(t, dialog, "<img")
		cell := told.Cells[from][down]
		assert.True(t, cell.Down)
		assert.Contains(t, dialog, "since "+cell.Since.Format("15:04"))
	})
}
