package verdicts_test

import (
	"testing"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

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
	r = held(connect.ClassRefused, 0)
	r.First = map[connect.Class]connect.Failure{connect.ClassRefused: {Dropped: "this host itself has dropped 100 packets"}}
	verdicts.Hold(r, nil, nil)
	want{fails: true, text: []string{"100 refused"}, lacks: "one of several backends"}.check(t, r.Judged, verdicts.Connected)
	r = held(connect.ClassTimeout, second/2)
	verdicts.Hold(r, nil, nil)
	want{fails: true, text: []string{"100 connections that got no answer kept others waiting"}, lacks: "allow more time"}.check(t, r.Judged, verdicts.Complete)
}

// What ends a call before all connections are begun is its duration or its timeout, whichever comes first.
func TestWhichTimeWasUp(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		planned time.Duration
		text    string
	}{
		"no duration":        {0, "(option timeout, 2 s)"},
		"a longer duration":  {3 * second, "(option timeout, 2 s)"},
		"a shorter duration": {second, "(option duration, 1 s, from the start of the call)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &connect.HoldResult{Connects: 2, States: connect.States{NotInitiated: 1}, EstablishedTotal: 1, Timeout: 2 * second, Planned: row.planned}
			verdicts.Hold(h, nil, nil)
			want{fails: true, text: []string{row.text}}.check(t, h.Judged, verdicts.Complete)
			r := &connect.TrafficResult{Connections: 2, Begun: 1, Timeout: 2 * second, Planned: row.planned}
			verdicts.Traffic(r, nil, false, nil)
			want{fails: true, text: []string{row.text}}.check(t, r.Judged, verdicts.Complete)
		})
	}
}
