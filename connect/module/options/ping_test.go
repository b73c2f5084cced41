package options_test

import (
	"math"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

func TestParsePing(t *testing.T) {
	t.Parallel()
	p, err := options.ParsePing("https://a/", object{
		"method": "HEAD", "headers": object{"accept": "x"}, "ip": "::ffff:10.0.0.1", "timeout": "2s", "from": "Süd, DE", "to": "b c", "tags": object{"n": int64(1)},
		"source": "10.0.0.9",
	})
	require.NoError(t, err)
	assert.Equal(t, "https://a/", p.Plan.URL)
	assert.Equal(t, "HEAD", p.Plan.Method)
	assert.Equal(t, http.Header{"Accept": {"x"}}, p.Plan.Header)
	assert.Equal(t, netip.MustParseAddr("10.0.0.1"), p.Plan.IP)
	assert.Equal(t, 2*time.Second, p.Plan.Timeout)
	assert.Equal(t, []string{"Süd, DE", "b c"}, []string{p.Plan.From, p.To})
	assert.Equal(t, map[string]string{"n": "1"}, p.Tags)
	assert.EqualValues(t, 1, p.Source.Size())

	same, err := options.ParsePing("https://a/", object{"method": nil, "headers": nil, "ip": nil, "timeout": nil, "from": nil, "to": nil, "tags": nil, "source": nil})
	require.NoError(t, err)
	none, err := options.ParsePing("https://a/", nil)
	require.NoError(t, err)
	assert.Equal(t, none, same, "undefined leaves an option out")
}

// Each option refuses what is of another type, out of its range, or would do harm further on.
func TestPingOptionsThatAreWrong(t *testing.T) {
	t.Parallel()
	wrong := map[string][]any{
		"method":  {int64(5), "", "G T", "GET\r\nX: y", true, []any{"GET"}},
		"headers": {"a", int64(1), []any{"a"}, object{"a": int64(1)}, object{"a b": "c"}, object{"": "c"}, object{"a": "b\r\nc: d"}, object{"a": "b", "A": "c"}, object{"Host": "a b"}, object{"host": "a/b"}},
		"ip":      {"", "web-1", "10.0.0.0/8", "10.0.0.1:80", "[::1]", int64(1), []any{"10.0.0.1"}, "10.0.0.256"},
		"source":  {"", "x", int64(1), []any{}, []any{int64(1)}, "10.0.0.0/40", object{}},
		"timeout": {int64(0), int64(-1), "-1s", "", "soon", true, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -0.5, []any{"1s"}, "1e9h"},
		"from":    {"", int64(1), "a\tb", "a\nb", "a\rb", "\x1b[2J", "a\x7f", "a\u0085", "a\u2028b", []any{"a"}},
		"to":      {"", int64(1), "a\tb", "a\nb", object{}},
		"tags":    {"a", []any{"a"}, object{"from": "x"}, object{"": "x"}, object{"a": object{}}},
	}
	for name, values := range wrong {
		for _, value := range values {
			_, err := options.ParsePing("http://a/", object{name: value})
			assert.ErrorContains(t, err, "ping(): ", "%s: %v", name, value)
			assert.ErrorContains(t, err, "want ", "%s: %v", name, value)
			_, err = options.ParseTCPPing("a:1", object{name: value})
			assert.ErrorContains(t, err, "tcpPing(): ", "%s: %v", name, value)
		}
	}
	for _, url := range []any{nil, int64(5), "", "a", "//a", "http://", "http://:80/", "http://a:b/", "http://a:-1/", "http://a\n/", "http://a b/", "file:///etc", []any{"http://a/"}} {
		_, err := options.ParsePing(url, nil)
		assert.ErrorContains(t, err, "ping(): ", "%v", url)
	}
	_, err := options.ParsePing("10.0.0.2:5001", nil)
	assert.ErrorContains(t, err, "for host:port without HTTP there is tcpPing()")
	_, err = options.ParsePing("http://a:b/", nil)
	assert.NotContains(t, err.Error(), "tcpPing")
	for _, target := range []any{nil, int64(5), "", "a", ":80", "a:", "a:0", "a:65536", "a:x", "::1:80", []any{"a:1"}, "http://a:80"} {
		_, err := options.ParseTCPPing(target, nil)
		assert.ErrorContains(t, err, "tcpPing(): ", "%v", target)
	}
}
