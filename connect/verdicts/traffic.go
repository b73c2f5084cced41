package verdicts

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Traffic judges a call of traffic, by the changes that were announced.
func Traffic(r *connect.TrafficResult, e *Expect, verify bool, changes []connect.Change) {
	j := newJudge(e)
	r.Excuse(changes)
	c := connects{
		asked: r.Connections, begun: r.Begun, failed: r.FailedFirst, errors: r.FirstErrors, first: r.First,
		timeout: r.Timeout, interrupted: r.Interrupted,
	}
	c.judge(j, false)
	late := map[connect.Class]int64{}
	for i := range r.List {
		if l := &r.List[i]; !l.Moved {
			late[l.Class]++
		}
	}
	judgeKept(j, &r.Losses, r.Lost+r.Lasting, trafficWhy(r, late))
	judgeRecovered(j, r)
	if verify {
		judgeIntact(j, r)
	}
	judgeLoss(j, r)
	judgeRecovery(j, r)
	r.Judged = j.result()
}

// trafficWhy says why connections were lost.
func trafficWhy(r *connect.TrafficResult, late map[connect.Class]int64) string {
	text := causes(late, r.First)
	if r.Moved > 0 {
		text += fmt.Sprintf("; %s went on with another host", plural(r.Moved, "UDP flow"))
	}
	return text + sizesWhy(r)
}

// sizesWhy tells a hole in the path's MTU: on a connection small packets pass, and large ones vanish.
func sizesWhy(r *connect.TrafficResult) string {
	if r.Hole == nil {
		return ""
	}
	return fmt.Sprintf("; packets of %d bytes come back, those of %d never do (connections with %s): a link on the way there has a smaller MTU, and its ICMP (fragmentation needed, packet too big) does not arrive; lower the MTU or the MSS, or let that ICMP through", r.Hole.Passed, r.Hole.Stuck, shares(r.Hole.Hosts))
}

func judgeRecovered(j *judge, r *connect.TrafficResult) {
	down := r.Down
	if !r.Reconnect {
		down = max(down-excused(r), 0)
	}
	up := max(r.Connections-down, 0)
	text := fmt.Sprintf("%d of %s up and echoing at the end", up, plural(r.Connections, "connection"))
	if down > 0 {
		text += " (all expected)" + recoveredWhy(r)
	}
	j.say(Recovered, down <= 0, "%s", text)
}

// excused counts the connections that changes have taken down. A flow that another host took is up.
func excused(r *connect.TrafficResult) (n int64) {
	for i := range r.List {
		if l := &r.List[i]; !l.Needless && !l.Moved {
			n++
		}
	}
	return n
}

func recoveredWhy(r *connect.TrafficResult) string {
	switch {
	case r.Hole != nil:
		return sizesWhy(r)
	case !r.Reconnect:
		return ": lost connections were not to be dialed again"
	case strings.HasPrefix(r.Network, "udp"):
		return silentWhy(r)
	case r.FailedConnects > 0:
		return causes(r.Errors, r.First)
	}
	return ": they were accepted, but no echo comes: a balancer without a backend, or a server that does not echo"
}

// silentWhy says why datagrams have no echo. Flows with fixed ports keep their entries in connection tables alive.
func silentWhy(r *connect.TrafficResult) string {
	const stale = ": a connection table on the way still sends these flows to a backend that is gone, since they go on with the same source ports"
	switch answered := r.NewPortAnswered; {
	case answered != nil && *answered:
		return stale + "; new source ports work, as a datagram from one was answered: flush the table's entries of that backend (conntrack -D), or change the source ports"
	case answered != nil:
		return ": the target, or a device on the way, drops the datagrams; one from a new source port was not answered either: check that a backend is up, and the way there"
	case r.Lost > 0 && r.Received > 0 && r.Fixed:
		return stale + ", or the target is gone: flush the table's entries of that backend (conntrack -D), or change the source ports"
	}
	return ": the target, or a device on the way, drops the datagrams: check that a server echoes there, and the way there"
}

func judgeIntact(j *judge, r *connect.TrafficResult) {
	text := fmt.Sprintf("all of %s came back as they were sent", plural(r.Received, "packet"))
	if r.Corrupted > 0 {
		text = fmt.Sprintf("%d of %s came back with other bytes than were sent: a proxy that changes data, faulty memory or checksum offload on the way, or a server that is no echo", r.Corrupted, plural(r.Received, "packet"))
	}
	j.say(Intact, r.Corrupted == 0, "%s", text)
}

func judgeLoss(j *judge, r *connect.TrafficResult) {
	if !j.expect.HasLoss {
		return
	}
	lost := max(r.Sent-r.Received, 0)
	share := 0.0
	if r.Sent > 0 {
		share = float64(lost) / float64(r.Sent)
	}
	ok := share <= j.expect.Loss && r.Sent > 0
	text := fmt.Sprintf("%d of %s lost, %s (at most %s expected)", lost, plural(r.Sent, "packet"), percent(share), percent(j.expect.Loss))
	switch {
	case r.Sent == 0:
		text = "no packet was sent, so none came back"
	case !ok:
		text += ": a link or a queue on the way drops them (interface and qdisc counters), or a backend does; see lost_by_host and by_size" + sizesWhy(r)
	}
	j.say(Loss, ok, "%s", text)
}

func judgeRecovery(j *judge, r *connect.TrafficResult) {
	most := j.expect.Recovery
	if most == 0 {
		return
	}
	var longest time.Duration
	var of *connect.Outage
	for i := range r.Outages {
		o := &r.Outages[i]
		if length := lengthOf(o, r.Duration); of == nil || length > longest {
			longest, of = length, o
		}
	}
	if of == nil {
		j.say(Recovery, true, "no outage")
		return
	}
	text := fmt.Sprintf("the longest of %s lasted %s (at most %s expected)", plural(int64(len(r.Outages)), "outage"), span(longest), span(most))
	if longest > most {
		text += fmt.Sprintf(": it began %s after the start, with %s to %s", span(of.From), plural(of.Connections, "connection"), names(of.Hosts))
		if of.To == nil {
			text += ", and had not ended when the call did"
		}
		text += "; the balancer needs that long to take a backend out (interval and number of its health checks), or the backend to come back"
	}
	j.say(Recovery, longest <= most, "%s", text)
}

func lengthOf(o *connect.Outage, end time.Duration) time.Duration {
	if o.To != nil {
		return *o.To - o.From
	}
	return end - o.From
}
