package recording_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

var midnight = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

// holding is a report of a hold that began so long after midnight, of which half was lost after a second.
func holding(after time.Duration) *recording.Report {
	r := &connect.HoldResult{
		Connects: 10, EstablishedTotal: 10, EstablishedMax: 10, EstablishedAtClose: 5, StartTime: midnight.Add(after), Duration: 2 * time.Second,
		Making: 500 * time.Millisecond, Errors: map[connect.Class]int64{}, ConnectSpread: stats.Distributed([]time.Duration{time.Millisecond, 3 * time.Millisecond}),
		OverTime: []connect.HoldSample{{Time: time.Second, Held: 10, Established: 10}, {Time: 2 * time.Second, Held: 5, Lost: 5}},
	}
	for range 5 {
		r.List = append(r.List, connect.Loss{At: time.Second, Class: connect.ClassClosed})
	}
	verdicts.Hold(r, &verdicts.Expect{}, []connect.Change{{Text: "upgrade", Time: 3*time.Second - after, Within: time.Second, Hosts: []string{"web-9"}}})
	var l recording.Ledger
	l.Hold(recording.About{Call: "hold", Network: "tcp", Targets: []string{"vip:1"}}, r)
	return l.Report(connect.States{})
}

// Calls that are about the same add up, in whatever order: counts, times, what stood at the same time, and each verdict.
func TestCallsAddUp(t *testing.T) {
	t.Parallel()
	const later = 1500 * time.Millisecond
	for name, sum := range map[string]*recording.Report{
		"in order": recording.Merge(holding(0), holding(later)), "the other way": recording.Merge(holding(later), holding(0)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Len(t, sum.ByCall, 1)
			c := sum.ByCall[0]
			assert.Equal(t, midnight, c.StartTime.UTC())
			assert.Equal(t, later+2*time.Second, c.Duration)
			assert.Equal(t, []int64{2, 20, 20, 10, 10}, []int64{c.Calls, c.Asked, c.Established, c.Held, c.Lost})
			assert.Equal(t, []recording.Span{{From: 0, To: 500 * time.Millisecond}, {From: later, To: later + 500*time.Millisecond}}, c.Making)
			assert.Equal(t, time.Second, c.MakingTime())
			assert.InDelta(t, 20, c.Rate(), 0.01)
			assert.Equal(t, []connect.HoldSample{
				{Time: time.Second, Held: 10, Established: 10},
				{Time: 2 * time.Second, Held: 5, Lost: 5},
				{Time: 2500 * time.Millisecond, Held: 15, Established: 10},
				{Time: 3500 * time.Millisecond, Held: 10, Lost: 5},
			}, c.OverTime)
			assert.Len(t, c.Changes, 1, "both have felt the same one")
			assert.Equal(t, 3*time.Second, c.Changes[0].Time)
			assert.EqualValues(t, 4, c.ConnectTime.Number)
			assert.Equal(t, 2*time.Millisecond, c.ConnectTime.Avg)
			require.Len(t, sum.OverAll, 1)
			assert.Equal(t, 1, sum.OverAll[0].Failed(), "kept")
			for _, v := range c.Verdicts {
				assert.EqualValues(t, 2, v.Held+v.Failed, v.Name)
			}
		})
	}
}

// trafficking is a report of traffic that began so long after midnight. A backend went a second after midnight and came back half a second
// later, which an announced change excuses if there was one.
func trafficking(after time.Duration, announced bool) *recording.Report {
	back := 1500*time.Millisecond - after
	r := &connect.TrafficResult{
		Connections: 10, Begun: 10, Lost: 4, Lasting: 10, Reconnects: 4, Sent: 1000, Received: 990, Reconnect: true,
		StartTime: midnight.Add(after), Duration: 3 * time.Second, Errors: map[connect.Class]int64{connect.ClassClosed: 4},
	}
	for range 4 {
		r.List = append(r.List, connect.Loss{At: time.Second - after, Until: &back, Host: "web-1", Class: connect.ClassClosed})
	}
	var changes []connect.Change
	if announced {
		changes = []connect.Change{{Text: "restart", Time: 900*time.Millisecond - after, Within: time.Second, Hosts: []string{"web-1"}}}
	}
	expect := verdicts.Expect{Recovery: 400 * time.Millisecond, Loss: 0.01, HasLoss: true}
	verdicts.Traffic(r, &expect, true, changes)
	var l recording.Ledger
	l.Traffic(recording.About{Call: "traffic", Network: "tcp", Targets: []string{"vip:1"}, Expect: expect}, r)
	return l.Report(connect.States{})
}

// Traffic of several instances is judged as if it had been one: what they lost at the same time is one outage, and only that is needless
// which no change excuses.
func TestTrafficAddsUp(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		announced bool // to both
		fails     []string
		kept      string
	}{
		"announced":      {true, []string{verdicts.Recovery}, "28 of 28 connections were kept to the end, or lost by announced changes (8)"},
		"not by anybody": {false, []string{verdicts.Kept, verdicts.Recovery}, "20 of 28 connections were kept to the end (71.43 %, all expected); needless losses by host: web-1 8; 8 closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := recording.Merge(trafficking(0, row.announced), trafficking(300*time.Millisecond, row.announced))
			require.Len(t, sum.ByCall, 1)
			c := sum.ByCall[0]
			require.Len(t, c.Outages, 1)
			assert.Equal(t, []time.Duration{time.Second, 1500 * time.Millisecond}, []time.Duration{c.Outages[0].From, *c.Outages[0].To})
			assert.EqualValues(t, 8, c.Outages[0].Connections)
			assert.Equal(t, []string{"web-1"}, c.Outages[0].Hosts)
			require.Len(t, sum.OverAll, 1)
			var fails, names []string
			for _, v := range sum.OverAll[0].Verdicts {
				names = append(names, v.Name)
				if !v.OK() {
					fails = append(fails, v.Name)
				}
				if v.Name == verdicts.Kept {
					assert.Contains(t, v.Text, row.kept)
				}
			}
			assert.Equal(t, row.fails, fails)
			assert.Equal(t, []string{verdicts.Complete, verdicts.Connected, verdicts.Kept, verdicts.Recovered, verdicts.Intact, verdicts.Loss, verdicts.Recovery}, names)
		})
	}
}

// An outage that lasted to the end of its call is not that of a later call.
func TestOutagesOfLaterCalls(t *testing.T) {
	t.Parallel()
	lasting := func(after time.Duration) *recording.Report {
		r := &connect.TrafficResult{Connections: 1, Begun: 1, Lost: 1, Down: 1, Reconnect: true, StartTime: midnight.Add(after), Duration: time.Second}
		r.List = []connect.Loss{{At: 500 * time.Millisecond, Host: "web-1", Class: connect.ClassClosed}}
		verdicts.Traffic(r, &verdicts.Expect{}, false, nil)
		var l recording.Ledger
		l.Traffic(recording.About{Call: "traffic", Targets: []string{"vip:1"}}, r)
		return l.Report(connect.States{})
	}
	assert.Len(t, recording.Merge(lasting(0), lasting(2*time.Second)).ByCall[0].Outages, 2)
	assert.Len(t, recording.Merge(lasting(0), lasting(100*time.Millisecond)).ByCall[0].Outages, 1)
}

// Calls that are about something else stay apart; of too many, kinds are all that is told apart.
func TestCallsStayApart(t *testing.T) {
	t.Parallel()
	var l recording.Ledger
	for i := range 300 {
		l.Flood(recording.About{Call: "flood", Targets: []string{fmt.Sprintf("vip:%d", i+1)}}, &connect.FloodResult{Connects: 1, StartTime: midnight})
	}
	r := l.Report(connect.States{})
	assert.Len(t, r.ByCall, 200+1)
	assert.EqualValues(t, 100, r.ByCall[200].Asked)
	assert.Equal(t, []string{"(others)"}, r.ByCall[200].Targets)
}

// What is written is read back as it was, and adds up all the same.
func TestCallsAreReadBack(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(holding(0))
	require.NoError(t, err)
	back, err := recording.Read(strings.NewReader(string(text)))
	require.NoError(t, err)
	assert.Equal(t, recording.Merge(holding(0), holding(0)).ByCall[0].OverTime, recording.Merge(back, holding(0)).ByCall[0].OverTime)
	assert.Len(t, recording.Merge(back, holding(0)).ByCall, 1, "they are about the same")
	again, err := json.Marshal(back.ByCall)
	require.NoError(t, err)
	first, err := json.Marshal(holding(0).ByCall)
	require.NoError(t, err)
	assert.JSONEq(t, string(first), string(again))
}

// What a file says of calls is bounded, and can be shown.
func TestHostileCalls(t *testing.T) {
	t.Parallel()
	read := func(calls string) (*recording.Report, error) {
		return recording.Read(strings.NewReader(`{"calls": 1, "connects": 1, "by_call": ` + calls + `}`))
	}
	for name, row := range map[string]struct{ calls, says string }{
		"no list":           {`{"call": "flood"}`, "by_call"},
		"a count below 0":   {`[{"call": "flood", "asked": -1}]`, "asked: got -1"},
		"a count too large": {`[{"call": "flood", "begun": 9223372036854775807}]`, "begun: got"},
		"a share below 0":   {`[{"call": "flood", "expect": {"shares": {"kept": -1}}}]`, "expect"},
		"a time too long":   {`[{"call": "hold", "over_time": [{"time": 9223372036854775807}]}]`, "over_time"},
		"another type":      {`[{"call": 1}]`, "by_call"},
		"lists upon lists":  {`[` + strings.Repeat(`[],`, 500_000) + `[]]`, "lists"},
	} {
		_, err := read(row.calls)
		require.ErrorContains(t, err, row.says, name)
		assert.Less(t, len(err.Error()), 1000, name)
	}
	r, err := read(`[null, {"call": "\u001b[31m", "targets": ["a\u202eb"], "hosts": {"c\u0000d": 1}, "errors": {"refused": 1}, "verdicts": [{"name": "x\u0007", "failed": 1}],
		"connect_time": {"counts": [[5, 1], [3, 0]]}}]`)
	require.NoError(t, err)
	require.Len(t, r.ByCall, 1)
	text := fmt.Sprint(r.ByCall[0].About, r.ByCall[0].Hosts, r.ByCall[0].Verdicts)
	for _, odd := range []string{"\x1b", "\u202e", "\x00", "\x07"} {
		assert.NotContains(t, text, odd)
	}
	assert.EqualValues(t, 1, r.ByCall[0].ConnectTime.Number)
}

// Several calls together are judged by the same expectations, and it is said of them too if nothing was asked.
func TestHoldsOverAll(t *testing.T) {
	t.Parallel()
	const expected = 2 * time.Millisecond
	held := func(unasked bool) *recording.Report {
		times := stats.Distributed([]time.Duration{time.Millisecond, 3 * time.Millisecond})
		r := &connect.HoldResult{Connects: 2, EstablishedTotal: 2, EstablishedAtClose: 2, Unasked: unasked, StartTime: midnight, ConnectTime: times.Summary, ConnectSpread: times}
		expect := verdicts.Expect{ConnectTime: expected}
		verdicts.Hold(r, &expect, nil)
		var l recording.Ledger
		l.Hold(recording.About{Call: "hold", Targets: []string{"vip:1"}, Expect: expect}, r)
		return l.Report(connect.States{})
	}
	for name, row := range map[string]struct {
		second  bool // nothing was asked in the second call either
		unasked bool
	}{
		"none was asked": {true, true}, "one was asked": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := recording.Merge(held(true), held(row.second))
			sum.JudgeOverAll()
			require.Len(t, sum.OverAll, 1)
			judged := map[string]recording.Judgement{}
			for _, v := range sum.OverAll[0].Verdicts {
				judged[v.Name] = v
			}
			assert.Equal(t, row.unasked, strings.Contains(judged[verdicts.Kept].Text, "nothing was asked"), judged[verdicts.Kept].Text)
			prompt := judged[verdicts.Prompt]
			assert.False(t, prompt.OK())
			assert.Contains(t, prompt.Text, "p(99) of the connects is 3 ms (at most 2 ms expected)")
		})
	}
}
