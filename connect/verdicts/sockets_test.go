package verdicts_test

import (
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

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
