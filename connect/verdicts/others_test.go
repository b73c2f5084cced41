package verdicts_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
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
		"some held":          {connect.CapacityResult{Connections: 7, Attempted: 10, Errors: errorsOf, First: first}, nil, verdicts.Capacity, want{text: []string{"7 connections held (at least 1 expected)"}}},
		"none held":          {connect.CapacityResult{Attempted: 10, Errors: errorsOf, First: first, Explanation: "it is full"}, nil, verdicts.Capacity, want{fails: true, text: []string{"0 connections held", "it is full; 3 refused; tcp a:1"}}},
		"as many as wanted":  {connect.CapacityResult{Connections: 7}, &verdicts.Expect{Connections: 7}, verdicts.Capacity, want{}},
		"fewer than wanted":  {connect.CapacityResult{Connections: 6, Explanation: "the backlog is full"}, &verdicts.Expect{Connections: 7}, verdicts.Capacity, want{fails: true, text: []string{"6 connections held (at least 7 expected): the backlog is full"}}},
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
	for name, row := range map[string]struct {
		exchange verdicts.Exchange
		expect   *verdicts.Expect
		answers  bool
		verdict  string
		want     want
	}{
		"reached":                      {verdicts.Exchange{Connected: true, Target: "a:1"}, nil, false, verdicts.Connected, want{text: []string{"a:1 reached"}}},
		"not reached":                  {verdicts.Exchange{Target: "a:1", Why: "refused: nobody listens"}, nil, false, verdicts.Connected, want{fails: true, text: []string{"a:1 to be reached: refused"}}},
		"answers are not asked":        {verdicts.Exchange{Connected: true, Target: "a:1"}, nil, false, verdicts.Answered, want{out: true}},
		"answered":                     {verdicts.Exchange{Connected: true, Answered: true, Target: "a:1"}, nil, true, verdicts.Answered, want{}},
		"answered wrongly":             {verdicts.Exchange{Connected: true, Target: "a:1", Why: "status 503 Service Unavailable"}, nil, true, verdicts.Answered, want{fails: true, text: []string{"status 503"}}},
		"not reached, so not answered": {verdicts.Exchange{Target: "a:1", Why: "refused, as nobody listens"}, nil, true, verdicts.Answered, want{out: true}},
		"left out":                     {verdicts.Exchange{Target: "a:1"}, off(verdicts.Connected), true, verdicts.Connected, want{out: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.PingOf(row.exchange, row.expect, row.answers), row.verdict)
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
		"stale":                      {moved(0, 0, func(v *disruption.Verdict) { v.Stale = 3 }), nil, want{fails: true, text: []string{"3 flows answered by a host that was removed", "stale"}}},
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
	states := map[string]int64{"established": 10, "close_wait": 3}
	for name, row := range map[string]struct {
		most map[string]int64
		want want
	}{
		"nothing expected":        {nil, want{out: true}},
		"as many as may be":       {map[string]int64{"close_wait": 3, "established": 10}, want{text: []string{"3 close_wait (at most 3 expected), 10 established"}}},
		"more":                    {map[string]int64{"close_wait": 0, "established": 10}, want{fails: true, text: []string{"3 close_wait (at most 0 expected)", "leaks"}}},
		"more of another state":   {map[string]int64{"established": 9}, want{fails: true, text: []string{"10 established (at most 9 expected)"}}},
		"none of a state is well": {map[string]int64{"time_wait": 0}, want{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.SocketsOf(states, row.most, nil), verdicts.Sockets)
		})
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	v := verdicts.Failed("flood", errors.New("no such option"))
	assert.Equal(t, connect.Verdict{Name: verdicts.Ran, Text: "flood() to run: no such option"}, v)
}
