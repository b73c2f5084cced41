package module_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/types"
)

// pinged is a PingResult or a TCPPingResult.
type pinged struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	URL       string  `json:"url"`
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"first_byte"`
	LastByte  float64 `json:"last_byte"`
	Total     float64 `json:"total"`
	Status    int     `json:"status"`
	Size      int     `json:"size"`
	Remote    string  `json:"remote_addr"`
	Location  string  `json:"location"`
	Failed    bool    `json:"failed"`
	Error     string  `json:"error"`
	Message   string  `json:"error_message"`
	FailedIn  string  `json:"failed_in"`
	RTT       float64 `json:"rtt"`
}

// site is a web site that tells where it is, and keeps what it was asked.
type site struct {
	*httptest.Server
	requests chan request
}

type request struct{ method, host, probe, from string }

func startSite(t *testing.T) *site {
	t.Helper()
	s := &site{requests: make(chan request, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		s.requests <- request{r.Method, r.Host, r.Header.Get("X-Probe"), from}
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "<p>Served from Oslo,NO\n")
	}))
	t.Cleanup(s.Close)
	return s
}

func TestPing(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	v := newVU(t, settings{})
	r := get[pinged](t, v, `return ping('%s/v1/ping', {from: 'Bremen', tags: {round: 1}})`, site.URL)
	assert.Equal(t, []any{"Bremen", "Oslo,NO", "Oslo,NO", 200, false}, []any{r.From, r.To, r.Location, r.Status, r.Failed})
	assert.Equal(t, site.Listener.Addr().String(), r.Remote)
	assert.Zero(t, r.DNS+r.TLS)
	assert.InDelta(t, r.Total, r.Connect+r.FirstByte+r.LastByte, 1e-6, "phases are contiguous")
	assert.Positive(t, r.Size)

	s := v.taken()
	for _, name := range []string{"mconnect_pings", "mconnect_ping_connect", "mconnect_ping_first_byte", "mconnect_ping_last_byte", "mconnect_ping_total", "mconnect_ping_failed"} {
		require.Equal(t, 1, s.count(name), name)
		assert.Equal(t, map[string]int{"Bremen|Oslo,NO|" + site.URL + "/v1/ping|200|1|l4": 1}, countBy(s.of(name), "from", "to", "url", "status", "round", "team"), name)
	}
	assert.Zero(t, s.count("mconnect_ping_dns")+s.count("mconnect_ping_tls"), "phases that did not take place")
	assert.Zero(t, s.sum("mconnect_ping_failed"))
}

func countBy(of samples, tags ...string) map[string]int {
	counts := map[string]int{}
	for _, sample := range of {
		values := make([]string, len(tags))
		for i, tag := range tags {
			values[i], _ = sample.Tags.Get(tag)
		}
		counts[strings.Join(values, "|")]++
	}
	return counts
}

func TestPingOptions(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	_, port, err := net.SplitHostPort(site.Listener.Addr().String())
	require.NoError(t, err)
	v := newVU(t, settings{hosts: map[string]string{"web.example": "127.0.0.1"}, iteration: 1})
	r := get[pinged](t, v, `return ping('http://web.example:%s/', {to: 'Home'})`, port)
	assert.Equal(t, request{"GET", "web.example:" + port, "", "127.0.0.1"}, <-site.requests)
	assert.Positive(t, r.DNS)
	assert.Equal(t, "Home", r.To)
	assert.NotEmpty(t, r.From, "this host's name")
	r = get[pinged](t, v, `return ping('http://nowhere.example:%s/', {ip: '127.0.0.1', method: 'OPTIONS', headers: {'X-Probe': 'yes', Host: 'other.example'}})`, port)
	assert.False(t, r.Failed, r.Message)
	assert.Zero(t, r.DNS)
	assert.Equal(t, request{"OPTIONS", "other.example", "yes", "127.0.0.1"}, <-site.requests)
	assert.Equal(t, 1, v.taken().count("mconnect_ping_dns"), "of the name alone")
	r = get[pinged](t, v, `return ping('%s/', {source: '127.5.0.1,127.5.0.2'})`, site.URL)
	assert.False(t, r.Failed, r.Message)
	assert.Equal(t, "127.5.0.2", (<-site.requests).from, "the second iteration has the second address")
}

// A ping that fails is a result, too: class, phase, and one line in the log.
func TestPingFailures(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	quiet := startPeer(t, silent)
	names, err := types.NewNullHostnameTrie([]string{"*.forbidden.example"})
	require.NoError(t, err)
	for name, row := range map[string]struct {
		url, options, class, phase string
	}{
		"status":               {site.URL + "/missing", "{}", "", ""},
		"refused":              {"http://" + refusing(t) + "/", "{}", "refused", "connect"},
		"unknown name":         {"http://web.example/", "{}", "dns", "dns"},
		"forbidden":            {"http://a.forbidden.example/", "{}", "blocked", "dns"},
		"forbidden with an ip": {"http://a.forbidden.example/", "{ip: '127.0.0.1'}", "blocked", "dns"},
		"no answer":            {"http://" + quiet + "/", "{timeout: '200ms'}", "no_reply", "first_byte"},
		"no TLS":               {"https://" + site.Listener.Addr().String() + "/", "{}", "tls", "tls"},
		"certificate":          {secure.URL, "{}", "tls", "tls"},
		"nonsense":             {"http://" + startPeer(t, greeting("nonsense\r\n\r\n")) + "/", "{}", "bad_reply", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVU(t, settings{options: lib.Options{BlockedHostnames: names}})
			r := get[pinged](t, v, `return ping('%s', %s)`, row.url, row.options)
			assert.True(t, r.Failed)
			assert.Equal(t, row.class, r.Error)
			if row.phase != "" {
				assert.Equal(t, row.phase, r.FailedIn)
			}
			s := v.taken()
			assert.Equal(t, map[string]float64{row.class: 1}, s.by("mconnect_ping_failed", "error"))
			if row.class == "" {
				assert.Equal(t, map[string]int{"404": 1}, countBy(s.of("mconnect_ping_failed"), "status"))
				assert.Equal(t, 1, s.count("mconnect_ping_total"), "a whole answer")
				return
			}
			assert.NotEmpty(t, r.Message)
			assert.Zero(t, s.count("mconnect_ping_total"))
			assert.Equal(t, map[string]int{"0": 1}, countBy(s.of("mconnect_pings"), "status"))
			assert.Len(t, v.logged("a ping has failed, class "+row.class), 1)
		})
	}
}

// k6's TLS options hold.
func TestPingOverTLS(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	v := newVU(t, settings{})
	v.VU.StateField.TLSConfig = &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}} // #nosec G402 -- a test's
	r := get[pinged](t, v, `return ping('%s')`, secure.URL)
	assert.Equal(t, 404, r.Status, r.Message)
	assert.Positive(t, r.TLS)
	assert.Equal(t, 1, v.taken().count("mconnect_ping_tls"))
}

func TestTCPPing(t *testing.T) {
	t.Parallel()
	address := startPeer(t, silent)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	v := newVU(t, settings{hosts: map[string]string{"web.example": "127.0.0.1"}})
	r := get[pinged](t, v, `return tcpPing('%s', {from: 'a', to: 'b'})`, address)
	assert.Equal(t, []any{"a", "b", address, false}, []any{r.From, r.To, r.Remote, r.Failed})
	assert.Positive(t, r.Connect)
	s := v.taken()
	assert.Equal(t, map[string]int{"a|b|tcp://" + address + "|": 1}, countBy(s.of("mconnect_ping_connect"), "from", "to", "url", "status"))
	assert.Equal(t, 1, s.count("mconnect_pings"))
	assert.Zero(t, s.count("mconnect_ping_total")+s.count("mconnect_ping_dns"))

	r = get[pinged](t, v, `return tcpPing('web.example:%s')`, port)
	assert.Positive(t, r.DNS)
	assert.Equal(t, "web.example:"+port, r.To)
	assert.Equal(t, 1, v.taken().count("mconnect_ping_dns"))

	r = get[pinged](t, v, `return tcpPing('%s')`, refusing(t))
	assert.True(t, r.Failed)
	assert.Equal(t, "refused", r.Error)
	assert.NotEmpty(t, r.Message)
	s = v.taken()
	assert.Equal(t, map[string]float64{"refused": 1}, s.by("mconnect_ping_failed", "error"))
	assert.Zero(t, s.count("mconnect_ping_connect"))
}

// format() takes what ping() gives, also when it has been to JSON and back.
func TestFormatOfAPing(t *testing.T) {
	t.Parallel()
	site := startSite(t)
	v := newVU(t, settings{})
	lines := get[[]string](t, v, `
		const result = await ping('%s/', {from: 'Bremen'});
		return [format(result), format(JSON.parse(JSON.stringify(result)))];`, site.URL)
	assert.Equal(t, lines[0], lines[1])
	columns := strings.Split(lines[0], "\t")
	require.Len(t, columns, 12)
	assert.Equal(t, []string{"200", "Bremen", "127.0.0.1", site.URL + "/"}, []string{columns[7], columns[9], columns[10], columns[11]})
	out := v.run(t, `return format({})`)
	assert.Equal(t, "TypeError", out.Name)
	assert.Contains(t, out.Text, "want a result of ping()")
}

// A ping that is under way is aborted at the end of the iteration.
func TestPingIsAborted(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	peer := startPeer(t, func(conn net.Conn) {
		asked <- struct{}{}
		silent(conn)
	})
	v := newVU(t, settings{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-asked
		v.CancelContext()
	}()
	r := get[pinged](t, v, `return ping('http://%s/', {timeout: '1h'})`, peer)
	<-ended
	assert.Equal(t, "aborted", r.Error)
}
