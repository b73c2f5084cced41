package program

import (
	"bytes"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

func TestMeshFlags(t *testing.T) {
	t.Parallel()
	a, b := mesh.Target{URL: "http://a/v1/ping", Location: "A"}, mesh.Target{URL: "http://b/v1/ping", Follow: true}
	for name, row := range map[string]struct {
		args []string
		env  map[string]string
		want *mesh.Options
	}{
		"no mesh": {nil, map[string]string{"REP_LOCATION": "x", "PINGMESH_DELAY": "3"}, &mesh.Options{Location: "x", Delay: 3 * time.Second, MaxFail: 100, Timeout: ping.DefaultTimeout, MaxPeers: 100}},
		"flags": {
			[]string{
				"-peer", "http://a/v1/ping#A", "-peer", "http://b/v1/ping?addpeers=true", "-discover", "http://b/v1/ping?addpeers=true", "-ping-delay", "500ms", "-ping-limit", "3",
				"-ping-maxfail", "0", "-ping-timeout", "1s", "-ping-insecure", "-location", "here", "-token", "t", "-allow", "10.0.0.0/8,127.0.0.1", "-state", "f", "-max-peers", "7",
			},
			nil,
			&mesh.Options{
				Peers: []mesh.Target{a, b}, Discover: []mesh.Target{b}, Delay: 500 * time.Millisecond, Limit: 3, MaxFail: -1, Timeout: time.Second,
				Insecure: true, Location: "here", Token: "t", State: "f", MaxPeers: 7,
				Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.1/32")},
			},
		},
		"variables": {
			nil,
			map[string]string{"MCONNECT_PEER": "http://a/v1/ping#A  http://b/v1/ping?addpeers=true", "MCONNECT_LOCATION": "here", "MCONNECT_PING_DELAY": "2", "REP_LOCATION": "x", "PINGMESH_DELAY": "3"},
			&mesh.Options{Peers: []mesh.Target{a, b}, Location: "here", Delay: 2 * time.Second, MaxFail: 100, Timeout: ping.DefaultTimeout, MaxPeers: 1000},
		},
		"pingmesh's variables": {
			nil,
			map[string]string{"PINGMESH_URL": "http://a/v1/ping#A", "PINGMESH_DELAY": "3", "PINGMESH_LIMIT": "4", "PINGMESH_MAXFAIL": "5", "REP_CITY": "Paris", "REP_COUNTRY": "FR"},
			&mesh.Options{Peers: []mesh.Target{a}, Location: "Paris,FR", Delay: 3 * time.Second, Limit: 4, MaxFail: 5, Timeout: ping.DefaultTimeout, MaxPeers: 1000},
		},
		"a space in a name": {
			[]string{"-peer", "http://a/v1/ping#New York"},
			map[string]string{"MCONNECT_LOCATION": "here"},
			&mesh.Options{Peers: []mesh.Target{{URL: "http://a/v1/ping", Location: "New York"}}, Location: "here", MaxFail: 100, Timeout: ping.DefaultTimeout, MaxPeers: 1000},
		},
		"just a location": {[]string{"-location", "here"}, nil, &mesh.Options{Location: "here", MaxFail: 100, Timeout: ping.DefaultTimeout, MaxPeers: 1000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(append(row.args, "-http", ":8090"), environment(row.env), io.Discard)
			require.NoError(t, err)
			assert.Equal(t, name != "no mesh", s.inMesh)
			assert.Equal(t, *row.want, s.mesh)
		})
	}
	s, err := parse(nil, environment(map[string]string{"MCONNECT_PEER": "http://a/", "PINGMESH_URL": "http://a/"}), io.Discard)
	require.NoError(t, err)
	assert.False(t, s.inMesh, "variables wait for -http")
}

func TestWrongMeshFlags(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args    []string
		env     map[string]string
		message string
	}{
		"without HTTP":     {[]string{"-peer", "http://a/"}, nil, "flag -peer is for the HTTP listener, which is off"},
		"not a URL":        {[]string{"-http", ":0", "-peer", "ftp://a/"}, nil, `invalid value "ftp://a/" for flag -peer: URL "ftp://a/": the scheme is "ftp"`},
		"delay":            {[]string{"-http", ":0", "-ping-delay", "1us"}, nil, "the delay must be within 100ms and 24h"},
		"maxfail":          {[]string{"-http", ":0", "-ping-maxfail", "-1"}, nil, `invalid value "-1" for flag -ping-maxfail: must be 1 or more, or 0 for never`},
		"CIDR":             {[]string{"-http", ":0", "-allow", "10/8"}, nil, `"10/8" is not a CIDR such as 10.0.0.0/8`},
		"quit, no token":   {[]string{"-http", ":0", "-env-and-quit"}, nil, "flag -env-and-quit needs a -token"},
		"token":            {[]string{"-http", "127.0.0.1:0", "-address", "127.0.0.1:0"}, map[string]string{"MCONNECT_TOKEN": "two\nlines\n"}, `-token "(hidden)": byte 3 is the control character '\n'`},
		"blank token":      {[]string{"-http", "127.0.0.1:0", "-address", "127.0.0.1:0"}, map[string]string{"MCONNECT_TOKEN": "\n"}, `-token "(hidden)": it is blank`},
		"limit":            {[]string{"-http", "127.0.0.1:0", "-address", "127.0.0.1:0", "-ping-limit", "-1"}, nil, `-ping-limit "-1": must be 1 or more`},
		"state":            {[]string{"-http", "127.0.0.1:0", "-address", "127.0.0.1:0", "-state", "/no/such/x"}, nil, `-state "/no/such/x": `},
		"pingmesh's delay": {[]string{"-http", ":0"}, map[string]string{"PINGMESH_URL": "http://a/", "PINGMESH_DELAY": "x"}, `invalid value "x" of PINGMESH_DELAY (flag -ping-delay)`},
		"pingmesh's URL":   {[]string{"-http", ":0"}, map[string]string{"PINGMESH_URL": "ftp://a/"}, `invalid value "ftp://a/" of PINGMESH_URL`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			assert.Equal(t, exitUsage, run(row.args, environment(row.env), io.Discard, &stderr, nil))
			assert.Contains(t, stderr.String(), row.message)
			assert.NotContains(t, stderr.String(), "Listen", "it is refused before the server listens")
		})
	}
}

// A second server on the same state file ends at once, and says what to do.
func TestStateOfTwoServers(t *testing.T) {
	t.Parallel()
	args := []string{"-address", "127.0.0.1:0", "-http", "127.0.0.1:0", "-state", filepath.Join(t.TempDir(), "state.json")}
	first := startProgram(t, nil, args...)
	first.next(t)
	var stderr bytes.Buffer
	assert.Equal(t, exitUsage, run(args, environment(nil), io.Discard, &stderr, nil))
	assert.Regexp(t, `-state ".*state.json": is in use by another server \(process \d+\): stop that one, or give each server a file of its own`, stderr.String())
	first.stop(t, syscall.SIGTERM)
}

// Every HTTP listener answers pings. Only if it was told of a mesh does the page take the slow listener's place at /.
func TestPingOfAnyServer(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ args, paths []string }{
		"no mesh": {nil, []string{"/v1/ping"}},
		"mesh":    {[]string{"-location", "here"}, []string{"/v1/ping", "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProgram(t, nil, append([]string{"-address", "127.0.0.1:0", "-http", "127.0.0.1:0", "-hostname", "here"}, row.args...)...)
			url := "http://" + p.next(t)["address"].(string)
			var paths []string
			for _, path := range []string{"/v1/ping", "/", "/version"} {
				response, err := http.Get(url + path)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				if string(body) != "OK" {
					assert.Contains(t, string(body), "here")
					paths = append(paths, path)
				}
			}
			assert.Equal(t, row.paths, paths)
			p.stop(t, syscall.SIGTERM)
		})
	}
}

func TestQuitOverHTTP(t *testing.T) {
	t.Parallel()
	p := startProgram(t, map[string]string{"MCONNECT_TOKEN": "t\n"}, "-address", "127.0.0.1:0", "-http", "127.0.0.1:0", "-env-and-quit")
	url := "http://" + p.next(t)["address"].(string)
	ask := func(path string) int {
		request, err := http.NewRequest(http.MethodGet, url+path, strings.NewReader(""))
		assert.NoError(t, err)
		request.Close = true
		request.Header.Set("Authorization", "Bearer t")
		response, err := http.DefaultClient.Do(request)
		if !assert.NoError(t, err) {
			return 0
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		assert.NoError(t, err)
		return response.StatusCode
	}
	assert.Equal(t, 200, ask("/v1/env"))
	status := make(chan int, 1)
	go func() { status <- ask("/v1/quit") }() // which is answered once its line in the log is read
	p.stop(t)
	assert.Equal(t, 200, <-status)
}

// Whoever was to read the lines has stopped: the server ends all the same.
func TestEndsThoughNobodyReads(t *testing.T) {
	t.Parallel()
	reader, stdout, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, stdout.SetWriteDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = stdout.Write(make([]byte, 16<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the pipe is full")
	require.NoError(t, stdout.SetWriteDeadline(time.Time{}))

	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	code := make(chan int)
	go func() {
		args := []string{"-address", "127.0.0.1:0", "-http", "127.0.0.1:0", "-stats", "1ms", "-peer", "http://127.0.0.1:1/"}
		code <- run(args, environment(nil), stdout, io.Discard, signals)
	}()
	select {
	case got := <-code:
		assert.Equal(t, exitOK, got)
	case <-time.After(patience):
		t.Error("it waits for the reader")
	}
	require.NoError(t, reader.Close())
	require.NoError(t, stdout.Close())
}
