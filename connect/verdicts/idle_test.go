package verdicts_test

import (
	"testing"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

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
	want{fails: true, text: []string{"none was a second time", "late greeting", "within 1 s: take a shorter from"}}.check(t, verdicts.IdleOf(r, nil), verdicts.Answered)
	expect := &verdicts.Expect{IdleTimeout: 5 * second}
	want{fails: true, text: []string{"a late greeting", "a firewall"}}.check(t, verdicts.IdleOf(r, expect), verdicts.Idle)
	r.AtLeast, r.OnlyOnce = second, false
	want{}.check(t, verdicts.IdleOf(r, nil), verdicts.Answered)
	want{fails: true, text: []string{"a firewall"}, lacks: "greeting"}.check(t, verdicts.IdleOf(r, expect), verdicts.Idle)
}

// A peer that closes each connection after its answer has no idle timeout of that length, and nothing on the way has.
func TestIdleOfPeerThatClosesAtOnce(t *testing.T) {
	t.Parallel()
	found := 50 * time.Microsecond
	r := &connect.IdleResult{Timeout: &found, How: connect.IdleFIN, Finished: true, Control: connect.IdleControl{Answered: true}, AtOnce: true, From: second}
	expect := &verdicts.Expect{IdleTimeout: 5 * second}
	want{fails: true, text: []string{"none a second time", "as soon as it has answered (fin)"}}.check(t, verdicts.IdleOf(r, nil), verdicts.Answered)
	want{fails: true, text: []string{"see the verdict answered"}, lacks: "firewall"}.check(t, verdicts.IdleOf(r, expect), verdicts.Idle)
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
		"less is too long, so it was not tried": {&found, connect.IdleSilently, &connect.IdleExpected{Silence: 5 * second}, want{fails: true, text: []string{"forgotten earlier (silent): after 3 s", "raise it"}, lacks: "allow more time"}},
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

// A target that talks is told as what keeps the search from its end.
func TestIdleOfTalker(t *testing.T) {
	t.Parallel()
	r := &connect.IdleResult{Connections: 3, Spoken: 30, TimeLimit: 9 * second, Duration: 9 * second, Control: connect.IdleControl{Answered: true}}
	want{fails: true, text: []string{"the target has sent something by itself 30 times"}, lacks: "allow more time"}.check(t, verdicts.IdleOf(r, nil), verdicts.Complete)
	r.Spoken = 3
	want{fails: true, text: []string{"allow more time"}}.check(t, verdicts.IdleOf(r, nil), verdicts.Complete)
}

// One backend of several with a shorter timeout fails, unless that is longer than what is expected.
func TestIdleOfDifferentBackends(t *testing.T) {
	t.Parallel()
	r := &connect.IdleResult{
		How: connect.IdleNever, AtLeast: 10 * second, Finished: true, Control: connect.IdleControl{Answered: true},
		Expected: &connect.IdleExpected{Silence: 5 * second, How: connect.IdleNever}, Early: connect.IdleEarly{Silence: 2 * second, Failed: 5, Of: 25},
	}
	text := "but 5 of 25 were forgotten after silences from 2 s on that others have survived (up to 10 s)"
	want{fails: true, text: []string{"connections should all be forgotten", text}}.check(t, verdicts.IdleOf(r, nil), verdicts.Idle)
	want{fails: true, text: []string{"silent for 5 s should still answer", text}}.check(t, verdicts.IdleOf(r, &verdicts.Expect{IdleTimeout: 5 * second}), verdicts.Idle)
	want{}.check(t, verdicts.IdleOf(r, &verdicts.Expect{IdleTimeout: second}), verdicts.Idle)
	r.Early.Failed = 0
	want{out: true}.check(t, verdicts.IdleOf(r, nil), verdicts.Idle)
}
