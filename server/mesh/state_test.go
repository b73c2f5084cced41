package mesh_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

func TestStateSurvives(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	peer := serve(t, pingmesh("there"))
	first := begin(t, mesh.Options{State: file, Peers: []mesh.Target{target(t, peer+"/v1/ping#named")}})
	for _, body := range []string{
		`{"url": "` + peer + `/x", "ip": "127.0.0.1", "delay": "3s", "limit": 7, "fails": 8}`,
		`{"url": "` + peer + `/v1/ping", "ip": "::1"}`,
	} {
		response, answer := do(t, first.request(t, http.MethodPost, "/v1/peers", body))
		require.Equal(t, 201, response.StatusCode, answer)
	}
	response, answer := do(t, first.request(t, http.MethodDelete, "/v1/peers?url="+peer+"/v1/ping&ip=::1", ""))
	require.Equal(t, 200, response.StatusCode, answer)
	first.Stop()
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing else is left")

	told := begin(t, mesh.Options{State: file}).server(t)
	require.Len(t, told.Peers, 2)
	assert.Equal(t, "named", told.Peers[0].Location)
	assert.Equal(t, 1, told.Peers[0].Delay, "the server's, rounded up")
	second := told.Peers[1]
	assert.Equal(t, []any{peer + "/x", "127.0.0.1", 3, 7, 8}, []any{second.URL, second.PeerIP, second.Delay, second.Limit, second.Maxfail})
}

func TestWrongState(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ content, message string }{
		"not JSON":        {"peers!", "is no list of peers"},
		"another version": {`{"version": 2}`, "has version 2, and this server reads version 1"},
		"not a URL":       {`{"version": 1, "peers": [{"url": "ftp://x"}]}`, "has a peer that can't be pinged"},
		"too often":       {`{"version": 1, "peers": [{"url": "http://x/", "delay": 5}]}`, "has a peer that can't be pinged: delay 5 (ns) of http://x/: the delay must be within"},
		"not a name":      {`{"version": 1, "peers": [{"url": "http://x/", "location": "a\nb"}]}`, `has a peer that can't be pinged: location "a\nb" of http://x/`},
		"deleted what":    {`{"version": 1, "peers": [], "deleted": [{"url": "x:y"}]}`, "has a deleted peer that can't have been one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "state.json")
			require.NoError(t, os.WriteFile(file, []byte(row.content), 0o600))
			_, err := mesh.Start(mesh.Options{Location: "here", State: file})
			assert.ErrorContains(t, err, "State "+fmt.Sprintf("%q", file)+": "+row.message)
		})
	}
	_, err := mesh.Start(mesh.Options{Location: "here", State: "/does/not/exist/state.json"})
	assert.ErrorContains(t, err, "the folder must exist and be writable")
}

// savedURLs are those of the peers in a state file, with what else it says of them.
func savedURLs(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var state struct {
		Peers []struct {
			URL, Told string
			Heard     bool
		}
	}
	require.NoError(t, json.Unmarshal(data, &state), string(data))
	urls := map[string]string{}
	for _, p := range state.Peers {
		urls[p.URL] = fmt.Sprintf("told %q heard %v", p.Told, p.Heard)
	}
	return urls
}

// A start with narrower options loses no peer for the next.
func TestStateKeepsWhatIsNotPinged(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	near, far, third := "http://"+refused(t)+"/x", "http://192.0.2.1/x", "http://192.0.2.2/x"
	before := fmt.Sprintf(`{"version": 1, "peers": [{"url": %q}, {"url": %q, "told": "Far"}, {"url": %q}]}`, near, far, third)
	require.NoError(t, os.WriteFile(file, []byte(before), 0o600))
	n := begin(t, mesh.Options{State: file, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	assert.Len(t, n.server(t).Peers, 1)
	response, body := do(t, n.request(t, http.MethodDelete, "/v1/peers?url="+third, ""))
	assert.Equal(t, 200, response.StatusCode, body)
	response, _ = do(t, n.request(t, http.MethodDelete, "/v1/peers?url="+third, ""))
	assert.Equal(t, 404, response.StatusCode)
	n.Stop()
	asked := `told "" heard false`
	assert.Equal(t, map[string]string{near: asked, far: `told "Far" heard false`}, savedURLs(t, file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"deleted": [
    {
      "url": "`+third+`"`)
}

// A name is known before the peer tells it again, which it may not for long.
func TestStateKeepsNames(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	var down atomic.Bool
	answer := pingmesh("there")
	peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answer.ServeHTTP(w, r)
	}))
	first := begin(t, mesh.Options{State: file, Peers: []mesh.Target{target(t, peer+"/v1/ping")}})
	first.eventually(t, "its name", func(s mesh.Server) bool { return s.Peers[0].Location == "there" })
	first.Stop()
	down.Store(true)
	second := begin(t, mesh.Options{State: file})
	second.eventually(t, "a failure", func(s mesh.Server) bool { return s.Peers[0].Fails > 0 && s.Peers[0].Location == "there" })
	second.Stop()
	assert.Equal(t, map[string]string{peer + "/v1/ping": `told "there" heard false`}, savedURLs(t, file))
}

// What others tell of is in the file as such, once it has answered; what was deleted stays out over a restart.
func TestStateKeepsWhoWasHeardAndDeleted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	far, doomed, silent := serve(t, pingmesh("far")), serve(t, pingmesh("doomed")), "http://"+refused(t)
	var lists atomic.Int64
	teller := pingmesh("teller", far+"/v1/ping", doomed+"/v1/ping", silent+"/v1/ping")
	near := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		teller.ServeHTTP(w, r)
		if r.URL.Path == "/v1/peers" {
			lists.Add(1)
		}
	}))
	first := begin(t, mesh.Options{State: file, Peers: []mesh.Target{target(t, near+"/v1/ping?addpeers=true")}})
	first.eventually(t, "all are pinged", func(s mesh.Server) bool {
		return len(s.Peers) == 4 && !slices.ContainsFunc(s.Peers, func(p mesh.Peer) bool { return p.Pings+p.Fails == 0 })
	})
	response, body := do(t, first.request(t, http.MethodDelete, "/v1/peers", `{"url": "`+doomed+`/v1/ping"}`))
	require.Equal(t, 200, response.StatusCode, body)
	first.Stop()
	assert.Equal(t, map[string]string{near + "/v1/ping": `told "teller" heard false`, far + "/v1/ping": `told "far" heard true`}, savedURLs(t, file))

	seen := lists.Load()
	second := begin(t, mesh.Options{State: file})
	assert.Contains(t, savedURLs(t, file), far+"/v1/ping", "though it has not answered again yet")
	told := second.eventually(t, "the silent one, which is told of after the deleted one", func(s mesh.Server) bool {
		return lists.Load() > seen && slices.ContainsFunc(s.Peers, func(p mesh.Peer) bool { return strings.HasPrefix(p.URL, silent) })
	})
	assert.Len(t, told.Peers, 3)

	response, body = do(t, second.request(t, http.MethodPost, "/v1/peers", `{"url": "`+doomed+`/v1/ping"}`))
	assert.Equal(t, 201, response.StatusCode, body)
	response, body = do(t, second.request(t, http.MethodPost, "/v1/peers", `{"url": "`+silent+`/v1/ping"}`))
	assert.Equal(t, 200, response.StatusCode, body)
	second.Stop()
	saved := savedURLs(t, file)
	assert.Equal(t, `told "" heard false`, saved[silent+"/v1/ping"], "it was asked for now")
	assert.Contains(t, saved, doomed+"/v1/ping")
}

// A disk that is full for a while costs nothing but the while.
func TestSavesAgain(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(folder, 0o700))
	file := filepath.Join(folder, "state.json")
	log := &text{}
	n := begin(t, mesh.Options{State: file, Log: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, os.RemoveAll(folder))
	response, body := do(t, n.request(t, http.MethodPost, "/v1/peers", `{"url": "http://`+refused(t)+`/x"}`))
	require.Equal(t, 201, response.StatusCode, body)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "The list of peers is not saved") }, patience, often)
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "The list of peers is saved again") }, patience, often)
	assert.Len(t, savedURLs(t, file), 1)
}
