package verdicts_test

import (
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
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
