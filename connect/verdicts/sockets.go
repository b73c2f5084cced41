package verdicts

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// SocketsOf judges a socket table by the most sockets that each state may have. The table is of a remote server's host, or of this one's if
// remote is "". Of a local port that no socket has, not even one that listens, nothing is known, unless that was expected.
func SocketsOf(remote string, query sockets.Query, states map[string]int64, most map[string]int64, e *Expect) connect.Judged {
	j := newJudge(e)
	if len(most) == 0 {
		return j.result()
	}
	text, ok := "", true
	for _, state := range slices.Sorted(maps.Keys(most)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s (at most %d expected)", states[state], state, most[state])
		if states[state] > most[state] {
			ok = false
			text += adviceOnState(state)
		}
	}
	if isNobodys(query, states, most) {
		ok = false
		text += fmt.Sprintf(": no socket there has the local port %d, not even one that listens, so this says nothing of a server: check the port, as behind a port mapping, and where it was looked, since the sockets "+
			"of another container or network namespace do not show: run mconnect-server -http in the server's own; if there should be none, expect {total: 0}", query.Port)
	}
	if remote != "" {
		text = fmt.Sprintf("%s has %s", remote, text)
	}
	j.say(Sockets, ok, "%s", text)
	return j.result()
}

func isNobodys(query sockets.Query, states, most map[string]int64) bool {
	_, listens := most["listen"]
	_, total := most["total"]
	return query.Port != 0 && query.Peer == (netip.AddrPort{}) && states["total"] == 0 && !listens && !total
}

func adviceOnState(state string) string {
	switch state {
	case "established":
		return ": they are still in use, or their peers have gone and the FIN or RST did not arrive: a balancer or firewall on the way drops it, or has forgotten the connection; TCP keepalive on that host closes them in time"
	case "fin_wait1", "closing", "last_ack":
		return ": their FIN is not acknowledged, so most likely it does not reach the other end, which keeps the connection: a balancer or firewall on the way drops it, or has forgotten the connection"
	case "close_wait":
		return ": the application does not close connections that its peers have closed: it leaks, or hangs"
	case "syn_recv":
		return ": handshakes do not finish: a SYN flood, or a way back that loses packets"
	case "time_wait":
		return ": connections are closed from this side, one after the other: keep them open, or close with a RST"
	}
	return ": more than expected stay"
}
