package reply_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		data string
		host string
		ok   bool
	}{
		"a plain name":                  {"web-1", "web-1", true},
		"ends at a newline":             {"web-1\nweb-2", "web-1", true},
		"ends at a carriage return":     {"web-1\r\n", "web-1", true},
		"ends at a TAB":                 {"web-1\t10.0.0.1:4711", "web-1", true},
		"ends at a NUL":                 {"web-1\x00\x00\xff", "web-1", true},
		"spaces are printable":          {"web 1", "web 1", true},
		"other scripts":                 {"сервер-Ω", "сервер-Ω", true},
		"the longest":                   {strings.Repeat("x", 255), strings.Repeat("x", 255), true},
		"the longest with an end":       {strings.Repeat("x", 255) + "\n", strings.Repeat("x", 255), true},
		"one byte too long":             {strings.Repeat("x", 256), "", false},
		"empty":                         {"", "", false},
		"empty before the end":          {"\nweb-1", "", false},
		"empty before a TAB":            {"\t10.0.0.1:4711", "", false},
		"a control character":           {"web\x1b[31m", "", false},
		"not UTF-8":                     {"web\xff", "", false},
		"a cut rune":                    {"web\xd0", "", false},
		"a replacement rune in earnest": {"web\uFFFD", "web\uFFFD", true},
		"a bidirectional override":      {"web\u202e1", "", false},
		"a letter that shows nothing":   {"web-1\u3164", "", false},
		"a mark that shows nothing":     {"web-1\u034f", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, ok := reply.Parse([]byte(row.data))
			assert.Equal(t, row.ok, ok)
			if row.ok {
				assert.Equal(t, row.host, string(host))
			}
		})
	}
}

func TestIsProxyHeader(t *testing.T) {
	t.Parallel()
	for answer, is := range map[string]bool{
		"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nweb-1": true, "PROXY TCP6 ::1 ::2 1 2\r\n": true, "PROXY UNKNOWN\r\n": true,
		"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c": true,
		"PROXY":                                  false, "PROXY-1": false, "P": false, "\r\n": false, "": false, "web-1": false,
	} {
		assert.Equal(t, is, reply.IsProxyHeader([]byte(answer)), "%q", answer)
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		data, source string
	}{
		"IPv4":                     {"web-1\t10.0.0.1:4711", "10.0.0.1:4711"},
		"IPv6":                     {"web-1\t[fd00::1]:4711", "[fd00::1]:4711"},
		"IPv4-mapped":              {"web-1\t[::ffff:10.0.0.1]:4711", "10.0.0.1:4711"},
		"IPv6 in full":             {"w\t[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
		"ends at a newline":        {"web-1\t10.0.0.1:4711\nweb-1", "10.0.0.1:4711"},
		"ends at a NUL":            {"web-1\t10.0.0.1:4711\x00", "10.0.0.1:4711"},
		"port 0":                   {"web-1\t10.0.0.1:0", "10.0.0.1:0"},
		"none":                     {"web-1", ""},
		"empty":                    {"", ""},
		"nothing behind the TAB":   {"web-1\t", ""},
		"a TAB on the next line":   {"web-1\n\t10.0.0.1:4711", ""},
		"no port":                  {"web-1\t10.0.0.1", ""},
		"a name":                   {"web-1\tlocalhost:4711", ""},
		"a port too high":          {"web-1\t10.0.0.1:65536", ""},
		"IPv6 without brackets":    {"web-1\tfd00::1:4711", ""},
		"a zone":                   {"web-1\t[fe80::1%eth0]:4711", ""},
		"a cut address":            {"web-1\t10.0.0", ""},
		"too long":                 {"web-1\t10.0.0.1:" + strings.Repeat("0", 64) + "1", ""},
		"another answer behind it": {"web-1\t10.0.0.1:4711web-1\t10.0.0.1:4711", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, ok := reply.Source([]byte(row.data))
			assert.Equal(t, row.source != "", ok)
			if ok {
				assert.Equal(t, row.source, source.String())
			}
		})
	}
}

func TestAppendSource(t *testing.T) {
	t.Parallel()
	for source, told := range map[string]string{
		"10.0.0.1:4711":          "web-1\t10.0.0.1:4711",
		"[fd00::1]:4711":         "web-1\t[fd00::1]:4711",
		"[::ffff:10.0.0.1]:4711": "web-1\t10.0.0.1:4711",
		"[fe80::1%eth0]:4711":    "web-1\t[fe80::1]:4711",
	} {
		assert.Equal(t, told, string(reply.AppendSource([]byte("web-1"), netip.MustParseAddrPort(source))))
	}
}

func FuzzSource(f *testing.F) {
	for _, seed := range []string{"web-1\t10.0.0.1:4711", "\t[fd00::1]:1\n", "a\t[::ffff:1.2.3.4]:0", "\t", "a\t\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source, ok := reply.Source(data)
		if !ok {
			return
		}
		again, ok := reply.Source(reply.AppendSource([]byte("x"), source))
		assert.True(t, ok)
		assert.Equal(t, source, again)
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web-1", "web-1\n", "\x00", "\xff\xfe", strings.Repeat("é", 128)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		name, ok := reply.Parse(data)
		if !ok {
			return
		}
		assert.True(t, bytes.HasPrefix(data, name))
		assert.True(t, utf8.Valid(name))
		assert.NotContains(t, string(name), "\n")
		assert.NotContains(t, string(name), "\t")
		assert.LessOrEqual(t, len(name), reply.MaxLength)
		assert.NotEmpty(t, name)
		again, ok := reply.Parse(name)
		assert.True(t, ok)
		assert.Equal(t, name, again)
	})
}
