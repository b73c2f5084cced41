//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A ping is timed, told, tagged and formatted, over HTTP, HTTPS and bare TCP.
func TestPing(t *testing.T) {
	ca, cert, key := certify(t, []string{"web.example"}, nil)
	secure := startHTTPS(t, cert, key)
	plain := startHTTP(t, "Hamburg")
	trusting := []string{"env", "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=/nonexistent"}
	secureURL, mappedURL := "https://web.example:"+portOf(t, secure), "https://web.example:1/"
	done := pingTest{
		wrapper: trusting,
		script:  object{"hosts": object{"web.example:1": secure}, "tags": object{"site": "lab"}, "iterations": 2},
		calls: []pingCall{
			{Target: "http://" + plain + "/v1/ping", Options: object{"from": "Bremen"}},
			{Target: secureURL, Options: object{"from": "Bremen", "ip": "127.0.0.1", "tags": object{"call": "two"}}},
			{Target: mappedURL, Options: object{"to": "fixed"}},
			{Target: "http://" + plain + "/missing", Options: object{"source": "127.9.0.0/30", "method": "HEAD", "timeout": "1m"}},
			{TCP: true, Target: plain, Options: object{"from": "Bremen", "source": "127.9.0.9"}},
		},
	}.run(t)
	require.Len(t, done.pongs, 10)
	t.Run("HTTP", func(t *testing.T) {
		p := done.pongs[0]
		checkWhole(t, p, plain)
		assert.Equal(t, "Hamburg", p.Location)
		assert.Zero(t, p.TLS)
		assert.Zero(t, p.DNS)
		checkLine(t, p, "127.0.0.1")
	})
	t.Run("HTTPS to an address", func(t *testing.T) {
		p := done.pongs[1]
		checkWhole(t, p, secure)
		assert.Equal(t, "web.example over web.example:"+portOf(t, secure), p.Location, "server name and Host header are the URL's")
		assert.Positive(t, p.TLS)
		checkLine(t, p, "127.0.0.1")
	})
	t.Run("HTTPS through k6's hosts", func(t *testing.T) {
		p := done.pongs[2]
		checkWhole(t, p, secure)
		assert.Equal(t, "fixed", p.To)
		assert.Positive(t, p.DNS)
	})
	t.Run("a status that is a failure", func(t *testing.T) {
		p := done.pongs[3]
		assert.Equal(t, []any{404, true, "", int64(0)}, []any{p.Status, p.Failed, p.Error, p.Size})
	})
	t.Run("TCP", func(t *testing.T) {
		p := done.pongs[4]
		assert.False(t, p.Failed, "%s", p.Message)
		assert.Positive(t, p.Connect)
		assert.Positive(t, p.RTT)
		assert.Equal(t, plain, p.RemoteAddr)
	})
	t.Run("metrics", func(t *testing.T) { checkPingMetrics(t, done, plain, secureURL, mappedURL) })
}

func checkWhole(t *testing.T, p pong, remote string) {
	t.Helper()
	assert.False(t, p.Failed, "%s", p.Message)
	assert.Equal(t, 200, p.Status)
	assert.Equal(t, remote, p.RemoteAddr)
	assert.Positive(t, p.Size)
	assert.InDelta(t, p.Connect+p.TLS+p.FirstByte+p.LastByte, p.Total, 1e-6)
	assert.WithinDuration(t, time.Now(), p.StartTime, time.Hour)
}

// checkLine checks what format() made of a result.
func checkLine(t *testing.T, p pong, remote string) {
	t.Helper()
	want := fmt.Sprintf("%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%d\t%d\t%s\t%s\t%s",
		p.StartTime.Unix(), p.DNS, p.Connect, p.TLS, p.FirstByte, p.LastByte, p.Total, p.Status, p.Size, p.From, remote, p.URL)
	assert.Equal(t, want, p.Line)
}

func checkPingMetrics(t *testing.T, done *pinged, plain, secureURL, mappedURL string) {
	host, err := os.Hostname()
	require.NoError(t, err)
	page, missing := "|http://"+plain+"/v1/ping|200", "|http://"+plain+"/missing|404"
	http := map[string]float64{
		"|Bremen|Hamburg" + page: 2,
		"|Bremen|web.example over web.example:" + portOf(t, done.pongs[1].RemoteAddr) + "|" + secureURL + "|200": 2,
		"|" + host + "|fixed|" + mappedURL + "|200":                                                              2,
		"|" + host + "|" + plain + missing:                                                                       2,
	}
	all := maps.Clone(http)
	all["|Bremen|"+plain+"|tcp://"+plain+"|"] = 2
	tags := []string{"from", "to", "url", "status"}
	assert.Equal(t, all, done.points["mconnect_pings"].by(true, tags...))
	assert.Equal(t, all, done.points["mconnect_ping_failed"].by(false, tags...))
	assert.Equal(t, map[string]float64{"|": 0, "|200": 0, "|404": 2}, done.points["mconnect_ping_failed"].by(true, "status"))
	assert.Equal(t, all, done.points["mconnect_ping_connect"].by(false, tags...))
	for _, name := range []string{"first_byte", "last_byte", "total"} {
		assert.Equal(t, http, done.points["mconnect_ping_"+name].by(false, tags...), name)
	}
	assert.Equal(t, map[string]float64{"|" + secureURL: 2, "|" + mappedURL: 2}, done.points["mconnect_ping_tls"].by(false, "url"))
	assert.Equal(t, map[string]float64{"|" + mappedURL: 2}, done.points["mconnect_ping_dns"].by(false, "url"))
	assert.Equal(t, map[string]float64{"|lab|two": 2, "|lab|": 8}, done.points["mconnect_pings"].by(true, "site", "call"))
}

// Whatever goes wrong is a result and a metric, and the first of each class is explained in the log.
func TestPingFailures(t *testing.T) {
	refused := refusing(t, unix.SOCK_STREAM)
	silent := startPeer(t, nil, swallow)
	plain := startHTTP(t, "Hamburg")
	for _, test := range []struct {
		name          string
		call          pingCall
		script        object
		class, failed string
	}{
		{"refused", pingCall{Target: "http://" + refused}, nil, "refused", "connect"},
		{"refused TCP", pingCall{Target: refused, TCP: true}, nil, "refused", ""},
		{"no answer", pingCall{Target: "http://" + silent.address, Options: object{"timeout": "100ms"}}, nil, "no_reply", "first_byte"},
		{"no handshake", pingCall{Target: "https://" + silent.address, Options: object{"timeout": 100}}, nil, "timeout", "tls"},
		{"TLS to a server without", pingCall{Target: "https://" + plain}, nil, "tls", "tls"},
		{"unknown name", pingCall{Target: "http://nowhere.invalid/"}, nil, "dns", "dns"},
		{"unknown name TCP", pingCall{Target: "nowhere.invalid:80", TCP: true}, nil, "dns", ""},
		{"blocked address", pingCall{Target: "http://" + plain}, object{"blacklistIPs": []string{"127.0.0.0/8"}}, "blocked", "dns"},
		{"blocked address given", pingCall{Target: "http://web.example/", Options: object{"ip": "127.0.0.1"}}, object{"blacklistIPs": []string{"127.0.0.0/8"}}, "blocked", "dns"},
		{"blocked name", pingCall{Target: "http://web.example/"}, object{"blockHostnames": []string{"*.example"}}, "blocked", "dns"},
		{"blocked name, address given", pingCall{Target: "http://web.example/", Options: object{"ip": "127.0.0.1"}}, object{"blockHostnames": []string{"*.example"}}, "blocked", "dns"},
		{"blocked name TCP", pingCall{Target: "web.example:80", TCP: true}, object{"blockHostnames": []string{"*.example"}}, "blocked", ""},
		{"source of another family than the name's", pingCall{Target: "http://web.example/", Options: object{"source": "::1"}}, object{"hosts": object{"web.example": "127.0.0.1"}}, "addr_not_available", "connect"},
	} {
		t.Run(test.name, func(t *testing.T) {
			done := pingTest{calls: []pingCall{test.call}, script: test.script}.run(t)
			require.Len(t, done.pongs, 1, "%s", done.stderr)
			p := done.pongs[0]
			assert.True(t, p.Failed)
			assert.Equal(t, []any{test.class, test.failed, 0}, []any{p.Error, p.FailedIn, p.Status}, "%s", p.Message)
			assert.Contains(t, p.Message, test.call.Target)
			assert.Equal(t, map[string]float64{"|" + test.class: 1}, done.points["mconnect_ping_failed"].by(true, "error"))
			assert.Len(t, done.warned("class "+test.class), 1, "%s", done.stderr)
		})
	}
}

// An answer that begins well and does not end has failed, wherever it is told: 200 is nowhere but in the result.
func TestPingOfAnAnswerThatStops(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nServed from Hamburg\n"
	peer := startPeer(t, nil, says(answer))
	done := pingTest{calls: []pingCall{{Target: "http://" + peer.address, Options: object{"timeout": "200ms"}}}}.run(t)
	require.Len(t, done.pongs, 1, "%s", done.stderr)
	p := done.pongs[0]
	assert.Equal(t, []any{true, "no_reply", "last_byte", 200}, []any{p.Failed, p.Error, p.FailedIn, p.Status})
	assert.Contains(t, p.Message, "reading the answer's body, after status 200 and 20 bytes of it: time is up after 200ms")
	assert.Equal(t, "500", strings.Split(p.Line, "\t")[7], "%s", p.Line)
	assert.Equal(t, map[string]float64{"|0|no_reply": 1}, done.points["mconnect_ping_failed"].by(true, "status", "error"))
	assert.Equal(t, map[string]float64{"|0": 1}, done.points["mconnect_pings"].by(true, "status"))
	assert.NotContains(t, done.points, "mconnect_ping_total")
}

// Without a way there, the message says what to look at.
func TestPingWithoutARoute(t *testing.T) {
	ns := newNamespace(t)
	done := pingTest{ns: ns, calls: []pingCall{{Target: "http://192.0.2.1/"}, {Target: "192.0.2.1:80", TCP: true}}}.run(t)
	require.Len(t, done.pongs, 2, "%s", done.stderr)
	for _, p := range done.pongs {
		assert.Equal(t, "net_unreachable", p.Error)
		assert.Contains(t, p.Message, "this host has no route there")
	}
}

// Ctrl-C ends pings that wait.
func TestInterruptedPing(t *testing.T) {
	silent := startPeer(t, nil, swallow)
	process, points := pingTest{calls: []pingCall{{Target: "http://" + silent.address, Options: object{"timeout": "10m"}}}}.start(t)
	await(t, "the ping's connection", func() bool { return silent.accepted.Load() > 0 })
	process.signal(syscall.SIGINT)
	done := awaitPings(t, process, points)
	assert.Equal(t, exitAborted, done.code, "%s", done.stderr)
	assert.Equal(t, map[string]float64{"|aborted": 1}, done.points["mconnect_ping_failed"].by(true, "error"))
}

// A peer that invents locations can't make any number of time series.
func TestPingOfAPeerWithTooManyLocations(t *testing.T) {
	const pings, most = 1100, 1000
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "Served from %d\n", n.Add(1)) }))
	t.Cleanup(s.Close)
	done := pingTest{calls: []pingCall{{Target: s.URL}}, script: object{"iterations": pings}}.run(t)
	locations := map[string]int64{}
	for name, n := range done.points["mconnect_pings"].by(true, "to") {
		locations[strings.TrimPrefix(name, "|")] = int64(n)
	}
	checkOther(t, locations, pings, most)
}

// What a script gets wrong is told by name, value, and what is accepted; nothing is sent.
func TestWrongPings(t *testing.T) {
	tests := map[string][]string{
		`await mconnect.ping()`:                                      {"ping()", "URL", "'https://"},
		`await mconnect.ping('ftp://a/')`:                            {"ping()", "ftp://a/", "http://host"},
		`await mconnect.ping('http://a:70000/')`:                     {"ping()", "70000", "65535"},
		`await mconnect.ping('http://a/', 5)`:                        {"ping()", "options", "{timeout: "},
		`await mconnect.ping('http://a/', {metod: 'GET'})`:           {"ping()", `"metod"`, "method, "},
		`await mconnect.ping('http://a/', {method: 'G T'})`:          {"ping()", `"G T"`, "GET or HEAD"},
		`await mconnect.ping('http://a/', {headers: ['a']})`:         {"ping()", `"headers"`, `["a"]`, "object"},
		`await mconnect.ping('http://a/', {headers: {'a b': 'c'}})`:  {"ping()", `"a b"`, "Accept"},
		`await mconnect.ping('http://a/', {headers: {a: 'c\nd'}})`:   {"ping()", `c\nd`, "control characters"},
		`await mconnect.ping('http://a/', {ip: 'web-1'})`:            {"ping()", `"ip"`, `"web-1"`, "IP address"},
		`await mconnect.ping('http://a/', {headers: {Host: 'b c'}})`: {"ping()", `"b c"`, "example.com"},
		`await mconnect.ping('http://a<b/')`:                         {"ping()", "a<b", "http://host"},
		`await mconnect.ping('http://a/', {from: 'a\tb'})`:           {"ping()", `"from"`, `a\tb`, "control characters"},
		`await mconnect.ping('http://a/', {to: 'a\nb'})`:             {"ping()", `"to"`, `a\nb`, "control characters"},
		`await mconnect.ping('http://a/', {timeout: NaN})`:           {"ping()", `"timeout"`, "NaN", "above 0"},
		`mconnect.format({first_byte: 1})`:                           {"format()", "result of ping()"},
		`await mconnect.tcpPing('a:1', {from: 'a\x1b'})`:             {"tcpPing()", `"from"`, "control characters"},
		`await mconnect.ping('http://a/', {source: 'x'})`:            {"ping()", `"source"`, `"x"`, "CIDR"},
		`await mconnect.ping('http://a/', {timeout: 0})`:             {"ping()", `"timeout"`, "got 0", "above 0"},
		`await mconnect.ping('http://a/', {tags: {from: 'x'}})`:      {"ping()", `"tags"`, `"from"`, "other names"},
		`await mconnect.tcpPing('a')`:                                {"tcpPing()", "target", `"a"`, "host:port"},
		`await mconnect.tcpPing(['a:1'])`:                            {"tcpPing()", "target", `["a:1"]`, "host:port"},
		`await mconnect.tcpPing('a:1', {ip: '127.0.0.1'})`:           {"tcpPing()", `"ip"`, "source, "},
		`mconnect.format()`:                                          {"format()", "result of ping()"},
		`mconnect.format({first_byte: 'x'})`:                         {"format()", "result of ping()"},
		`mconnect.listen({http: 'x'})`:                               {"listen()", `"http"`, `"x"`, "host:port"},
	}
	snippets := slices.Sorted(maps.Keys(tests))
	k := runK6(t, "-e", "SNIPPETS="+asJSON(t, snippets), "test/testdata/reject.js")
	require.Equal(t, exitOK, k.code, "%s", k.stderr)
	outcomes := rejections(t, k)
	require.Len(t, outcomes, len(snippets))
	for i, snippet := range snippets {
		assert.True(t, outcomes[i].IsTypeError, "%s: %s", snippet, outcomes[i].Message)
		for _, part := range tests[snippet] {
			assert.Contains(t, outcomes[i].Message, part, snippet)
		}
	}
}
