package mesh_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
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

// A client of pingmesh looks for these texts, in that form.
func TestSpeaksPingmesh(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{Location: "Petoskey,US", Hostname: "site.example", Port: 8090})
	assert.Contains(t, n.get(t, "/v1/ping"), "\n<p>Served from Petoskey,US\n")
	peers := n.get(t, "/v1/peers")
	assert.Contains(t, peers, `"SrvLoc": "Petoskey,US"`)
	for _, field := range []string{
		"Start", "SrvLoc", "SrvHost", "SrvPort", "Peers", "Requests", "NumActive", "NumDeleted", "DelPeers",
	} {
		assert.Contains(t, peers, `"`+field+`": `)
	}
	assert.Contains(t, n.get(t, "/v1/addpeer"), `<form action="/v1/addpeer"`)

	_, body := do(t, n.request(t, http.MethodGet, "/v1/addpeer?url="+n.ping()+"&ip=127.0.0.1&limit=3&delay=2&fails=4", ""))
	assert.Contains(t, body, "Added a new peer: "+n.ping())
	peers = n.get(t, "/v1/peers")
	for _, line := range []string{
		`"Url": "` + n.ping() + `"`, `"Host": "` + strings.TrimPrefix(n.url, "http://") + `"`, `"Limit": 3`, `"Delay": 2`, `"Maxfail": 4`,
		`"PeerIP": "127.0.0.1"`, `"Location": "`, `"FirstPing": "`, `"LatestPing": "`, `"Pings": `, `"Fails": `, `"PingTotals": {`,
		`"DnsLk": `, `"TcpHs": `, `"TlsHs": `, `"Reply": `, `"Close": `, `"Total": `, `"DestUrl": "`, `"Remote": "`, `"RespCode": `, `"Size": `,
	} {
		assert.Contains(t, peers, line)
	}
	_, body = do(t, n.request(t, http.MethodGet, "/v1/addpeer?url="+n.url+"/v1/peers&ip=127.0.0.1", ""))
	assert.Contains(t, body, "in the list already", "another page of the same server")
}

// The names are pingmesh's present ones, and there are no others. perftest's path has the memory alone.
func TestMetricsAsPingmesh(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, "http://"+refused(t)+"/x")}})
	memory := []string{"Measured", "Active", "AllocMB", "SystemMB", "NumGC"}
	var metrics, alone map[string]any
	require.NoError(t, json.Unmarshal([]byte(n.get(t, "/v1/metrics")), &metrics))
	require.NoError(t, json.Unmarshal([]byte(n.get(t, "/memstats")), &alone))
	assert.ElementsMatch(t, []string{"AppStart", "NumPeers", "NumActive", "NumDeleted", "MemStats"}, slices.Collect(maps.Keys(metrics)))
	assert.InDelta(t, 1, metrics["NumPeers"], 0)
	for _, told := range []map[string]any{metrics["MemStats"].(map[string]any), alone} {
		assert.ElementsMatch(t, memory, slices.Collect(maps.Keys(told)))
		assert.Greater(t, told["Active"], 1000.0, "a number of objects")
		assert.Positive(t, told["SystemMB"])
		measured, err := time.Parse(time.RFC3339, told["Measured"].(string))
		require.NoError(t, err)
		assert.WithinDuration(t, time.Now(), measured, patience)
	}
	response, _ := do(t, n.request(t, http.MethodPost, "/memstats", ""))
	assert.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

// The list tells the address that was pinged last, answered or not, and a peer can be deleted by it.
func TestPeerIPIsFilledIn(t *testing.T) {
	t.Parallel()
	there := strings.Replace(serve(t, pingmesh("there")), "127.0.0.1", "localhost", 1) + "/v1/ping"
	gone := "http://" + refused(t) + "/x"
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, there), target(t, gone)}})
	told := n.eventually(t, "pings of both", func(s mesh.Server) bool { return s.Peers[0].Pings > 0 && s.Peers[1].Fails > 0 })
	for _, p := range told.Peers {
		assert.Equal(t, "127.0.0.1", p.PeerIP, p.URL)
		assert.True(t, p.Resolved, p.URL)
	}
	remove := func(ip string) int {
		response, _ := do(t, n.request(t, http.MethodDelete, "/v1/peers?url="+url.QueryEscape(there)+"&ip="+ip, ""))
		return response.StatusCode
	}
	assert.Equal(t, 404, remove("127.0.0.2"))
	assert.Equal(t, 200, remove("127.0.0.1"))
	assert.Len(t, n.server(t).Peers, 1)
	pinned := n.request(t, http.MethodPost, "/v1/peers", `{"url": "`+there+`", "ip": "127.0.0.1"}`)
	response, body := do(t, pinned)
	require.Equal(t, 201, response.StatusCode, body)
	assert.NotContains(t, body, "Resolved")
}

func TestReadsPingmesh(t *testing.T) {
	t.Parallel()
	far := serve(t, pingmesh("R&D <lab>"))
	near := serve(t, pingmesh("Chicago,US", far+"/v1/ping", "ftp://not-a-peer/", "http://"+refused(t)+"/v1/ping"))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, near+"/v1/peers?addpeers=true")}})
	told := n.eventually(t, "both answer", func(s mesh.Server) bool {
		return len(s.Peers) == 3 && s.Peers[0].Pings > 1 && (s.Peers[1].Pings > 1 || s.Peers[2].Pings > 1)
	})
	assert.Equal(t, "Chicago,US", told.Peers[0].Location)
	assert.Equal(t, near+"/v1/ping", told.Peers[0].URL)
	for _, p := range told.Peers[1:] {
		if p.Pings > 0 {
			assert.Equal(t, far+"/v1/ping", p.URL)
			assert.Equal(t, "R&D", strings.TrimSpace(p.Location), "up to what could be HTML")
			assert.True(t, p.Resolved, "the address is just what the URL says")
		}
	}
	assert.Contains(t, n.get(t, "/v1/matrix"), `"rows":["here"]`, "they have no rows")
}

// Whatever the way in, every server is pinged once, and none pings itself.
func TestLoops(t *testing.T) {
	t.Parallel()
	a := begin(t, mesh.Options{Location: "a"})
	alias := strings.Replace(a.url, "127.0.0.1", "localhost", 1)
	b := begin(t, mesh.Options{Location: "b", Peers: []mesh.Target{target(t, a.url+"/v1/ping?addpeers=true")}})
	c := begin(t, mesh.Options{Location: "c", Peers: []mesh.Target{
		target(t, alias+"/v1/ping?addpeers=true"), target(t, b.url+"/?addpeers=true"),
	}})
	response, body := do(t, a.request(t, http.MethodPost, "/v1/peers", `{"url": "`+c.ping()+`", "addpeers": true}`))
	assert.Equal(t, 201, response.StatusCode, body)
	for _, n := range []*node{a, b, c} {
		n.eventually(t, "two others", func(s mesh.Server) bool {
			return len(s.Peers) == 2 && s.Peers[0].Pings > 3 && s.Peers[1].Pings > 3
		})
		for _, p := range n.server(t).Peers {
			assert.NotEqual(t, n.ping(), p.URL)
		}
	}
}

// pingLine is what each ping prints.
var pingLine = regexp.MustCompile(`(?m)^\d{10}(\t\d+\.\d{3}){6}\t(200|500)\t\d+\there\t127\.0\.0\.1\thttp://127\.0\.0\.1:\d+/v1/ping$`)

func TestPrintsAsPingmesh(t *testing.T) {
	t.Parallel()
	peer := serve(t, pingmesh("there"))
	var pings atomic.Int64
	n := begin(t, mesh.Options{
		Limit: 3, MaxFail: 2, OnPing: func(p mesh.Ping) {
			if !p.Failed() && p.To == "there" && p.Connect > 0 {
				pings.Add(1)
			}
		},
		Peers: []mesh.Target{target(t, peer+"/v1/ping"), target(t, "http://"+refused(t)+"/v1/ping")},
	})
	told := n.eventually(t, "both are done", func(s mesh.Server) bool { return s.NumDeleted == 2 })
	assert.Empty(t, told.Peers)
	n.Stop()
	assert.Len(t, pingLine.FindAllString(n.output.String(), -1), 5, "3 answered, 2 not:\n%s", n.output)
	assert.Regexp(t, `(?m)^Recorded 3 samples in \d+s, average values:\n# timestamp\tDNS\t.*\n3 \d+s +(\t\d+\.\d{3}){6}\t\t\d+\there\thttp://127\.0\.0\.1:\d+/v1/ping\n\n`, n.output.String())
	assert.Contains(t, n.output.String(), "\nRecorded 0 valid samples, 2 of 2 failures")
	assert.EqualValues(t, 3, pings.Load())
}

func TestStatusFrom305Fails(t *testing.T) {
	t.Parallel()
	for status, failed := range map[int]bool{200: false, 302: false, 304: false, 305: true, 404: true, 500: true} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/x#site")}, MaxFail: 3, Limit: 3})
			told := n.eventually(t, "it is done", func(s mesh.Server) bool { return s.NumDeleted == 1 })
			pings, fails := 3, 0
			if failed {
				pings, fails = 0, 3
			}
			assert.Equal(t, pings, told.DelPeers[0].Pings)
			assert.Equal(t, fails, told.DelPeers[0].Fails)
		})
	}
}

// A mesh stands for months: only failures in a row end a peer.
func TestFailuresInARow(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/x#site")}, MaxFail: 2})
	n.eventually(t, "many failures", func(s mesh.Server) bool { return s.NumActive == 1 && s.Peers[0].Fails > 4 })
}

// A peer of the flags that was given up is back when it answers again.
func TestGivenUpPeerReturns(t *testing.T) {
	t.Parallel()
	var up atomic.Bool
	peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/x#site")}, MaxFail: 2})
	n.eventually(t, "it is given up", func(s mesh.Server) bool { return s.NumActive == 0 && s.NumDeleted == 1 })
	up.Store(true)
	n.eventually(t, "it is back", func(s mesh.Server) bool { return s.NumActive == 1 && s.Peers[0].Pings > 2 })
}

// Nobody looks for a peer that was deleted after it was given up.
func TestDeleteGivenUpPeer(t *testing.T) {
	t.Parallel()
	address := "http://" + refused(t) + "/x"
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, address)}, MaxFail: 1})
	n.eventually(t, "it is given up", func(s mesh.Server) bool { return s.NumActive == 0 && s.NumDeleted == 1 })
	for _, status := range []int{http.StatusOK, http.StatusNotFound} {
		response, body := do(t, n.request(t, http.MethodDelete, "/v1/peers?url="+url.QueryEscape(address), ""))
		assert.Equal(t, status, response.StatusCode, body)
	}
}

// Where nothing was answered there is no time to show.
func TestPageOfLostPings(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, "http://"+refused(t)+"/x#gone")}})
	var page string
	require.Eventually(t, func() bool {
		page = n.get(t, "/")
		return strings.Contains(page, "down since")
	}, patience, often)
	assert.Regexp(t, `here → gone: down since [\d:]+ UTC; in the last hour (\d+) of \d+ pings lost`, page)
	assert.NotContains(t, page, "0.000")
}

// What DNS says is a peer; localhost stands for a name here.
func TestDiscover(t *testing.T) {
	t.Parallel()
	peer := serve(t, pingmesh("there"))
	url := strings.Replace(peer, "127.0.0.1", "localhost", 1) + "/v1/ping"
	n := begin(t, mesh.Options{Discover: []mesh.Target{target(t, url)}})
	told := n.eventually(t, "it answers", func(s mesh.Server) bool {
		for _, p := range s.Peers {
			if p.PeerIP == "127.0.0.1" && p.Pings > 0 {
				return true
			}
		}
		return false
	})
	assert.Equal(t, url, told.Peers[0].URL)
}

// As in Kubernetes, where the name has the addresses of all pods, and so of the one that asks.
func TestDiscoverLeavesItselfOut(t *testing.T) {
	t.Parallel()
	var self *node
	started := make(chan struct{})
	var answers atomic.Int64
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-started
		answers.Add(1)
		self.ServeHTTP(w, r)
	}))
	other := serve(t, pingmesh("there"))
	self = begin(t, mesh.Options{Discover: []mesh.Target{target(t, url+"/v1/ping")}, Peers: []mesh.Target{target(t, other+"/v1/ping")}})
	close(started)
	self.eventually(t, "pings of the other", func(s mesh.Server) bool { return s.Peers[0].Pings > 4 })
	require.Eventually(t, func() bool { return answers.Load() > 0 }, patience, often)
	assert.Len(t, self.server(t).Peers, 1)
	self.eventually(t, "pings of the other", func(s mesh.Server) bool { return s.Peers[0].Pings > 8 })
	assert.EqualValues(t, 1, answers.Load(), "it is not pinged again, once it has seen who answers")
	assert.Len(t, self.server(t).Peers, 1)
}

func TestStopsAtOnce(t *testing.T) {
	t.Parallel()
	var waiting sync.WaitGroup
	waiting.Add(1)
	peer := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		waiting.Done()
		<-r.Context().Done()
	}))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/v1/ping")}, Delay: time.Hour, Timeout: time.Hour})
	waiting.Wait()
	n.Stop()
	assert.Zero(t, n.server(t).Peers[0].Fails, "a ping that was cut off is no failure")
	response, _ := do(t, n.request(t, http.MethodPost, "/v1/peers", `{"url": "http://localhost/"}`))
	assert.Equal(t, 503, response.StatusCode)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options mesh.Options
		message string
	}{
		"no location":     {mesh.Options{}, `Location "": not a location`},
		"control bytes":   {mesh.Options{Location: "a\nb"}, `Location "a\nb": not a location`},
		"too often":       {mesh.Options{Location: "x", Delay: time.Millisecond}, `Delay "1ms": the delay must be within 100ms and 24h`},
		"negative limit":  {mesh.Options{Location: "x", Limit: -1}, `Limit "-1": must be 1 or more`},
		"negative time":   {mesh.Options{Location: "x", Timeout: -1}, `Timeout "-1ns": must be above 0`},
		"quit, no token":  {mesh.Options{Location: "x", Quit: func() {}}, `Token "": needed for /v1/env and /v1/quit`},
		"too many peers":  {mesh.Options{Location: "x", MaxPeers: 1, Peers: make([]mesh.Target, 2)}, `Peers "2": more peers than MaxPeers, 1`},
		"peer's location": {mesh.Options{Location: "x", Peers: []mesh.Target{{URL: "http://10.1.2.3/"}}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, `Peers "http://10.1.2.3/": 10.1.2.3 is outside of what this server may connect to`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mesh.Start(row.options)
			assert.ErrorContains(t, err, row.message)
		})
	}
}

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text, url, location string
		follow              bool
		message             string
	}{
		"as it is":           {"http://a:8090/v1/ping", "http://a:8090/v1/ping", "", false, ""},
		"location":           {"http://a/x#Chicago,US", "http://a/x", "Chicago,US", false, ""},
		"no scheme":          {"a:8090/v1/ping", "http://a:8090/v1/ping", "", false, ""},
		"default port":       {"HTTPS://A:443", "https://a/", "", false, ""},
		"its peers":          {"http://a/v1/peers?addpeers=true#x", "http://a/v1/ping", "x", true, ""},
		"its peers, no path": {"http://a?addpeers=true", "http://a/v1/ping", "", true, ""},
		"not its peers":      {"http://a/v1/peers?addpeers=false", "http://a/v1/peers", "", false, ""},
		"another query":      {"http://a/x?y=z&addpeers=true", "http://a/x?y=z", "", true, ""},
		"another scheme":     {"ftp://a/", "", "", false, `the scheme is "ftp"`},
		"a password":         {"http://u:p@a/", "", "", false, "has a user or password"},
		"no host":            {"http:///x", "", "", false, "has no host"},
		"too long":           {"http://a/" + strings.Repeat("x", 3000), "", "", false, "has 3009 bytes: use at most 2048"},
		"not UTF-8":          {"http://a\xff/", "", "", false, "is not UTF-8"},
		"bad location":       {"http://a/#x%0Ay", "", "", false, "location"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := mesh.ParseTarget(row.text)
			if row.message != "" {
				assert.ErrorContains(t, err, row.message)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, mesh.Target{URL: row.url, Location: row.location, Follow: row.follow}, parsed)
		})
	}
}
