package module_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/markdown"
)

// The tests in this file hold index.d.ts, README.md and docs/ against the code, in both directions. They ask the code itself: for its
// options with one that it does not know, for its results, metrics and tags with calls.

// callsWithOptions are the functions that take options, with arguments before these.
var callsWithOptions = map[string]string{
	"flood": "'a:1', ", "hold": "'a:1', ", "idle": "'a:1', ", "capacity": "'a:1', ", "traffic": "'a:1', ", "disruption": "recorded, recorded, ",
	"change": "'a', ",
	"ping":   "'http://a/', ", "tcpPing": "'a:1', ", "sockets": "", "preflight": "", "listen": "", "report": "", "summary": "",
}

// codeOptions are the options that each function takes.
func codeOptions(t *testing.T) map[string][]string {
	t.Helper()
	v := newVU(t, settings{})
	_, err := v.VU.Runtime().RunString(recordedFlows)
	require.NoError(t, err)
	all := map[string][]string{}
	for name, arguments := range callsWithOptions {
		out := v.run(t, fmt.Sprintf("await %s(%s{'?': 1})", name, arguments))
		_, list, found := strings.Cut(out.Text, `option "?" is unknown; want one of `)
		require.True(t, found, "%s(): %s", name, out.Text)
		all[name] = strings.Split(list, ", ")
	}
	return all
}

func TestFunctionsAreDeclared(t *testing.T) {
	t.Parallel()
	d := readDeclarations(t)
	v := newProcess(t).newVU(t)
	functions := get[[]string](t, v, `return Object.keys(mconnect)`)
	assert.ElementsMatch(t, functions, slices.Collect(maps.Keys(d.functions)), "functions of index.d.ts")
	assert.ElementsMatch(t, functions, d.exported, "its default export")
	for _, name := range functions {
		_, hasOptions := callsWithOptions[name]
		assert.Equal(t, hasOptions, d.functions[name].options != "", "%s(): callsWithOptions in this file", name)
	}
}

func TestOptionsAreDeclared(t *testing.T) {
	t.Parallel()
	d := readDeclarations(t)
	for name, options := range codeOptions(t) {
		assert.Equal(t, slices.Sorted(slices.Values(options)), names(d.interfaces[d.functions[name].options]),
			"options of %s(): first those of the code, then those of index.d.ts", name)
		for _, m := range d.interfaces[d.functions[name].options] {
			assert.True(t, m.optional || m.name == "model", "%s of %s()", m.name, name)
		}
	}
}

// docs/reference/calls.md lists the options of a call in a table, or as those of another call without some, and a table.
func TestOptionsAreInTheReference(t *testing.T) {
	t.Parallel()
	code := codeOptions(t)
	sections := map[string][]string{}
	for _, name := range []string{"flood", "hold", "capacity", "traffic", "disruption"} {
		sections[name] = documentedOptions(t, sections, name)
		assert.Equal(t, slices.Sorted(slices.Values(code[name])), slices.Sorted(slices.Values(sections[name])),
			"options of %s(): first those of the code, then those of docs/reference/calls.md", name)
	}
	for _, named := range regexp.MustCompile("`(\\w+)\\(\\{([a-zA-Z, ]+)\\}\\)`").FindAllStringSubmatch(readText(t, "docs/reference/calls.md"), -1) {
		assert.Subset(t, code[named[1]], strings.Split(named[2], ", "), "%s", named[0])
	}
}

// documentedOptions are those of docs/reference/calls.md's section on a call, or of its item of a list.
func documentedOptions(t *testing.T, others map[string][]string, name string) []string {
	t.Helper()
	section := sectionOf(t, name)
	options := map[string]bool{}
	if m := regexp.MustCompile("(?s)options are\\s+those\\s+of\\s+`(\\w+)\\(\\)`\\s+without\\s+((?:`\\w+`(?:, |\\s+and\\s+)?)+)").FindStringSubmatch(section); m != nil {
		require.NotEmpty(t, others[m[1]])
		for _, option := range others[m[1]] {
			options[option] = true
		}
		for _, option := range quotedWords(m[2]) {
			require.True(t, options[option], "%s() has no %s to leave out", m[1], option)
			delete(options, option)
		}
	}
	rows := markdown.Rows(section, "option")
	require.NotEmpty(t, rows, "no table of options of %s()", name)
	for _, row := range rows {
		for _, option := range quotedWords(row[0]) {
			options[option] = true
		}
	}
	return slices.Collect(maps.Keys(options))
}

// Tables of fields in the guides name members of results.
func TestFieldsInTheGuidesAreDeclared(t *testing.T) {
	t.Parallel()
	d := readDeclarations(t)
	guides, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	fields := 0
	for _, guide := range guides {
		for _, row := range markdown.Rows(readText(t, "docs/"+filepath.Base(guide)), "field") {
			for _, field := range quotedWords(row[0]) {
				fields++
				declared := slices.ContainsFunc(slices.Collect(maps.Values(d.interfaces)), func(of []member) bool {
					return slices.Contains(names(of), field)
				})
				assert.True(t, declared, "%s: no result has the field %s", guide, field)
			}
		}
	}
	assert.Positive(t, fields)
}

func TestClassesAreDeclared(t *testing.T) {
	t.Parallel()
	var classes []string
	for c := class.None + 1; c < class.Count; c++ {
		classes = append(classes, c.String())
	}
	assert.Equal(t, classes, readDeclarations(t).literals(t, "ErrorClass"), "index.d.ts")
	m := regexp.MustCompile("(?s)counted under one of\n(.*?)[.;]\\s").FindStringSubmatch(readText(t, "docs/reference/calls.md"))
	require.NotNil(t, m)
	assert.Equal(t, classes, quotedWords(m[1]), "docs/reference/calls.md")
}

// happened is what came of a call of each function, in several ways.
type happened struct {
	results map[string][]any    // by function
	samples map[string]samples  // by function
	types   map[string]string   // of each metric of ours, by name: kind, and what it contains
	tags    map[string][]string // of each metric that has had samples
}

// exercise makes calls of all functions, such that each member of each result is there in one of them.
func exercise(t *testing.T) *happened {
	t.Helper()
	h := &happened{map[string][]any{}, map[string]samples{}, map[string]string{}, map[string][]string{}}
	files := filepath.Join(t.TempDir(), "a") // for longer than the process, which writes them at its end
	p := newProcess(t)
	_, port, err := net.SplitHostPort(startPeer(t, greeting("web-1")))
	require.NoError(t, err)
	site := startSite(t)
	_, sitePort, err := net.SplitHostPort(site.Listener.Addr().String())
	require.NoError(t, err)
	calls := []struct{ function, script string }{
		{"change", `change('restart of web-9', {hosts: 'web-9', within: '1m'})`}, // which later calls feel, and which excuses none of their losses
		{"flood", `flood(web, {connections: 8, source: '127.8.1.1-127.8.1.2', sourcePorts: '22000-22009', close: 'rst', flows: true, weights: {'web-1': 1}})`},
		{"flood", `flood('` + refusing(t) + `', {connections: 2, readReply: false})`},
		{"flood", `flood('` + startPeer(t, silent) + `', {connectTimeout: '50ms'})`},
		{"flood", `flood(web, {connections: 2, tags: {team: 'a'}, expect: {hosts: ['web-1', 'web-2']}})`},
		{"flood", `flood('127.0.0.1:` + port + `', {connections: 2, addresses: 'all'})`},
		{"hold", `holding(web, {connections: 2})`},
		{"hold", `holding('` + startPeer(t, leaving("web-1")) + `', {connections: 2}, 'until they are closed')`},
		{"hold", `holding('` + startPeer(t, func(net.Conn) {}) + `', {connections: 2})`},
		{"hold", `holding('` + startPeer(t, echoing) + `', {connections: 2, keepalive: '20ms', keepaliveTimeout: '5s'})`},
		{"capacity", `capacity(['` + refusing(t) + `', web], {connections: 3, patience: '20ms'})`},
		{"idle", `idle('` + startPeer(t, echoing) + `', {from: '20ms', to: '40ms', precision: '20ms', connections: 2, expect: {timeout: '30ms'}})`},
		{"idle", `idle('` + startPeer(t, silent) + `', {from: '20ms', to: '40ms', precision: '20ms', connections: 2, connectTimeout: '50ms'})`},
		{"traffic", `traffic(listen({echo: true, hostname: 'web-2'}).address, {connections: 2, rate: 20, duration: '300ms'})`},
		{"traffic", `traffic('` + startPeer(t, silent) + `', {duration: '300ms', lossTimeout: '50ms'})`},
		{"traffic", `traffic('` + startPeer(t, restarting()) + `', {rate: 20, duration: '1s', expect: {recovery: '1m'}})`},
		{"disruption", `disruption(recorded, recorded, {model: 'maglev', expect: {moved: 0.1}})`},
		{"disruption", `disruption(recorded, {flows: {...recorded.flows, answers: 'AQEB'}}, {model: 'ecmp', backends: ['a', 'b'], removed: 'b'})`},
		{"ping", `ping('http://web.example:` + sitePort + `/')`},
		{"ping", `ping('http://web.example:` + sitePort + `/', {addresses: 'all', from: 'Bremen', to: 'Paris'})`},
		{"ping", `ping('http://` + refusing(t) + `/')`},
		{"ping", `ping('` + startSecure(t) + `')`},
		{"tcpPing", `tcpPing('web.example:` + port + `')`},
		{"tcpPing", `tcpPing('web.example:` + port + `', {addresses: 'all'})`},
		{"tcpPing", `tcpPing('` + refusing(t) + `')`},
		{"sockets", fmt.Sprintf(`sockets({port: %s, pid: %d, peer: '127.0.0.1', expect: {total: 100}})`, port, os.Getpid())},
		{"sockets", `sockets({port: ` + port + `, expect: {close_wait: 100}})`},
		{"sockets", `sockets({remote: listen({http: '127.0.0.1:0'}).http, port: ` + port + `, expect: {total: 100}})`},
		{"preflight", `preflight()`},
		{"listen", `responding(listen({http: '127.0.0.1:0'}))`},
		{"listen", `responding(listen())`},
		{"format", `format(await ping('` + site.URL + `/'))`},
		{"report", `report()`},
		{"summary", `summary({replace: true, json: '` + files + `.json', junit: '` + files + `.xml', html: '` + files + `.html'})({metrics: {}})`},
	}
	for _, call := range calls {
		v := p.newVU(t).begin(t, settings{hosts: map[string]string{"web.example": "127.0.0.1"}})
		insecure(v)
		_, err := v.VU.Runtime().RunString(recordedFlows + `
			var web = 'web.example:` + port + `';
			async function holding(target, options, untilClosed) {
				const held = await hold(target, options);
				while (held.states().established > 0 && (untilClosed || options.keepalive && held.result().echo_time.max === 0)) { await wait(5); }
				const keys = Object.keys(held), states = held.states(), result = held.result(), close = await held.close();
				return Object.fromEntries(keys.map((key) => [key, {states, result, close}[key]]));
			}
			function responding(r) { return {...r, close: null}; }`)
		require.NoError(t, err)
		h.results[call.function] = append(h.results[call.function], get[any](t, v, `return `+strings.ReplaceAll(call.script, "%", "%%")))
		v.end(t)
		taken := p.taken()
		h.samples[call.function] = append(h.samples[call.function], taken...)
		for _, sample := range taken {
			for name := range sample.Tags.Map() {
				if !slices.Contains(h.tags[sample.Metric.Name], name) {
					h.tags[sample.Metric.Name] = append(h.tags[sample.Metric.Name], name)
				}
			}
		}
	}
	for _, metric := range p.registry.All() {
		if strings.HasPrefix(metric.Name, "mconnect_") {
			h.types[metric.Name] = strings.TrimSuffix(metric.Type.String()+", "+metric.Contains.String(), ", default")
		}
	}
	return h
}

// leaving tells its name, and closes.
func leaving(name string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, name) }
}

// restarting echoes one packet of the first connection and closes it, so that there is an outage, and echoes all of the later ones.
func restarting() func(net.Conn) {
	var connections atomic.Int64
	return func(conn net.Conn) {
		if connections.Add(1) == 1 {
			_, _ = io.CopyN(conn, conn, connect.DefaultPacketSize)
			return
		}
		echoing(conn)
	}
}

// startSecure answers HTTPS.
func startSecure(t *testing.T) (url string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.URL
}

// scriptTags are those of a test's own.
var scriptTags = []string{"team"}

// ofAddresses is the tag that docs/reference/calls.md tells before its table: with addresses: 'all', metrics with one target have it.
const ofAddresses = "ip"

// notProvoked are metrics that have samples only where a network loses packets.
var notProvoked = []string{"mconnect_retransmits"}

func TestCallsDoWhatIsDeclared(t *testing.T) {
	t.Parallel()
	h := exercise(t)
	t.Run("results", h.resultsAreDeclared)
	t.Run("metrics in index.d.ts", h.metricsAreDeclared)
	t.Run("metrics in docs/reference/calls.md", h.metricsAreInTheReference)
	t.Run("metrics in docs/ping.md", h.metricsAreInTheGuideToPings)
}

// Whatever a call returns, its members are those of index.d.ts, and each of these is there in one of the results.
func (h *happened) resultsAreDeclared(t *testing.T) {
	d := readDeclarations(t)
	c := &checker{d, map[string]bool{}}
	for name, results := range h.results {
		kind := d.functions[name].result
		if strings.HasPrefix(kind, "{") {
			d.interfaces["result of "+name] = members(t, kind)
			kind = "result of " + name
		}
		for _, result := range results {
			for _, wrong := range c.check(name+"()", kind, result) {
				assert.Fail(t, wrong)
			}
		}
	}
	assert.Len(t, h.results, len(d.functions), "every function is called")
	for name, members := range d.interfaces {
		if d.bases[name] || name == "Reply" || strings.HasSuffix(name, "Options") || strings.HasSuffix(name, "Expect") {
			continue
		}
		for _, m := range members {
			assert.True(t, c.seen[name+"."+m.name], "%s.%s is declared, but no result of exercise() has it", name, m.name)
		}
	}
}

// Metrics are those that docs/reference/calls.md lists, with the same types and tags.
func (h *happened) metricsAreInTheReference(t *testing.T) {
	documented := map[string]bool{}
	var above []string // the tags of the row above, which "likewise" stands for
	for _, row := range markdown.Rows(readText(t, "docs/reference/calls.md"), "metric") {
		listed := quotedWords(row[0])
		var seen []string
		for _, name := range listed {
			prefix, isPrefix := strings.CutSuffix(name, "…")
			for metric := range h.tags {
				if metric == name || isPrefix && strings.HasPrefix(metric, prefix) {
					seen = append(seen, h.tags[metric]...)
				}
			}
			seen = slices.DeleteFunc(seen, func(tag string) bool { return tag == ofAddresses })
			for metric, kind := range h.types {
				if metric == name || isPrefix && strings.HasPrefix(metric, prefix) {
					documented[metric] = true
					if row[1] != "" {
						assert.Equal(t, row[1], typeName(kind), "type of %s", metric)
						isTime := row[1] == "Trend" || metric == "mconnect_idle_timeout"
						assert.Equal(t, isTime, strings.HasSuffix(kind, ", time"), "%s: Trends are times, others are numbers", metric)
					}
				}
			}
			if strings.HasPrefix(name, "data_") || slices.Contains(notProvoked, name) {
				continue
			}
			assert.True(t, isPrefix || documented[name], "docs/reference/calls.md lists %s, which the code does not have", name)
			assert.True(t, isPrefix || h.tags[name] != nil, "no call of exercise() has made a sample of %s", name)
		}
		if slices.Contains(notProvoked, listed[0]) || strings.HasPrefix(listed[0], "data_") {
			continue
		}
		if row[2] != "likewise" {
			above = quotedWords(row[2])
		}
		told := slices.Concat(above, scriptTags)
		slices.Sort(seen)
		assert.Equal(t, slices.Sorted(slices.Values(told)), slices.Compact(seen), "tags of %s: first those of docs/reference/calls.md, then those of the code", row[0])
	}
	for name := range h.types {
		assert.True(t, documented[name], "%s is not in docs/reference/calls.md", name)
	}
}

// typeName is how tables name the type of a metric.
func typeName(kind string) string {
	kind, _, _ = strings.Cut(kind, ",")
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// docs/ping.md has a table of its own.
func (h *happened) metricsAreInTheGuideToPings(t *testing.T) {
	guide := readText(t, "docs/ping.md")
	documented := map[string]string{}
	for _, row := range markdown.Rows(guide, "metric") {
		for _, name := range quotedWords(row[0]) {
			if strings.HasPrefix(name, "mconnect_ping") {
				documented[name] = strings.ToLower(row[1])
			}
		}
	}
	code := map[string]string{}
	for name, kind := range h.types {
		if strings.HasPrefix(name, "mconnect_ping") {
			code[name] = kind
		}
	}
	assert.Equal(t, code, documented, "first the code's, then those of docs/ping.md")
	tags := regexp.MustCompile(`(?m)^Tags: (.*)$`).FindStringSubmatch(guide)
	require.NotNil(t, tags)
	for _, tag := range h.tags["mconnect_ping_connect"] {
		assert.True(t, slices.Contains(scriptTags, tag) || strings.Contains(tags[1], "`"+tag+"`"), "the tag %s", tag)
	}
}

// Each function's comment in index.d.ts tells what samples its call makes, with which tags, and nothing else.
func (h *happened) metricsAreDeclared(t *testing.T) {
	d := readDeclarations(t)
	options := codeOptions(t)
	for name, f := range d.functions {
		_, told, _ := strings.Cut(f.doc, "Metrics")
		own := quotedWords(told)
		mentioned := slices.Clone(own)
		_, ofFlood, _ := strings.Cut(d.functions["flood"].doc, "Metrics")
		if strings.Contains(told, "as for flood()") {
			mentioned = append(mentioned, quotedWords(ofFlood)...)
		}
		if strings.Contains(told, "state gauges") {
			_, states, _ := strings.Cut(ofFlood, "the states:")
			mentioned = append(mentioned, quotedWords(states)...)
		}
		emitted, tags := map[string]bool{}, map[string]bool{}
		for _, sample := range h.samples[name] {
			emitted[sample.Metric.Name] = true
			for tag := range sample.Tags.Map() {
				tags[tag] = true
			}
		}
		if name == "listen" || name == "format" || name == "report" || name == "summary" || name == "preflight" {
			assert.Empty(t, own, name)
			continue
		}
		for metric := range emitted {
			assert.Contains(t, mentioned, metric, "%s() makes samples that its comment does not tell", name)
		}
		for tag := range tags {
			assert.True(t, slices.Contains(scriptTags, tag) || slices.Contains(mentioned, tag), "%s(): the comment does not tell the tag %s", name, tag)
		}
		for _, word := range own {
			isOption := slices.Contains(options[name], word)
			isGroup := strings.HasSuffix(word, "…")
			assert.True(t, emitted[word] || tags[word] || isOption || isGroup || slices.Contains(notProvoked, word), "%s() tells %s, which is neither a metric nor a tag of its samples", name, word)
		}
	}
}

// Without an answer to any SYN, a call has as many connections in flight as it dials at once.
func TestDialsInFlight(t *testing.T) {
	t.Parallel()
	address := deaf(t)
	for call, want := range map[string]int{
		`(await flood('%s', {connections: 1000, connectTimeout: '1h', timeout: '500ms'})).states.error`:                   connect.DefaultConcurrency,
		`(await (await hold('%s', {connections: 1000, connectTimeout: '1h', timeout: '500ms'})).close()).failed_connects`: connect.DefaultConcurrency,
		`(await capacity('%s', {connections: 1000, step: 500, connectTimeout: '1h', timeout: '500ms'})).attempted`:        capacityConcurrency,
	} {
		t.Run(call[7:15], func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, get[int](t, newVU(t, settings{}), "return "+call, address))
		})
	}
}

// deaf is a listener whose queue of connections to accept is full, so that the kernel drops every SYN.
func deaf(t *testing.T) (address string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	bound, err := unix.Getsockname(fd)
	require.NoError(t, err)
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*unix.SockaddrInet4).Port))
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return address
}
