package module_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/markdown"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// parsers check the options of each function that has defaults.
var parsers = map[string]func(options any) (any, error){
	"flood":     func(o any) (any, error) { return options.ParseFlood("a:1", o) },
	"hold":      func(o any) (any, error) { return options.ParseHold("a:1", o) },
	"capacity":  func(o any) (any, error) { return options.ParseCapacity("a:1", o) },
	"traffic":   func(o any) (any, error) { return options.ParseTraffic("a:1", o) },
	"ping":      func(o any) (any, error) { return options.ParsePing("http://a/", o) },
	"tcpPing":   func(o any) (any, error) { return options.ParseTCPPing("a:1", o) },
	"preflight": func(o any) (any, error) { return options.ParsePreflight(o) },
	"listen":    func(o any) (any, error) { return options.ParseListen(o) },
	"report":    func(o any) (any, error) { return options.ParseReport(o) },
	"summary":   func(o any) (any, error) { return options.ParseSummary(o) },
}

// laterDefaults are those that are settled only when a call runs, as a script would write them.
func laterDefaults(t *testing.T) map[string]string {
	t.Helper()
	v, site := newVU(t, settings{}), startSite(t)
	target := refusing(t)
	connections := func(call string) string {
		return strconv.Itoa(get[int](t, v, `const r = await %s; return r.connects ?? r.connections`, call))
	}
	get[any](t, v, `await ping('%s')`, site.URL)
	title := regexp.MustCompile(`<title>(.*)</title>`).FindStringSubmatch(get[string](t, v, `return report({format: 'html'})`))
	require.NotNil(t, title)
	all := map[string]string{
		"flood.connections":       connections(`flood('` + target + `')`),
		"hold.connections":        connections(`(await hold('` + target + `')).close()`),
		"traffic.connections":     connections(`traffic('` + target + `', {duration: 100, timeout: 200, reconnect: false})`),
		"flood.connectTimeout":    quoted(connect.DefaultConnectTimeout),
		"hold.connectTimeout":     quoted(connect.DefaultConnectTimeout),
		"capacity.connectTimeout": capacityTimeout(t),
		"traffic.connectTimeout":  quoted(connect.DefaultTrafficConnectTimeout),
		"traffic.duration":        quoted(connect.DefaultTrafficDuration),
		"traffic.lossTimeout":     quoted(connect.DefaultLossTimeout),
		"traffic.packetSize":      strconv.Itoa(connect.DefaultPacketSize),
		"flood.payload":           "'" + connect.DefaultPayload + "'",
		"hold.payload":            "'" + connect.DefaultPayload + "'",
		"capacity.step":           strconv.Itoa(connect.DefaultStep),
		"capacity.patience":       quoted(connect.DefaultPatience),
		"ping.timeout":            quoted(ping.DefaultTimeout),
		"ping.method":             "'" + (<-site.requests).method + "'",
		"tcpPing.timeout":         quoted(connect.DefaultTCPPingTimeout),
		"listen.idleTimeout":      fmt.Sprintf("%g minutes", server.DefaultIdleTimeout.Minutes()),
		"report.title":            "'" + title[1] + "'",
	}
	for _, name := range []string{"flood", "hold", "capacity", "traffic"} {
		all[name+".network"] = "'" + (&connect.Plan{}).Protocol() + "'"
		all[name+".samples"] = "'" + options.SamplesAll + "'" // and another one with many connections
		all[name+".concurrency"] = strconv.Itoa(connect.DefaultConcurrency)
	}
	all["capacity.concurrency"] = strconv.Itoa(capacityConcurrency) // which package connect does not export
	return all
}

// capacityConcurrency is the most connections that capacity() dials at once, as TestDialsInFlight shows.
const capacityConcurrency = 8

// capacityTimeout is the time for a connect that capacity() counts with when it settles its own time limit.
func capacityTimeout(t *testing.T) string {
	t.Helper()
	usual := connect.CapacityPlan{}.TimeLimit()
	for ms := range 60_000 {
		given := time.Duration(ms+1) * time.Millisecond
		if (connect.CapacityPlan{Plan: connect.Plan{ConnectTimeout: given}}).TimeLimit() == usual {
			return quoted(given)
		}
	}
	require.Fail(t, "none")
	return ""
}

// quoted is a duration as a script would write it.
func quoted(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("'%ds'", d/time.Second)
	}
	return fmt.Sprintf("'%dms'", d/time.Millisecond)
}

// toldDefault is the value that a comment tells as the default of an option, "" if it tells none, or one that is no value.
func toldDefault(function, doc string) string {
	const value = "(`[^`]+`|\\d[\\d,]*(?:\\.\\d+)?(?: minutes)?|true|false)"
	for _, form := range []string{value + " (?:of|for) " + function + `\(\)`, `Default ` + value, `Default: nothing; over UDP ` + value, value + ", the default"} {
		if m := regexp.MustCompile(form).FindStringSubmatch(doc); m != nil {
			return strings.Trim(m[1], "`")
		}
	}
	return ""
}

// literal is what Go makes of a value in a script.
func literal(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if b, err := strconv.ParseBool(text); err == nil {
		return b
	}
	return strings.Trim(text, "'")
}

// Each default is told in index.d.ts, and what is told there is what a call does without the option.
func TestDefaultsAreDeclared(t *testing.T) {
	t.Parallel()
	d := readDeclarations(t)
	later := laterDefaults(t)
	for function, parse := range parsers {
		without, err := parse(nil)
		require.NoError(t, err)
		for _, m := range d.interfaces[d.functions[function].options] {
			name := function + "." + m.name
			told := toldDefault(function, m.doc)
			if want, known := later[name]; known {
				assert.Equal(t, want, told, "default of %s: first that of the code, then that of index.d.ts", name)
				delete(later, name)
				continue
			}
			isChoice := m.kind == "boolean" || strings.HasPrefix(m.kind, "'")
			assert.Equal(t, isChoice, isChoice && told != "", "index.d.ts does not tell the default of %s: %s", name, m.doc)
			if told == "" {
				continue
			}
			with, err := parse(object{m.name: literal(told)})
			if assert.NoError(t, err, "%s: %s", name, told) {
				assert.Equal(t, without, with, "default of %s is not %s: first without it, then with it", name, told)
			}
		}
	}
	assert.Empty(t, later, "options that index.d.ts does not have")
}

// docs/reference/calls.md tells the same defaults as index.d.ts.
func TestDefaultsAreInTheReference(t *testing.T) {
	t.Parallel()
	d := readDeclarations(t)
	value := regexp.MustCompile("^(?:none; UDP )?(`[^`]+`|\\d+|true|false)$")
	part := regexp.MustCompile(`^\{(\w+): (.+)\}$`) // of a default that is an object
	checked := 0
	for _, function := range []string{"flood", "hold", "capacity", "traffic", "disruption"} {
		docs, expected := map[string]string{}, map[string]string{}
		for _, m := range d.interfaces[d.functions[function].options] {
			docs[m.name] = m.doc
			for _, e := range d.interfaces[m.kind] {
				expected[m.name+"."+e.name] = e.doc
			}
		}
		for _, row := range markdown.Rows(sectionOf(t, function), "option") {
			cells := []string{row[1]}
			if all := strings.Split(row[1], ", "); len(all) == len(quotedWords(row[0])) {
				cells = all
			}
			for i, option := range quotedWords(row[0]) {
				told := ""
				if m := value.FindStringSubmatch(cells[min(i, len(cells)-1)]); m != nil {
					told = strings.Trim(m[1], "`")
				}
				doc := docs[option]
				if m := part.FindStringSubmatch(told); m != nil {
					doc, told = expected[option+"."+m[1]], m[2]
				}
				assert.Equal(t, toldDefault(function, doc), told, "default of %s of %s(): first that of index.d.ts, then that of docs/reference/calls.md", option, function)
				checked++
			}
		}
	}
	assert.Greater(t, checked, 30)
}
