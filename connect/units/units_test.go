package units_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

func TestPercent(t *testing.T) {
	t.Parallel()
	for share, want := range map[float64]string{
		0:         "0 %",
		1:         "100 %",
		0.5:       "50 %",
		1.0 / 3:   "33.33 %",
		0.998:     "99.8 %",
		0.0055:    "0.55 %",
		0.000_001: "0.0001 %",  // of many there is one
		0.999_999: "99.9999 %", // one of many is missing
		0.999_96:  "99.996 %",
		1.25:      "125 %",
		10:        "1000 %",
	} {
		assert.Equal(t, want, units.Percent(share), "%v", share)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                         "0 s",
		7:                         "7 ns",
		15 * time.Microsecond:     "15 µs",
		1234 * time.Microsecond:   "1.23 ms",
		999_960 * time.Nanosecond: "1 ms", // as three digits have it
		1500 * time.Millisecond:   "1.5 s",
		59 * time.Second:          "59 s",
		125 * time.Second:         "2m5s",
		90 * time.Minute:          "1h30m0s",
	} {
		assert.Equal(t, want, units.Span(d), "%d", d)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 0.019: "0.019", 999.96: "1000", 12.345: "12.3", 123456: "123456", -0.5: "-0.5"} {
		assert.Equal(t, want, units.Number(v))
	}
}

func TestTie(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"33.3 %":                             "33.3\u00a0%",
		"the smallest 33.3 %.":               "the smallest 33.3\u00a0%.",
		"median 409 µs, p99 5 ms, at 1.02 s": "median 409\u00a0µs, p99 5\u00a0ms, at 1.02\u00a0s",
		"442 ms / 529 ms":                    "442\u00a0ms / 529\u00a0ms",
		"902 ns, 1:02 min, 3 d 2 h":          "902\u00a0ns, 1:02\u00a0min, 3\u00a0d 2\u00a0h",
		"500 KB/s of 64 B":                   "500\u00a0KB/s of 64\u00a0B",
		"40 connections, 20 hosts, 3 sizes":  "40 connections, 20 hosts, 3 sizes", // words are no units
		"web s, % of them":                   "web s, % of them",                  // no number
		"already 5\u00a0ms":                  "already 5\u00a0ms",
	} {
		assert.Equal(t, want, units.Tie(text))
	}
}
