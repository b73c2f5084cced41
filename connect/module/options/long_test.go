package options_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// calls are all calls that take options, with arguments that are right otherwise.
var calls = map[string]func(options any) error{
	"flood":      func(o any) error { _, err := options.ParseFlood("a:1", o); return err },
	"hold":       func(o any) error { _, err := options.ParseHold("a:1", o); return err },
	"traffic":    func(o any) error { _, err := options.ParseTraffic("a:1", o); return err },
	"capacity":   func(o any) error { _, err := options.ParseCapacity("a:1", o); return err },
	"idle":       func(o any) error { _, err := options.ParseIdle("a:1", o); return err },
	"ping":       func(o any) error { _, err := options.ParsePing("http://a/", o); return err },
	"tcpPing":    func(o any) error { _, err := options.ParseTCPPing("a:1", o); return err },
	"sockets":    func(o any) error { _, err := options.ParseSockets(o); return err },
	"preflight":  func(o any) error { _, err := options.ParsePreflight(o); return err },
	"listen":     func(o any) error { _, err := options.ParseListen(o); return err },
	"report":     func(o any) error { _, err := options.ParseReport(o); return err },
	"disruption": func(o any) error { _, err := options.ParseDisruption(object{}, object{}, o); return err },
}

var optionNames = []string{
	"network", "connections", "concurrency", "rate", "connectTimeout", "timeout", "source", "sourceOrder", "seed", "sourcePorts", "close", "payload",
	"serverName", "monitor", "tags", "readReply", "flows", "weights", "duration", "keepalive", "packetSize", "lossTimeout", "reconnect", "step", "patience",
	"method", "headers", "ip", "from", "to", "port", "pid", "peer", "remote", "targets", "address", "hostname", "echo", "http", "cert", "key", "idleTimeout",
	"precision", "reply", "expect", "format", "title", "model", "backends", "removed", "added",
}

// large are values that nobody wants to read again.
func large() map[string]any {
	const much = 1 << 15
	list := make([]any, 1000)
	wide := object{}
	for i := range list {
		list[i] = strings.Repeat("ü", 1000)
		wide[strings.Repeat("ü", i)+"\x1b"] = list[i]
	}
	shared := any("x")
	for range 40 {
		shared = []any{shared, object{"a": shared}}
	}
	return map[string]any{
		"ASCII":           strings.Repeat("a", much),
		"letters":         strings.Repeat("aü東😀", much),
		"digits":          strings.Repeat("1", much),
		"controls":        strings.Repeat("\x1b[2J\n\u202e", much),
		"no UTF-8":        strings.Repeat("\xff", much),
		"commas":          strings.Repeat("10.0.0.1,", 1000) + strings.Repeat("ü", much),
		"a range":         strings.Repeat("1", much) + "-" + strings.Repeat("2", much),
		"a URL":           "gopher://" + strings.Repeat("ü", much),
		"a list":          list,
		"an object":       wide,
		"a name":          object{strings.Repeat("😀\n", much): strings.Repeat("😀\n", much)},
		"a nested object": object{"a": object{strings.Repeat("😀\n", much): list}},
		"bytes":           make([]byte, much),
		"shared values":   shared,
		"unreadable":      options.Unreadable{Reason: "a value that throws \"Error\""},
		"a pattern":       options.Pattern{Source: strings.Repeat("ü\x1b", much)},
	}
}

// Errors keep characters whole and inputs short, and show none as it is that would drive a terminal.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	values := large()
	for call, parse := range calls {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			for kind, value := range values {
				checkShort(t, call+" of "+kind, parse(value))
				for _, name := range optionNames {
					err := parse(object{name: value})
					checkShort(t, call+" of "+name+" of "+kind, err)
					if err != nil && !strings.Contains(err.Error(), "unknown") && !strings.Contains(err.Error(), "header ") && call != "disruption" && call != "listen" {
						assert.ErrorContains(t, err, name)
					}
				}
			}
			checkShort(t, call, parse(object{strings.Repeat("ü\x1b", 1<<15): 1}))
			assert.Less(t, time.Since(begun), time.Minute)
		})
	}
	for kind, value := range values {
		_, err := options.ParseFlood(value, nil)
		checkShort(t, "target of "+kind, err)
		assert.ErrorContains(t, err, "want ")
		_, err = options.ParseFlood([]any{"a:1", value}, nil)
		checkShort(t, "a list of "+kind, err)
		_, err = options.ParsePing(value, nil)
		checkShort(t, "URL of "+kind, err)
		assert.ErrorContains(t, err, "want ")
		_, err = options.ParseTCPPing(value, nil)
		checkShort(t, "tcpPing of "+kind, err)
		if kind == "shared values" {
			continue // which the binding lets in only up to a number
		}
		_, err = options.ParseDisruption(value, object{}, object{"model": "maglev"})
		checkShort(t, "flows of "+kind, err)
	}
}

func checkShort(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := err.Error()
	assert.Less(t, len(text), 1000, what)
	assert.True(t, utf8.ValidString(text), "%s: %q", what, text)
	assert.NotContains(t, text, "\ufffd", what)
	assert.False(t, strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }), "%s: %q", what, text)
}

// A target and a server name in another alphabet mean what DNS and certificates mean by it.
func TestInternationalNames(t *testing.T) {
	t.Parallel()
	f, err := options.ParseFlood([]any{"bücher.example:80", "ＬＯＣＡＬＨＯＳＴ:80", "xn--bcher-kva.example:80"}, object{"network": "tls", "serverName": "Bücher.example"})
	assert.NoError(t, err)
	assert.Equal(t, []string{"bücher.example:80", "ＬＯＣＡＬＨＯＳＴ:80", "xn--bcher-kva.example:80"}, f.Targets, "results call them as the script does")
	assert.Equal(t, "xn--bcher-kva.example", f.ServerName)
	for _, wrong := range []string{"ü\u202e", "ü_", "a\x00", "a\n", "a b"} {
		_, err := options.ParseFlood("a:1", object{"serverName": wrong})
		assert.ErrorContains(t, err, "serverName", "%q", wrong)
		_, err = options.ParseFlood(wrong+":80", nil)
		assert.ErrorContains(t, err, "target", "%q", wrong)
		_, err = options.ParseTCPPing(wrong+":80", nil)
		assert.ErrorContains(t, err, "target", "%q", wrong)
		_, err = options.ParsePing("http://"+wrong+"/", nil)
		assert.ErrorContains(t, err, "URL", "%q", wrong)
	}
}
