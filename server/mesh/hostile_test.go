package mesh_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

const token = "open sesame"

// Each wrong request has its answer, and the server lives on.
func TestRefusals(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	long := "http://localhost/" + strings.Repeat("x", 5000)
	for name, row := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
		answer             string
	}{
		"no such page":            {"GET", "/v1/nothing", "", nil, 404, "the mesh is at /, its API at /v1"},
		"quit without its flag":   {"GET", "/v1/quit", "", nil, 404, "no such page"},
		"env without its flag":    {"GET", "/v1/env", "", nil, 404, "no such page"},
		"POST of a page":          {"POST", "/", "x", nil, 405, "use one of GET, HEAD"},
		"PUT of a list":           {"PUT", "/v1/peers", "{}", nil, 405, "{\n  \"error\": \"method PUT is not allowed here: use one of DELETE, GET, POST, HEAD\"\n}"},
		"DELETE of a ping":        {"DELETE", "/v1/ping", "", nil, 405, "use one of GET, HEAD"},
		"lower case":              {"get", "/v1/ping", "", nil, 405, "use one of GET, HEAD"},
		"not JSON":                {"POST", "/v1/peers", "url=x", nil, 400, "the body is not a peer in JSON"},
		"more than a peer":        {"POST", "/v1/peers", `{"url": "http://localhost:1/x"} {}`, nil, 400, "something follows it"},
		"nothing":                 {"POST", "/v1/peers", "", nil, 400, "the body is not a peer in JSON: EOF"},
		"another field":           {"POST", "/v1/peers", `{"url": "http://localhost/", "port": 80}`, nil, 400, `unknown field \"port\"`},
		"huge JSON":               {"POST", "/v1/peers", `{"url": "` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "the body has more than 65536 bytes"},
		"huge form":               {"POST", "/v1/addpeer", "url=" + strings.Repeat("x", 1<<20), form, 413, "the body has more than 65536 bytes"},
		"no URL":                  {"POST", "/v1/peers", `{}`, nil, 400, "url is missing: it says what to ping, such as http://host:8090/v1/ping"},
		"long URL":                {"POST", "/v1/peers", `{"url": "` + long + `"}`, nil, 400, "has 5017 bytes: use at most 2048"},
		"long URL, by GET":        {"GET", "/v1/addpeer?url=" + url.QueryEscape(long), "", nil, 400, "has 5017 bytes: use at most 2048"},
		"another scheme":          {"POST", "/v1/peers", `{"url": "file:///etc/passwd"}`, nil, 400, `the scheme is \"file\"`},
		"a name for an address":   {"POST", "/v1/peers", `{"url": "http://localhost/", "ip": "localhost"}`, nil, 400, `ip \"localhost\": not an address`},
		"too often":               {"POST", "/v1/peers", `{"url": "http://localhost/", "delay": "1us"}`, nil, 400, "the delay must be within 100ms and 24h"},
		"no delay":                {"POST", "/v1/peers", `{"url": "http://localhost/", "delay": "soon"}`, nil, 400, "not a number of seconds, nor a duration"},
		"negative limit":          {"POST", "/v1/peers", `{"url": "http://localhost/", "limit": -1}`, nil, 400, `limit \"-1\": not a number`},
		"outside":                 {"POST", "/v1/peers", `{"url": "http://192.0.2.1/"}`, nil, 403, "192.0.2.1 is outside of what this server may connect to (-allow [127.0.0.0/8 ::1/128])"},
		"outside by ip":           {"POST", "/v1/peers", `{"url": "http://localhost/", "ip": "192.0.2.1"}`, nil, 403, "192.0.2.1 is outside"},
		"mapped":                  {"POST", "/v1/peers", `{"url": "http://[::ffff:192.0.2.1]/"}`, nil, 403, "is outside"},
		"outside, by GET":         {"GET", "/v1/addpeer?url=http://192.0.2.1/", "", nil, 403, "is outside"},
		"deletes nobody":          {"DELETE", "/v1/peers?url=http://localhost/", "", nil, 404, "no peer has the URL http://localhost/"},
		"deletes without a URL":   {"DELETE", "/v1/peers", "", nil, 400, "say which peer"},
		"from another site":       {"GET", "/v1/addpeer?url=http://localhost/", "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, "a page of another site"},
		"from another origin":     {"POST", "/v1/peers", `{"url": "http://localhost/"}`, http.Header{"Origin": {"http://evil.example"}}, 403, "a page of another site"},
		"under another name":      {"POST", "/v1/peers", `{"url": "http://localhost/"}`, http.Header{"Host": {"evil.example"}}, 403, "a page of another site"},
		"deletes nobody, by JSON": {"DELETE", "/v1/peers", `{"url": "http://localhost/"}`, nil, 404, "no peer has the URL http://localhost/"},
		"deletes what is no JSON": {"DELETE", "/v1/peers", `http://localhost/`, nil, 400, "the body is not a peer in JSON"},
		"deletes two":             {"DELETE", "/v1/peers?url=http://localhost/", `{"url": "http://localhost/x"}`, nil, 400, "there is a query and a body"},
		"by nginx":                {"POST", "/v1/peers", `{"url": "http://localhost/"}`, http.Header{"X-Real-Ip": {"192.0.2.1"}}, 403, "only from the server's own host"},
		"by any proxy":            {"POST", "/v1/peers", `{"url": "http://localhost/"}`, http.Header{"Via": {"1.1 proxy"}}, 403, "only from the server's own host"},
		"for somebody elsewhere":  {"POST", "/v1/peers", `{"url": "http://localhost/"}`, http.Header{"X-Forwarded-For": {"192.0.2.1"}}, 403, "only from the server's own host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := n.request(t, row.method, row.path, row.body)
			maps.Copy(request.Header, row.header)
			request.Host = row.header.Get("Host")
			response, body := do(t, request)
			assert.Equal(t, row.status, response.StatusCode, body)
			assert.Contains(t, strings.ReplaceAll(body, "&#34;", `\"`), row.answer)
			if row.status == http.StatusMethodNotAllowed {
				assert.Contains(t, row.answer, response.Header.Get("Allow"))
			}
			assert.Empty(t, n.server(t).Peers)
		})
	}
}

func TestNoLimits(t *testing.T) {
	t.Parallel()
	peer := serve(t, pingmesh("there"))
	n := begin(t, mesh.Options{Limit: 3, MaxFail: 4})
	for path, body := range map[string]string{
		"/v1/peers": `{"url": "` + peer + `/v1/ping", "limit": 0, "fails": 0}`, "/v1/addpeer?limit=0&fails=0&url=" + peer + "/x": "",
	} {
		method := http.MethodPost
		if body == "" {
			method = http.MethodGet
		}
		_, answer := do(t, n.request(t, method, path, body))
		assert.Contains(t, answer, peer)
	}
	told := n.server(t)
	require.Len(t, told.Peers, 2)
	for _, p := range told.Peers {
		assert.Equal(t, []int{0, 0}, []int{p.Limit, p.Maxfail}, "0 is none, not the server's")
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{Token: token, Environ: func() []string { return []string{"AWS_SECRET_ACCESS_KEY=x", "PATH=/<bin>"} }, Quit: func() {}})
	peer := `{"url": "http://` + refused(t) + `/x"}`
	for name, row := range map[string]struct {
		header string
		status int
		answer string
	}{
		"none":    {"", 401, "this takes the server's token"},
		"wrong":   {"Bearer open", 401, "the token is wrong"},
		"no word": {token, 401, "this takes the server's token"},
		"right":   {"Bearer " + token, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, one := range [][3]string{
				{"POST", "/v1/peers", peer},
				{"GET", "/v1/addpeer?url=http://" + refused(t) + "/", ""},
				{"GET", "/v1/env", ""},
				{"POST", "/v1/quit", ""},
				{"DELETE", "/v1/peers?url=http://localhost/", ""},
			} {
				request := n.request(t, one[0], one[1], one[2])
				if row.header != "" {
					request.Header.Set("Authorization", row.header)
				}
				response, body := do(t, request)
				if row.status == 0 {
					assert.NotEqual(t, 401, response.StatusCode, one)
					continue
				}
				assert.Equal(t, row.status, response.StatusCode, one)
				assert.Equal(t, `Bearer realm="mconnect-server"`, response.Header.Get("WWW-Authenticate"))
				assert.Contains(t, strings.ReplaceAll(body, "&#39;", "'"), row.answer)
			}
		})
	}
	request := n.request(t, http.MethodPost, "/v1/addpeer", "url=http://localhost/&token="+url.QueryEscape(token))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, body := do(t, request)
	assert.Equal(t, 200, response.StatusCode, body)
	response, _ = do(t, n.request(t, http.MethodGet, "/v1/env?token="+url.QueryEscape(token), ""))
	assert.Equal(t, 401, response.StatusCode, "URLs are written down by many")

	request = n.request(t, http.MethodGet, "/v1/env", "")
	request.Header.Set("Authorization", "Bearer "+token)
	_, body = do(t, request)
	assert.Contains(t, body, "PATH=/&lt;bin&gt;\n")
	assert.Contains(t, body, "AWS_SECRET_ACCESS_KEY=(hidden)\n")
}

// A token is what is in the file, without what files and editors put around it.
func TestTokenIsTrimmed(t *testing.T) {
	t.Parallel()
	for name, given := range map[string]string{
		"a newline":         token + "\n",
		"of Windows":        token + "\r\n",
		"blanks":            " \t" + token + " \n\n",
		"none":              token,
		"from another file": token,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := begin(t, mesh.Options{Token: given})
			sent := token
			if name == "from another file" {
				sent += "\r\n" // in a form, as it can't be in a header
			}
			request := n.request(t, http.MethodPost, "/v1/addpeer", "url=http://localhost/&token="+url.QueryEscape(sent))
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			response, body := do(t, request)
			assert.Equal(t, 200, response.StatusCode, body)
			request = n.request(t, http.MethodDelete, "/v1/peers?url=http://localhost/", "")
			request.Header.Set("Authorization", "Bearer "+token)
			response, body = do(t, request)
			assert.Equal(t, 200, response.StatusCode, body)
		})
	}
}

// One that nobody could send is refused, and not shown.
func TestTokenThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for given, message := range map[string]string{
		"hunter\n2":    `Token "(hidden)": byte 6 is the control character '\n', so it can't be sent in a header: give one line`,
		"hunter2\x7f":  `Token "(hidden)": byte 7 is the control character '\x7f'`,
		"\x00hunter2":  `Token "(hidden)": byte 0 is the control character '\x00'`,
		"\t\n":         `Token "(hidden)": it is blank: give one of visible characters, or none`,
		"two\r\nlines": `Token "(hidden)": byte 3 is the control character '\r'`,
	} {
		_, err := mesh.Start(mesh.Options{Location: "here", Token: given})
		assert.ErrorContains(t, err, message)
		assert.NotContains(t, err.Error(), "hunter")
	}
}

func TestWithoutTokenOnlyThisHost(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{})
	request := httptest.NewRequest(http.MethodPost, "http://localhost/v1/peers", strings.NewReader(`{"url": "http://localhost/"}`))
	request.RemoteAddr = "192.0.2.1:4000"
	answer := httptest.NewRecorder()
	n.ServeHTTP(answer, request)
	assert.Equal(t, 403, answer.Code)
	assert.Contains(t, answer.Body.String(), "start the server with -token")
}

func TestFullList(t *testing.T) {
	t.Parallel()
	n := begin(t, mesh.Options{MaxPeers: 20, Delay: time.Hour})
	statuses := map[int]int{}
	for i := range 10_000 {
		request := httptest.NewRequest(http.MethodPost, "http://localhost/v1/peers", strings.NewReader(fmt.Sprintf(`{"url": "http://127.0.0.1:1/%d"}`, i)))
		request.RemoteAddr = "127.0.0.1:4000"
		answer := httptest.NewRecorder()
		n.ServeHTTP(answer, request)
		statuses[answer.Code]++
		if i == 9999 {
			assert.Contains(t, answer.Body.String(), "the list is full, it has 20 peers: delete some, or start the server with a larger -max-peers")
		}
	}
	assert.Equal(t, map[int]int{201: 20, 507: 9980}, statuses)
	assert.Len(t, n.server(t).Peers, 20)
}

// A peer that tells of 10,000 others fills the list, and no more.
func TestHostilePeer(t *testing.T) {
	t.Parallel()
	urls := make([]string, 10_000)
	for i := range urls {
		urls[i] = fmt.Sprintf("http://127.0.0.1:1/%d", i)
	}
	peer := serve(t, pingmesh("there", urls...))
	n := begin(t, mesh.Options{MaxPeers: 20, Delay: time.Second, Peers: []mesh.Target{target(t, peer+"/v1/ping?addpeers=true")}})
	n.eventually(t, "a full list", func(s mesh.Server) bool { return len(s.Peers) == 20 })
}

// What a peer tells of and nobody reaches does not keep out what is asked for, nor what other peers tell of.
func TestHostilePeerLeavesRoom(t *testing.T) {
	t.Parallel()
	nowhere := "http://" + refused(t)
	urls := make([]string, 100)
	for i := range urls {
		urls[i] = fmt.Sprintf("%s/%d", nowhere, i)
	}
	hostile := serve(t, pingmesh("hostile", urls...))
	n := begin(t, mesh.Options{MaxPeers: 10, Peers: []mesh.Target{target(t, hostile+"/v1/ping?addpeers=true")}})
	n.eventually(t, "a full list", func(s mesh.Server) bool { return len(s.Peers) == 10 })
	honest := serve(t, pingmesh("honest", serve(t, pingmesh("far"))+"/v1/ping"))
	response, body := do(t, n.request(t, http.MethodPost, "/v1/peers", `{"url": "`+honest+`/v1/ping", "addpeers": true}`))
	assert.Equal(t, 201, response.StatusCode, body)
	told := n.eventually(t, "the honest peer's peer", func(s mesh.Server) bool {
		return slices.ContainsFunc(s.Peers, func(p mesh.Peer) bool { return p.Location == "far" })
	})
	assert.LessOrEqual(t, len(told.Peers), 10)
}

// What can't be read in a peer's list does not spoil the rest of it.
func TestHostileElement(t *testing.T) {
	t.Parallel()
	far := serve(t, pingmesh("far"))
	near := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/peers" {
			fmt.Fprintf(w, `{"Peers": [{"Url": 5}, 7, null, {"Url": "%s/v1/ping"}]}`, far)
		}
	}))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, near+"/v1/ping?addpeers=true")}})
	told := n.eventually(t, "both", func(s mesh.Server) bool { return len(s.Peers) == 2 })
	assert.Equal(t, far+"/v1/ping", told.Peers[1].URL)
}

// A list that never comes costs no ping.
func TestSlowListHoldsUpNoPing(t *testing.T) {
	t.Parallel()
	var asked, givenUp atomic.Bool
	peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/peers" {
			asked.Store(true)
			<-r.Context().Done()
			givenUp.Store(true)
		}
	}))
	n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/v1/ping?addpeers=true")}})
	n.eventually(t, "several pings", func(s mesh.Server) bool { return s.Peers[0].Pings > 5 })
	assert.True(t, asked.Load())
	assert.False(t, givenUp.Load(), "the list is still waited for")
}

// What is wrong with a peer's row, or its list, is that peer's trouble.
func TestHostileRows(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"not JSON":           `<html>`,
		"endless":            `{"instance": "i", "location": "there", "peers": [` + strings.Repeat(`{},`, 1<<20),
		"another server's":   `{"instance": "other", "location": "there"}`,
		"no location":        `{"instance": "i", "location": "a\nb"}`,
		"more lost than all": `{"instance": "i", "location": "there", "peers": [{"url": "http://x/", "pings": 1, "lost": 2}]}`,
		"negative time":      `{"instance": "i", "location": "there", "peers": [{"url": "http://x/", "pings": 1, "median": -1}]}`,
		"long time":          `{"instance": "i", "location": "there", "peers": [{"url": "http://x/", "pings": 1, "median": 1e300}]}`,
		"a script":           `{"instance": "i", "location": "there", "peers": [{"url": "javascript:alert(1)", "pings": 1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Mconnect-Mesh", "i 1")
				if r.URL.Path == "/v1/row" {
					_, _ = w.Write([]byte(row))
				}
			}))
			n := begin(t, mesh.Options{Peers: []mesh.Target{target(t, peer+"/v1/ping?addpeers=true#peer")}})
			n.eventually(t, "it answers", func(s mesh.Server) bool { return s.Peers[0].Pings > 0 })
			assert.Contains(t, n.get(t, "/v1/matrix"), `"rows":["here"],"columns":["here","peer"]`)
			assert.Contains(t, n.get(t, "/"), "1 server measures 2")
		})
	}
}

// A name that leads elsewhere later is caught when it is dialed, whatever it said when it was added.
func TestAllowHoldsForEveryPing(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	n := begin(t, mesh.Options{Allow: allowed, Peers: []mesh.Target{target(t, "http://unknown.invalid/v1/ping")}, MaxFail: 2})
	n.eventually(t, "it is given up", func(s mesh.Server) bool { return s.NumDeleted == 1 })
	_, err := mesh.Start(mesh.Options{Location: "here", Allow: allowed, Peers: []mesh.Target{target(t, "http://localhost/")}})
	require.ErrorContains(t, err, "localhost is ")
}
