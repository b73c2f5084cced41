package verdicts_test

import (
	"net/netip"
	"testing"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func TestSockets(t *testing.T) {
	t.Parallel()
	states := map[string]int64{"established": 10, "close_wait": 3, "fin_wait1": 2, "total": 15}
	none, port := map[string]int64{"total": 0}, sockets.Query{Port: 5001}
	to := sockets.Query{Port: 5001, Peer: netip.MustParseAddrPort("10.0.0.2:0")}
	for name, row := range map[string]struct {
		remote string
		query  sockets.Query
		states map[string]int64
		most   map[string]int64
		want   want
	}{
		"nothing expected":               {"", port, states, nil, want{out: true}},
		"as many as may be":              {"", port, states, map[string]int64{"close_wait": 3, "established": 10}, want{text: []string{"3 close_wait (at most 3 expected), 10 established"}}},
		"of a port that nobody has":      {"http://web-2:8090", port, none, map[string]int64{"close_wait": 0}, want{fails: true, text: []string{"http://web-2:8090 has 0 close_wait", "no socket there has the local port 5001", "network namespace"}}},
		"of a port that nobody may have": {"", port, none, map[string]int64{"close_wait": 0, "total": 0}, want{}},
		"of a port that has closed":      {"", port, none, map[string]int64{"listen": 0}, want{}},
		"with a peer that has gone":      {"", to, none, map[string]int64{"established": 0}, want{}},
		"more":                           {"", port, states, map[string]int64{"close_wait": 0, "established": 10}, want{fails: true, text: []string{"3 close_wait (at most 0 expected)", "leaks"}}},
		"FINs that do not arrive":        {"", port, states, map[string]int64{"fin_wait1": 0}, want{fails: true, text: []string{"2 fin_wait1 (at most 0 expected)", "does not reach the other end"}}},
		"more of another state":          {"http://web-2:8090", port, states, map[string]int64{"established": 9}, want{fails: true, text: []string{"http://web-2:8090 has 10 established (at most 9 expected)", "FIN or RST did not arrive"}}},
		"none of a state is well":        {"", port, states, map[string]int64{"time_wait": 0}, want{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.want.check(t, verdicts.SocketsOf(row.remote, row.query, row.states, row.most, nil), verdicts.Sockets)
		})
	}
}
