package verdicts

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// unsent says that most packets could not be sent when they were due, and why; "" if most could. Without it, a call that something throttles to a
// hundredth of its rate would look complete.
func unsent(r *connect.TrafficResult) string {
	due := r.Sent + r.Dropped
	datagrams := strings.HasPrefix(r.Network, "udp")
	if 2*r.Dropped <= due || r.Sent == 0 || !datagrams && !isSlow(r) {
		return ""
	}
	text := fmt.Sprintf("only %d of %s that were due could be sent (%s, more than half expected)", r.Sent, plural(due, "packet"), units.Percent(float64(r.Sent)/float64(due)))
	if datagrams {
		return text + ": this host was too busy, or its queues were full: a lower rate, or several machines"
	}
	text += fmt.Sprintf(": a packet waits until the last one of its connection has come back, and p(95) of the round trips is %s, where each connection was to send every %s", units.Span(r.RoundTrip.P95), units.Span(intervalOf(r)))
	if r.RTT.Count > 0 && 2*r.RTT.Med > intervalOf(r) {
		return text + fmt.Sprintf("; the way there and back alone takes %s, as the kernel's handshakes show, so that rate takes more connections, or larger packets", units.Span(r.RTT.Med))
	}
	text += ". The target, something on the way or this host does not carry that rate: a limit of bandwidth, a proxy that throttles, a window that stays small, a slow backend"
	if r.Retransmits > 0 {
		text += fmt.Sprintf(", or loss, which TCP repairs slowly (%s)", plural(r.Retransmits, "retransmit"))
	}
	return text + "; compare the round trips with those at a lower rate; rate: 0 finds the highest that there is"
}

// isSlow reports whether echoes came too late for the rate. Echoes that never came, on lost connections, do not count, nor does a silence that an
// announced change explains.
func isSlow(r *connect.TrafficResult) bool {
	if len(r.Changes) > 0 {
		return r.RoundTrip.P95 > intervalOf(r)
	}
	return r.RoundTrip.Avg > intervalOf(r)
}

// intervalOf is the time between two packets of a connection, as many as were due.
func intervalOf(r *connect.TrafficResult) time.Duration {
	return time.Duration(float64(r.Duration) * float64(r.Connections) / float64(max(r.Sent+r.Dropped, 1)))
}
