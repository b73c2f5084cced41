package verdicts_test

import (
	"testing"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// A limit of connections' duration is told from an event that ends all of them once, and from ends at random.
func TestLifetimes(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, row := range map[string]struct {
		begun, age func(i int) time.Duration
		tells      bool
	}{
		"in step":            {func(i int) time.Duration { return time.Duration(i%10)*ms + time.Duration(i/10)*2100*ms }, func(i int) time.Duration { return 2*second + time.Duration(i%7)*ms }, true},
		"one after another":  {func(i int) time.Duration { return time.Duration(i+1) * 100 * ms }, func(int) time.Duration { return 2 * second }, true},
		"one event":          {func(i int) time.Duration { return time.Duration(i+1) * ms }, func(i int) time.Duration { return 2*second - time.Duration(i)*ms }, false},
		"at other ages each": {func(i int) time.Duration { return time.Duration(i+1) * 100 * ms }, func(i int) time.Duration { return time.Duration(i+1) * 100 * ms }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := lasting(func(r *connect.TrafficResult) { r.Lost, r.List = 20, resets(20, "web-1", 2*second, second) })
			for i := range 20 {
				begun := row.begun(i) + ms
				r.Records = append(r.Records, connect.TrafficRecord{Connected: begun, Ended: begun + row.age(i), Error: connect.ClassClosed})
			}
			verdicts.Traffic(r, nil, false, nil)
			expected := want{fails: true, lacks: "were 2 s old"}
			if row.tells {
				expected = want{fails: true, text: []string{"all that were closed or reset were 2 s old", "a limit of their duration"}}
			}
			expected.check(t, r.Judged, verdicts.Kept)
		})
	}
}
