package recording_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// Of pings it is known where their time went, also once recordings have been written, read and added up. What did not happen is not counted.
func TestPhasesOfPings(t *testing.T) {
	t.Parallel()
	written := func(pings ...recording.Ping) []byte {
		var l recording.Ledger
		for i := range pings {
			l.Ping(recording.About{Call: "ping", Targets: []string{"https://vip/"}, Answers: true}, &pings[i])
		}
		text, err := json.Marshal(l.Report(connect.States{}))
		require.NoError(t, err)
		return text
	}
	start := time.Unix(1e9, 0)
	whole := recording.Ping{
		Start: start, Connected: true, Answered: true,
		DNS: time.Millisecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 4 * time.Millisecond, LastByte: 5 * time.Millisecond, Total: 14 * time.Millisecond,
	}
	cut := recording.Ping{Start: start.Add(time.Second), Connected: true, Connect: 4 * time.Millisecond, Total: 4 * time.Millisecond}
	var all []*recording.Report
	for _, text := range [][]byte{written(whole, cut), written(whole)} {
		r, err := recording.Read(bytes.NewReader(text))
		require.NoError(t, err)
		all = append(all, r)
	}
	sum := recording.Merge(all...)
	require.Len(t, sum.ByCall, 1)
	type told struct {
		name string
		n    int64
		max  time.Duration
	}
	var got []told
	for _, p := range sum.ByCall[0].PingTimes() {
		got = append(got, told{p.Name, p.Times.Number, p.Times.Max})
	}
	assert.Equal(t, []told{
		{"name look-up", 2, time.Millisecond},
		{"connect", 3, 4 * time.Millisecond},
		{"TLS handshake", 2, 3 * time.Millisecond},
		{"first byte", 2, 4 * time.Millisecond},
		{"last byte", 2, 5 * time.Millisecond},
		{"whole request", 2, 14 * time.Millisecond},
	}, got)
	assert.EqualValues(t, 1, all[1].ByCall[0].Phases.TLS.Number, "merging changes nothing else")
}

// A recording from before phases were told has the other times.
func TestPhasesOfOldRecordings(t *testing.T) {
	t.Parallel()
	r, err := recording.Read(bytes.NewReader([]byte(`{"calls":1,"connects":1,"by_call":[{"call":"ping","targets":["http://vip/"],"asked":1,"begun":1,"established":1,"answered":1,"answers":true}]}`)))
	require.NoError(t, err)
	assert.Len(t, r.ByCall[0].PingTimes(), 6)
	assert.Len(t, recording.Merge(r, r).ByCall[0].PingTimes(), 6)
}
