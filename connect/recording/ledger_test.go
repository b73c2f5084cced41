package recording_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func TestLedger(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	empty := l.Report(connect.States{})
	assert.Zero(t, empty.Calls)
	start := time.Unix(1000, 0)
	l.Flood(recording.About{Call: "flood"}, &connect.FloodResult{
		Hosts: connect.Hosts{"a": 5}, Connects: 6, FailedConnects: 1, StartTime: start, Timeout: time.Second, Duration: 10 * time.Second,
		Errors: map[connect.Class]int64{connect.ClassRefused: 1}, First: map[connect.Class]connect.Failure{connect.ClassRefused: {Text: "first"}},
		ConnectTime: stats.Summarize([]time.Duration{10, 20}),
	})
	l.Flood(recording.About{Call: "flood"}, &connect.FloodResult{
		Hosts: connect.Hosts{"a": 1, "b": 2}, Connects: 4, FailedReads: 1, StartTime: start.Add(-5 * time.Second), Timeout: time.Minute, Duration: 6 * time.Second,
		Errors: map[connect.Class]int64{connect.ClassRefused: 1}, First: map[connect.Class]connect.Failure{connect.ClassRefused: {Text: "second"}},
		ConnectTime: stats.Summarize([]time.Duration{30}),
	})
	r := l.Report(connect.States{Completed: 8, Error: 2})
	assert.EqualValues(t, 2, r.Calls)
	assert.Equal(t, connect.Hosts{"a": 6, "b": 2}, r.Hosts)
	assert.EqualValues(t, 10, r.Connects)
	assert.EqualValues(t, 1, r.FailedConnects)
	assert.EqualValues(t, 1, r.FailedReads)
	assert.Equal(t, start.Add(-5*time.Second), r.StartTime)
	assert.Equal(t, 15*time.Second, r.Duration)
	assert.Equal(t, time.Minute, r.Timeout)
	assert.Equal(t, map[connect.Class]int64{connect.ClassRefused: 2}, r.Errors)
	assert.Equal(t, "first", r.First[connect.ClassRefused].Text)
	assert.Equal(t, recording.Spread{Count: 3, Min: 10, Avg: 20, Max: 30, Dev: 8}, r.ConnectTime)
	assert.EqualValues(t, 8, r.States.Completed)
	assert.Equal(t, 2, r.Balance.Hosts)

	r.Hosts["a"] = 0
	assert.EqualValues(t, 6, l.Report(connect.States{}).Hosts["a"], "a report is a copy")
}

// Connections that fail after they were established are no failed connects.
func TestLedgerOfCapacity(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	l.Capacity(recording.About{Call: "capacity"}, &connect.CapacityResult{
		Attempted: 10, NotInitiated: 5, FailedConnects: 1,
		Errors: map[connect.Class]int64{connect.ClassRefused: 1, connect.ClassNoReply: 2, connect.ClassTimeout: 3},
	}, nil)
	r := l.Report(connect.States{})
	assert.EqualValues(t, 15, r.Connects)
	assert.EqualValues(t, 1, r.FailedConnects)
}

// Calls of traffic() stay as they are, as many as fit, and no script's result is changed for it.
func TestLedgerKeepsTheLast(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	assert.Empty(t, l.Report(connect.States{}).Traffic)
	large := &connect.TrafficResult{Records: make([]connect.TrafficRecord, recording.MaxRecords+1)}
	for i := range recording.MaxTraffic + 1 {
		recording.Keep(&l, &connect.TrafficResult{Connections: int64(i), Records: make([]connect.TrafficRecord, recording.MaxRecords)})
	}
	before := l.Report(connect.States{})
	recording.Keep(&l, large)
	require.Len(t, before.Traffic, recording.MaxTraffic)
	assert.EqualValues(t, 1, before.Traffic[0].Connections, "the first is gone")
	assert.Len(t, before.Traffic[0].Records, recording.MaxRecords)
	after := l.Report(connect.States{})
	assert.EqualValues(t, 2, after.Traffic[0].Connections)
	assert.Empty(t, after.Traffic[recording.MaxTraffic-1].Records, "too many records")
	assert.Len(t, large.Records, recording.MaxRecords+1)
	assert.Zero(t, after.Calls, "they are no part of the sums")
}

func TestLedgerKeepsFewNames(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	for call := range 3 {
		hosts := connect.Hosts{}
		for i := range 5000 {
			hosts[fmt.Sprintf("%d-%d", call, i)] = 1
		}
		l.Flood(recording.About{Call: "flood"}, &connect.FloodResult{Hosts: hosts, Connects: 5000})
	}
	r := l.Report(connect.States{})
	assert.Len(t, r.Hosts, 10_000+1)
	assert.EqualValues(t, 5000, r.Hosts["(other)"])
}

func TestLedgerKeepsFewVerdicts(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	assert.NotNil(t, l.Report(connect.States{}).Disruptions, "a list in JSON")
	for i := range recording.MaxDisruptions + 5 {
		l.Disruption(recording.About{Call: "disruption"}, recording.Disruption{Verdict: &disruption.Verdict{Flows: int64(i)}})
	}
	r := l.Report(connect.States{})
	assert.Len(t, r.Disruptions, recording.MaxDisruptions)
	assert.EqualValues(t, 0, r.Disruptions[0].Flows, "those that came first")
}

func TestLedgerJudgesByCommonWeights(t *testing.T) {
	t.Parallel()
	weights, others := map[string]float64{"a": 2, "b": 1}, map[string]float64{"a": 1, "b": 1}
	for name, row := range map[string]struct {
		of       []map[string]float64 // calls
		expected map[string]float64
	}{
		"all the same": {[]map[string]float64{weights, weights}, map[string]float64{"a": 2. / 3, "b": 1. / 3}},
		"they differ":  {[]map[string]float64{weights, others, weights}, nil},
		"one has none": {[]map[string]float64{nil, weights}, nil},
	} {
		var l recording.Ledger
		for _, w := range row.of {
			l.Flood(recording.About{Call: "flood"}, &connect.FloodResult{Hosts: connect.Hosts{"a": 2, "b": 1}, Weights: w})
		}
		l.Hold(recording.About{Call: "hold"}, &connect.HoldResult{})
		expected := l.Report(connect.States{}).Balance.Expected
		assert.Equal(t, row.expected, expected, name)
	}
}
