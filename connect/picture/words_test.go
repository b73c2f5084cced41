package picture

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1000), "1\u202f000"},
		{count(-1234567), "−1\u202f234\u202f567"},
		{short(0), "0"},
		{short(0.25), "0.25"},
		{short(999), "999"},
		{short(1500), "1.5k"},
		{short(20e6), "20M"},
		{clock(3 * 3600), "3:00:00"},
		{plural(1, "backend", "backends"), "1 backend"},
		{plural(2, "backend", "backends"), "2 backends"},
		{list([]string{"a", "b"}, 2), "a, b"},
		{list([]string{"a", "b", "c"}, 1), "a, 2\u00a0more"},
	} {
		assert.Equal(t, row.want, row.got)
	}
}

// The space between thousands is one that Unicode does not count as printable.
func TestThousandsStayPrintable(t *testing.T) {
	t.Parallel()
	for name, svg := range Draw(&recording.Report{Traffic: []*connect.TrafficResult{{
		Connections: 1200, Lost: 1200, Duration: time.Second, LostByHost: connect.Hosts{"a": 1200}, LastingByHost: connect.Hosts{},
		Errors: map[connect.Class]int64{connect.ClassReset: 1200}, Samples: []connect.TrafficSample{{Time: time.Second, Lost: 1200}},
	}}}, "").SVGs() {
		assert.NotContains(t, svg, "\uFFFD", name)
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ got, want []float64 }{
		"linear":         {ticks(400, 4), []float64{0, 100, 200, 300, 400}},
		"not to the top": {ticks(430, 4), []float64{0, 200, 400}},
		"one":            {ticks(1.05, 2), []float64{0, 1}},
		"seconds":        {timeTicks(60, 12), []float64{0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60}},
		"minutes":        {timeTicks(600, 5), []float64{0, 120, 240, 360, 480, 600}},
		"thirty years":   {timeTicks(10_000*day, 5), []float64{0, 2000 * day, 4000 * day, 6000 * day, 8000 * day, 10_000 * day}},
		"half a second":  {timeTicks(0.5, 5), []float64{0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5}},
		"logarithmic":    {logTicks(3, 30), []float64{5, 10, 20}},
		"many decades":   {logTicks(3, 30_000), []float64{10, 100, 1000, 10_000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.InDeltaSlice(t, row.want, row.got, 1e-9, fmt.Sprint(row.got))
		})
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "web-1", fit(textSize, "web-1", 100))
	long := fit(textSize, "mconnect-deployment-5897ffb75c-017", 100)
	assert.LessOrEqual(t, textWidth(textSize, long), 100.0)
	assert.Regexp(t, "^mconn.*….*017$", long, "both ends show")
	assert.Equal(t, "…", fit(textSize, "web-1", 1))
}
