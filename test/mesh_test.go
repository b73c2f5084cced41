//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// site is one ./mconnect-server of a mesh.
type site struct {
	*process
	location, address, state string
}

// startSite starts a server at an address, with a state file that may have been there before.
func startSite(t *testing.T, location, address, state string, flags ...string) *site {
	t.Helper()
	command := append([]string{
		serverPath, "-address", "127.0.0.1:0", "-log", "json", "-drain", "0",
		"-http", address, "-location", location, "-state", state,
	}, flags...)
	s := &site{start(t, nil, command...), location, address, state}
	s.awaitLine(t, `"HTTP on; `)
	return s
}

func (s *site) url() string { return "http://" + s.address + "/v1/ping" }

// askSite sends a request over a connection of its own.
func askSite(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	sent, err := http.NewRequest(method, url, strings.NewReader(body))
	require.NoError(t, err)
	sent.Close = true
	response, err := http.DefaultClient.Do(sent)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// read fetches JSON from a site.
func (s *site) read(t *testing.T, path string, into any) {
	t.Helper()
	status, body := askSite(t, http.MethodGet, "http://"+s.address+path, "")
	require.Equal(t, 200, status, body)
	require.NoError(t, json.Unmarshal([]byte(body), into), body)
}

// peers are those of a site, by location.
func (s *site) peers(t *testing.T) map[string]mesh.Peer {
	t.Helper()
	var told mesh.Server
	s.read(t, "/v1/peers", &told)
	peers := map[string]mesh.Peer{}
	for _, p := range told.Peers {
		peers[p.Location] = p
	}
	return peers
}

// saved are the URLs in a site's state file.
func (s *site) saved(t *testing.T) (urls []string) {
	t.Helper()
	data, err := os.ReadFile(s.state)
	require.NoError(t, err)
	var state struct{ Peers []mesh.Target }
	require.NoError(t, json.Unmarshal(data, &state), "%s", data)
	for _, target := range state.Peers {
		urls = append(urls, target.URL)
	}
	return urls
}

var pingsLine = regexp.MustCompile(`(?m)^mconnect_mesh_pings_total\{from="(.*)",ip="",to="(.*)",url="[^"]*"\} (\d+)$`)

// measured are the pairs with pings that were answered on /metrics, as "from to".
func (s *site) measured(t *testing.T) map[string]int {
	t.Helper()
	_, body := askSite(t, http.MethodGet, "http://"+s.address+"/metrics", "")
	pairs := map[string]int{}
	for _, match := range pingsLine.FindAllStringSubmatch(body, -1) {
		pairs[match[1]+" "+match[2]], _ = strconv.Atoi(match[3])
	}
	return pairs
}

// full reports whether a matrix has figures for every pair of sites, and for nobody else.
func (s *site) full(t *testing.T, sites int) bool {
	t.Helper()
	var matrix mesh.Matrix
	s.read(t, "/v1/matrix", &matrix)
	if len(matrix.Rows) != sites || len(matrix.Columns) != sites {
		return false
	}
	for i, row := range matrix.Cells {
		for j, cell := range row {
			if (cell != nil && cell.Median > 0) == (i == j) {
				return false
			}
		}
	}
	return true
}

// startRing starts sites of which each is told of the next, with addpeers.
func startRing(t *testing.T, flags ...string) []*site {
	t.Helper()
	sites, folder := make([]*site, 5), t.TempDir()
	addresses := make([]string, len(sites))
	for i := range addresses {
		addresses[i] = freePort(t)
	}
	for i := range sites {
		next := "http://" + addresses[(i+1)%len(sites)] + "/v1/peers?addpeers=true"
		name := fmt.Sprintf("site-%d", i)
		sites[i] = startSite(t, name, addresses[i], filepath.Join(folder, name+".json"), append(flags, "-peer", next)...)
	}
	return sites
}

func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, 100*time.Millisecond, what)
}

func TestMeshFindsAll(t *testing.T) {
	t.Parallel()
	sites := startRing(t, "-ping-delay", "6s")
	await(t, "every pair in every matrix", func() bool {
		for _, s := range sites {
			if !s.full(t, len(sites)) {
				return false
			}
		}
		return true
	})
	last := sites[len(sites)-1].peers(t)["site-0"]
	assert.LessOrEqual(t, last.Pings+last.Fails, 3, "rounds since the last site was started")
	for _, s := range sites {
		assert.Len(t, s.measured(t), len(sites)-1)
		for pair, pings := range s.measured(t) {
			assert.Positive(t, pings, pair)
		}
		assert.NotContains(t, s.saved(t), s.url(), "itself")
		assert.Len(t, s.saved(t), len(sites)-1)
	}
}

func TestMeshSurvives(t *testing.T) {
	t.Parallel()
	flags := []string{"-ping-delay", "300ms", "-ping-maxfail", "60"}
	sites := startRing(t, flags...)
	first, killed, moved := sites[0], sites[2], sites[3]
	await(t, "all found", func() bool { return first.full(t, 5) && len(killed.peers(t)) == 4 && len(moved.peers(t)) == 4 })

	killed.signal(syscall.SIGKILL)
	killed.wait(t)
	await(t, "its failures", func() bool { return first.peers(t)[killed.location].Fails >= 2 })
	before := first.peers(t)[killed.location]
	var matrix mesh.Matrix
	first.read(t, "/v1/matrix", &matrix)
	assert.Contains(t, matrix.Columns, killed.location)
	killed = startSite(t, killed.location, killed.address, killed.state, flags...) // which is told of nobody
	assert.Len(t, killed.saved(t), 4, "the list outlives the process")
	await(t, "its answers", func() bool {
		return first.peers(t)[killed.location].Pings > before.Pings && killed.peers(t)["site-0"].Pings > 0
	})
	await(t, "its row", func() bool { return first.full(t, 5) })

	moved.signal(syscall.SIGTERM)
	assert.Equal(t, 0, moved.wait(t))
	old := moved.url()
	moved = startSite(t, moved.location, freePort(t), moved.state, flags...)
	status, answer := askSite(t, http.MethodPost, "http://"+first.address+"/v1/peers", `{"url": "`+moved.url()+`", "addpeers": true}`)
	assert.Equal(t, 201, status, answer)
	await(t, "all know the new port, and have given up the old", func() bool {
		for _, s := range []*site{first, sites[1], killed, sites[4]} {
			saved := strings.Join(s.saved(t), " ")
			if !strings.Contains(saved, moved.url()) || strings.Contains(saved, old) || len(s.peers(t)) != 4 {
				return false
			}
		}
		return first.full(t, 5)
	})
	var told mesh.Server
	first.read(t, "/v1/peers", &told)
	require.Len(t, told.DelPeers, 1)
	assert.Equal(t, old, told.DelPeers[0].URL)
	assert.GreaterOrEqual(t, told.DelPeers[0].Fails, 60)
}
