package module

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pinged is a result as a script has it.
func pinged(more map[string]any) map[string]any {
	of := map[string]any{
		"start_time": "2026-01-02T03:04:05Z", "from": "Bremen", "url": "https://a/", "dns": 1.5, "connect": int64(2), "tls": 3.25, "first_byte": 4.0,
		"last_byte": 0.5, "total": 9.75, "status": int64(200), "size": int64(20), "remote_addr": "10.0.0.1:443",
	}
	maps.Copy(of, more)
	return of
}

func TestFormat(t *testing.T) {
	t.Parallel()
	line := func(from, status string) string {
		return "1767323045\t1.500\t2.000\t3.250\t4.000\t0.500\t9.750\t" + status + "\t20\t" + from + "\t10.0.0.1\thttps://a/"
	}
	for _, test := range []struct {
		name string
		of   map[string]any
		want string
	}{
		{"whole", pinged(nil), line("Bremen", "200")},
		{"counts as failed", pinged(map[string]any{"status": int64(404), "failed": true}), line("Bremen", "404")},
		{"no answer", pinged(map[string]any{"status": int64(0), "failed": true, "error": "refused"}), line("Bremen", "500")},
		{"cut off", pinged(map[string]any{"failed": true, "error": "no_reply", "failed_in": "last_byte"}), line("Bremen", "500")},
		{"a name from elsewhere", pinged(map[string]any{"from": "a\tb\nc"}), line("a b c", "200")},
	} {
		got, err := formatPing(test.of)
		require.NoError(t, err, test.name)
		assert.Equal(t, test.want, got, test.name)
		assert.Equal(t, 11, strings.Count(got, "\t"), test.name)
	}
	for _, wrong := range []any{
		nil, "x", int64(5),
		map[string]any{},
		map[string]any{"first_byte": 1.0},
		pinged(map[string]any{"dns": math.NaN()}), pinged(map[string]any{"dns": 1e300}),
		pinged(map[string]any{"total": -1.0}), pinged(map[string]any{"status": "ok"}), pinged(map[string]any{"size": 1.5}), pinged(map[string]any{"error": int64(5)}),
	} {
		_, err := formatPing(wrong)
		assert.ErrorContains(t, err, "want a result of ping()", "%v", wrong)
	}
}

// A result can be formatted, whatever came of its ping and however long it took.
func TestLongestPingCanBeFormatted(t *testing.T) {
	t.Parallel()
	year := float64(365*24*time.Hour) / float64(time.Millisecond) // the longest timeout
	_, err := formatPing(pinged(map[string]any{"total": year + 1000, "first_byte": year}))
	assert.NoError(t, err)
}
