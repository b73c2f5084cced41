package verdicts_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func TestCapacity(t *testing.T) {
	t.Parallel()
	errorsOf, first := refused(3)
	for name, row := range map[string]struct {
		result  connect.CapacityResult
		expect  *verdicts.Expect
		verdict string
		want    want
	}{
		"some held":          {connect.CapacityResult{Connections: 7, Attempted: 10, Errors: errorsOf, First: first}, nil, verdicts.Capacity, want{text: []string{"held 7 connections (at least 1 expected)"}}},
		"none held":          {connect.CapacityResult{Attempted: 10, Errors: errorsOf, First: first, Explanation: "it is full"}, nil, verdicts.Capacity, want{fails: true, text: []string{"held 0 connections", "it is full; failures: 3 refused"}}},
		"none reached":       {connect.CapacityResult{Limit: connect.LimitUnreachable, Errors: map[connect.Class]int64{connect.ClassRefused: 3, connect.ClassAborted: 9}, First: first}, nil, verdicts.Capacity, want{fails: true, text: []string{"as no connect succeeds: 3 refused; tcp a:1: refused"}, lacks: "aborted"}},
		"as many as wanted":  {connect.CapacityResult{Connections: 7}, &verdicts.Expect{Connections: 7}, verdicts.Capacity, want{}},
		"fewer than wanted":  {connect.CapacityResult{Connections: 6, Explanation: "the backlog is full"}, &verdicts.Expect{Connections: 7}, verdicts.Capacity, want{fails: true, text: []string{"held 6 connections (at least 7 expected): the backlog is full"}}},
		"failures are it":    {connect.CapacityResult{Connections: 7, Errors: errorsOf}, nil, verdicts.Connected, want{out: true}},
		"time was up":        {connect.CapacityResult{Connections: 7, Begun: 7, Asked: 10}, nil, verdicts.Complete, want{fails: true, text: []string{"7 of 10", "timeout"}}},
		"time was not up":    {connect.CapacityResult{Connections: 7, Begun: 7, Asked: 7}, nil, verdicts.Complete, want{}},
		"left out, if wrong": {connect.CapacityResult{}, off(verdicts.Capacity), verdicts.Capacity, want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.CapacityOf(&row.result, row.expect), row.verdict)
		})
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	one := func(connected, answered int64, why string) verdicts.Exchange {
		return verdicts.Exchange{Addresses: 1, Connected: connected, Answered: answered, Target: "a:1", Why: why}
	}
	three := func(connected, answered int64) verdicts.Exchange {
		return verdicts.Exchange{Addresses: 3, Connected: connected, Answered: answered, Target: "a:1", Why: "10.0.0.3:1: refused"}
	}
	for name, row := range map[string]struct {
		exchange verdicts.Exchange
		expect   *verdicts.Expect
		answers  bool
		verdict  string
		want     want
	}{
		"reached":                      {one(1, 0, ""), nil, false, verdicts.Connected, want{text: []string{"a:1 was reached"}}},
		"not reached":                  {one(0, 0, "refused: nobody listens"), nil, false, verdicts.Connected, want{fails: true, text: []string{"a:1 was not reached: refused"}}},
		"not reached, which may be":    {one(0, 0, "refused"), least(verdicts.Connected, 0), false, verdicts.Connected, want{text: []string{"a:1 was not reached (0 % expected): refused"}}},
		"half of it reached":           {one(0, 0, "refused"), least(verdicts.Connected, 0.5), false, verdicts.Connected, want{fails: true}},
		"answers are not asked":        {one(1, 0, ""), nil, false, verdicts.Answered, want{out: true}},
		"answered":                     {one(1, 1, ""), nil, true, verdicts.Answered, want{}},
		"answered wrongly":             {one(1, 0, "status 503 Service Unavailable"), nil, true, verdicts.Answered, want{fails: true, text: []string{"a:1 was not answered", "status 503"}}},
		"not reached, so not answered": {one(0, 0, "refused, as nobody listens"), nil, true, verdicts.Answered, want{text: []string{"no answer was due", "verdict connected"}}},
		"left out":                     {one(0, 0, ""), off(verdicts.Connected), true, verdicts.Connected, want{out: true}},
		"one of three not reached":     {three(2, 2), nil, true, verdicts.Connected, want{fails: true, text: []string{"2 of 3 addresses of a:1 were reached (all expected)", "10.0.0.3"}}},
		"two of three are enough":      {three(2, 2), least(verdicts.Connected, 0.6), true, verdicts.Connected, want{text: []string{"2 of 3", "60 % expected"}}},
		"all that were reached answer": {three(2, 2), nil, true, verdicts.Answered, want{text: []string{"2 of 2 addresses"}}},
		"half of those reached answer": {three(2, 1), nil, true, verdicts.Answered, want{fails: true, text: []string{"1 of 2 addresses"}}},
		"half of those are enough":     {three(2, 1), least(verdicts.Answered, 0.5), true, verdicts.Answered, want{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.PingOf(row.exchange, row.expect, row.answers), row.verdict)
		})
	}
}

// A search that could not begin is not one that took too long.
func TestIdleWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := &connect.IdleResult{TimeLimit: time.Minute, Duration: 5 * second, Control: connect.IdleControl{Message: "no connection was established"}}
	r.Errors, r.First = refused(20)
	j := verdicts.IdleOf(r, &verdicts.Expect{IdleTimeout: 5 * second})
	want{fails: true, text: []string{"could not begin", "answered"}, lacks: "allow more time"}.check(t, j, verdicts.Complete)
	want{fails: true, text: []string{"could not begin", "answered"}, lacks: "allow more time"}.check(t, j, verdicts.Idle)
	want{fails: true, text: []string{"no connection was established: 20 refused; tcp a:1: refused"}}.check(t, j, verdicts.Answered)
	r.Duration = r.TimeLimit
	want{fails: true, text: []string{"allow more time"}}.check(t, verdicts.IdleOf(r, nil), verdicts.Complete)
}

// If no connection has answered after a silence, the answer to the one that was used at once may have been a late greeting.
func TestIdleOfLateGreeting(t *testing.T) {
	t.Parallel()
	found := second / 10
	r := &connect.IdleResult{Timeout: &found, How: connect.IdleSilently, Finished: true, Control: connect.IdleControl{Answered: true}, OnlyOnce: true, From: second}
	want{fails: true, text: []string{"none was a second time", "late greeting", "within 1s: take a shorter from"}}.check(t, verdicts.IdleOf(r, nil), verdicts.Answered)
	expect := &verdicts.Expect{IdleTimeout: 5 * second}
	want{fails: true, text: []string{"a late greeting", "a firewall"}}.check(t, verdicts.IdleOf(r, expect), verdicts.Idle)
	r.AtLeast, r.OnlyOnce = second, false
	want{}.check(t, verdicts.IdleOf(r, nil), verdicts.Answered)
	want{fails: true, text: []string{"a firewall"}, lacks: "greeting"}.check(t, verdicts.IdleOf(r, expect), verdicts.Idle)
}

// The silence that is asked about is not tried where less is too long: that is the finding, and not a lack of time.
func TestIdleExpected(t *testing.T) {
	t.Parallel()
	found := 3 * second
	expect := &verdicts.Expect{IdleTimeout: 5 * second}
	for name, row := range map[string]struct {
		timeout *time.Duration
		how     connect.IdleHow
		of      *connect.IdleExpected
		want    want
	}{
		"less is too long, so it was not tried": {&found, connect.IdleSilently, &connect.IdleExpected{Silence: 5 * second}, want{fails: true, text: []string{"forgotten earlier (silent): after 3s", "raise it"}, lacks: "allow more time"}},
		"tried, and too long":                   {&found, connect.IdleSilently, &connect.IdleExpected{Silence: 5 * second, How: connect.IdleFIN}, want{fails: true, text: []string{"forgotten earlier (fin)"}}},
		"tried, and well":                       {nil, connect.IdleNever, &connect.IdleExpected{Silence: 5 * second, How: connect.IdleNever}, want{text: []string{"still answered"}}},
		"no time for it":                        {nil, connect.IdleUnknown, nil, want{fails: true, text: []string{"allow more time"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &connect.IdleResult{Timeout: row.timeout, How: row.how, Expected: row.of, Finished: true, Control: connect.IdleControl{Answered: true}}
			row.want.check(t, verdicts.IdleOf(r, expect), verdicts.Idle)
		})
	}
}

func TestDisruption(t *testing.T) {
	t.Parallel()
	moved := func(share, ideal float64, change func(v *disruption.Verdict)) *disruption.Verdict {
		v := &disruption.Verdict{Model: disruption.Maglev, Flows: 1000, Moved: int64(1000 * share), MovedShare: share, IdealShare: ideal, Excess: share - ideal, To: map[string]int64{}}
		if change != nil {
			change(v)
		}
		return v
	}
	added := func(model disruption.Model, got int64, due float64) func(v *disruption.Verdict) {
		return func(v *disruption.Verdict) {
			v.Model, v.Added, v.Due, v.To = model, []string{"web-5"}, map[string]float64{"web-5": due}, map[string]int64{"web-5": got}
		}
	}
	for name, row := range map[string]struct {
		verdict *disruption.Verdict
		expect  *verdicts.Expect
		want    want
	}{
		"none":                       {moved(0, 0, nil), nil, want{text: []string{"0 of 1000 flows moved, 0 %"}}},
		"as many as must":            {moved(0.25, 0.25, nil), nil, want{}},
		"a few more":                 {moved(0.30, 0.25, nil), nil, want{}},
		"more, but by chance":        {moved(0.33, 0.25, nil), nil, want{}},
		"many more":                  {moved(0.75, 0.25, nil), nil, want{fails: true, text: []string{"750 of 1000", "by model maglev 25 % are inevitable", "hashes anew"}}},
		"many more, expected":        {moved(0.75, 0.25, nil), &verdicts.Expect{HasMoved: true, Moved: 0.5}, want{}},
		"none more":                  {moved(0.06, 0, nil), &verdicts.Expect{HasMoved: true}, want{fails: true, text: []string{"at most 0 % more expected"}}},
		"stale":                      {moved(0, 0, func(v *disruption.Verdict) { v.Stale, v.Removed = 3, []string{"web-2"} }), nil, want{fails: true, text: []string{"3 flows answered by a host that was removed (web-2)", "stale"}}},
		"lost":                       {moved(0, 0, func(v *disruption.Verdict) { v.Lost = 2 }), nil, want{fails: true, text: []string{"2 flows answered before, and no more"}}},
		"an added host gets nothing": {moved(0, 0.2, added(disruption.Maglev, 0, 0.2)), nil, want{fails: true, text: []string{"nothing went to web-5", "health check"}}},
		"an added host gets some":    {moved(0.2, 0.2, added(disruption.Maglev, 200, 0.2)), nil, want{}},
		"nine flows are too few":     {moved(0, 0.009, added(disruption.Maglev, 0, 0.009)), nil, want{}},
		"ten flows are enough":       {moved(0, 0.01, added(disruption.Maglev, 0, 0.01)), nil, want{fails: true}},
		"connection tracking":        {moved(0, 0, added(disruption.Stateful, 0, 0.2)), nil, want{}},
		"no 5-tuple in common":       {&disruption.Verdict{Trouble: "the floods have no 5-tuple in common: use the same sources"}, nil, want{fails: true, text: []string{"no 5-tuple in common"}}},
		"left out":                   {moved(1, 0, nil), off(verdicts.Moved), want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.Disruption(row.verdict, row.expect), verdicts.Moved)
		})
	}
}

func TestSockets(t *testing.T) {
	t.Parallel()
	states := map[string]int64{"established": 10, "close_wait": 3, "fin_wait1": 2}
	for name, row := range map[string]struct {
		remote string
		most   map[string]int64
		want   want
	}{
		"nothing expected":        {"", nil, want{out: true}},
		"as many as may be":       {"", map[string]int64{"close_wait": 3, "established": 10}, want{text: []string{"3 close_wait (at most 3 expected), 10 established"}}},
		"more":                    {"", map[string]int64{"close_wait": 0, "established": 10}, want{fails: true, text: []string{"3 close_wait (at most 0 expected)", "leaks"}}},
		"FINs that do not arrive": {"", map[string]int64{"fin_wait1": 0}, want{fails: true, text: []string{"2 fin_wait1 (at most 0 expected)", "does not reach the other end"}}},
		"more of another state":   {"http://web-2:8090", map[string]int64{"established": 9}, want{fails: true, text: []string{"http://web-2:8090 has 10 established (at most 9 expected)", "FIN or RST did not arrive"}}},
		"none of a state is well": {"", map[string]int64{"time_wait": 0}, want{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.SocketsOf(row.remote, states, row.most, nil), verdicts.Sockets)
		})
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	v := verdicts.Failed("flood", errors.New("no such option"))
	assert.Equal(t, connect.Verdict{Name: verdicts.Ran, Text: "flood() did not run: no such option"}, v)
}

// The guide has a row for each verdict.
func TestGuideHasAllVerdicts(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/verdicts.md")
	require.NoError(t, err)
	for _, name := range verdicts.Names {
		assert.Contains(t, string(guide), "\n| `"+name+"` | ", name)
	}
}

// Where some connections are established, a server listens; and those without an answer keep others waiting in every call.
func TestSomeOfManyFail(t *testing.T) {
	t.Parallel()
	held := func(class connect.Class, waited time.Duration) *connect.HoldResult {
		return &connect.HoldResult{
			Connects: 400, States: connect.States{NotInitiated: 200}, EstablishedTotal: 100, FailedConnects: 100,
			ConnectErrors: map[connect.Class]int64{class: 100}, Timeout: second, ErrorTime: stats.Summary{Count: 100, Med: waited},
		}
	}
	r := held(connect.ClassRefused, 0)
	verdicts.Hold(r, nil, nil)
	want{fails: true, text: []string{"100 refused", "100 others were established", "a limit of connections"}}.check(t, r.Judged, verdicts.Connected)
	r = held(connect.ClassTimeout, second/2)
	verdicts.Hold(r, nil, nil)
	want{fails: true, text: []string{"100 connections that got no answer kept others waiting"}, lacks: "allow more time"}.check(t, r.Judged, verdicts.Complete)
}
