package units_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

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
