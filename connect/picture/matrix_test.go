package picture

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// pinging enters pings from a site to a target, of which some failed.
func pinging(l *recording.Ledger, from, to string, pings, failed int, took time.Duration) {
	for i := range pings {
		p := &recording.Ping{Start: time.Date(2026, 11, 29, 0, 0, i, 0, time.UTC), Connected: i >= failed, Answered: i >= failed, Connect: took, Total: 2 * took}
		l.Ping(recording.About{Call: "ping", Targets: []string{to}, From: from, Answers: true}, p)
	}
}

// Pings of several sites to several targets have a matrix, with what was lost where.
func TestPingMatrix(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	pinging(&l, "Oslo", "http://porto.example:8090/v1/ping", 4, 0, 3*time.Millisecond)
	pinging(&l, "Oslo", "http://lima.example:8090/v1/ping", 4, 4, 0)
	pinging(&l, "Bremen", "http://porto.example:8090/v1/ping", 4, 1, 5*time.Millisecond)
	s, has := matrixSection(l.Report(connect.States{}))
	require.True(t, has)
	assert.Equal(t, "12 pings from 2 sites to 2 targets, of which 5 failed.", s.Charts[0].Description)
	assert.Equal(t, [][]string{
		{"Bremen", "http://porto.example:8090/v1/ping", "4", "1", "5 ms", "5 ms", "10 ms"},
		{"Oslo", "http://lima.example:8090/v1/ping", "4", "4", "–", "–", "–"},
		{"Oslo", "http://porto.example:8090/v1/ping", "4", "0", "3 ms", "3 ms", "6 ms"},
	}, s.Charts[0].Table.Rows)
	d := s.Charts[0].draw()
	svg := strings.ReplaceAll(string(d.bytes()), "\u00a0", " ")
	for _, text := range []string{"Bremen", "Oslo", "3 ms", "5 ms", ">–<"} {
		assert.Contains(t, svg, text)
	}
	assert.NotContains(t, svg, "/v1/ping", "the host tells targets apart")
}

// One site, or one target, has none.
func TestNoPingMatrix(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string][][2]string{
		"one site":          {{"Oslo", "http://a/"}, {"Oslo", "http://b/"}},
		"one target":        {{"Oslo", "http://a/"}, {"Bremen", "http://a/"}},
		"sites not told of": {{"", "http://a/"}, {"", "http://b/"}},
	} {
		var l recording.Ledger
		for _, pair := range pairs {
			pinging(&l, pair[0], pair[1], 1, 0, time.Millisecond)
		}
		_, has := matrixSection(l.Report(connect.States{}))
		assert.False(t, has, name)
	}
}
