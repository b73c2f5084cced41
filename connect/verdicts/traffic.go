package verdicts

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// Traffic judges a call of traffic, by the changes that were announced.
func Traffic(r *connect.TrafficResult, e *Expect, verify bool, changes []connect.Change) {
	r.Excuse(changes)
	TrafficExcused(r, e, verify)
}

// TrafficExcused is Traffic for what several calls add up to. Their losses were excused call by call, and are known by number only.
func TrafficExcused(r *connect.TrafficResult, e *Expect, verify bool) {
	j := newJudge(e)
	c := connects{
		asked: r.Connections, begun: r.Begun, failed: r.FailedFirst, errors: r.FirstErrors, first: r.First,
		timeout: r.Timeout, duration: r.Planned, interrupted: r.Interrupted, waited: r.ErrorTime, theirs: failedAt(&r.FailedAt), unsent: unsent(r),
	}
	c.judge(j, false)
	judgeKept(j, &r.Losses, r.Lost+r.Lasting, "", trafficWhy(r), r.LastingByHost, r.LostByHost)
	judgeRecovered(j, r)
	if verify {
		judgeIntact(j, r)
	}
	judgeLoss(j, r)
	judgeRecovery(j, r)
	r.Judged = j.result()
}

// trafficWhy says why connections were lost.
func trafficWhy(r *connect.TrafficResult) string {
	return causes(lossesOf(r), needlessFirst(&r.Losses, r.First)) + failedAt(&r.FailedAt) + lifetimeWhy(r) + movedWhy(&r.Losses) + cmp.Or(foreignWhy(r), sizesWhy(r))
}

// lossesOf counts the losses that no change excuses, by how the connections ended. Of several calls together, they are not known one by one.
func lossesOf(r *connect.TrafficResult) map[connect.Class]int64 {
	late := needlessClasses(&r.Losses)
	if len(late) == 0 && len(r.List) == 0 {
		return beyond(r.Errors, r.FirstErrors)
	}
	return late
}

// foreignWhy says that most datagrams which have no echo were answered by something else, "" if they were not.
func foreignWhy(r *connect.TrafficResult) string {
	if r.Foreign == 0 || 2*r.Foreign < r.Sent-r.Received {
		return ""
	}
	return fmt.Sprintf("; %s came back that %s no echo of what was sent, by its length or its end: a server that does not echo, or cuts datagrams to the size of its buffer (mconnect-server -echo does neither)", plural(r.Foreign, "datagram"), isOrAre(r.Foreign))
}

func isOrAre(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// movedWhy tells of UDP flows that another host went on to answer.
func movedWhy(l *connect.Losses) string {
	moved := l.NeedlesslyMoved()
	if moved == 0 {
		return ""
	}
	return fmt.Sprintf("; %s went on with another host, so the balancer has no table of flows, or lost it", plural(moved, "UDP flow"))
}

// sizesWhy tells a hole in the path's MTU: on a connection small packets pass, and large ones vanish.
func sizesWhy(r *connect.TrafficResult) string {
	if r.Hole == nil {
		return ""
	}
	never := "never do"
	if r.Hole.Worked {
		never = "no longer do"
	}
	text := fmt.Sprintf("; packets of %d bytes come back, those of %d %s (connections with %s): a link on the way there has a smaller MTU, and its ICMP (fragmentation needed, packet too big) does not arrive", r.Hole.Passed, r.Hole.Stuck, never, shares(r.Hole.Hosts))
	if strings.HasPrefix(r.Network, "udp") {
		return text + ", or a firewall or balancer on the way drops fragments, in which a datagram travels that is larger than the MTU; send smaller datagrams, or let fragments and that ICMP through"
	}
	return text + "; lower the MTU or the MSS, or let that ICMP through"
}

func judgeRecovered(j *judge, r *connect.TrafficResult) {
	down := min(r.Down, r.Connections)
	were := "were"
	if r.Connections == 1 {
		were = "was"
	}
	text := fmt.Sprintf("%d of %s %s up and echoing at the end", r.Connections-down, plural(r.Connections, "connection"), were)
	if !r.Reconnect && down > 0 {
		if by := min(r.TakenDown(), down); by > 0 {
			text += fmt.Sprintf(", and announced changes have taken down %d", by)
			down -= by
		}
	}
	switch {
	case down > 0:
		text += " (all expected)" + recoveredWhy(r)
	case r.Awaiting > 0:
		text += fmt.Sprintf("; %d of them waited for an echo when the call was cut off, for up to %s, so whether these still echo is not known: allow a timeout of the duration and lossTimeout together, or leave it out", r.Awaiting, units.Span(r.Awaited))
	case r.Unused > 0:
		text += fmt.Sprintf("; %d of them had no packet to send, as the rate is too low for the duration, so whether they echo is not known", r.Unused)
	}
	j.say(Recovered, down <= 0, "%s", text)
}

func recoveredWhy(r *connect.TrafficResult) string {
	switch {
	case r.Begun == 0:
		return ": none was begun, see the verdict complete"
	case r.Sent == 0 && r.FailedConnects == 0 && r.Lost > 0:
		return ": they were lost before anything could be sent; see the verdict kept for why"
	case r.Sent == 0 && r.FailedConnects == 0:
		return ": nothing was sent, as the rate is too low for the duration, so whether anybody echoes is not known; allow more time, or a higher rate"
	case foreignWhy(r) != "":
		return foreignWhy(r)
	case r.Hole != nil:
		return sizesWhy(r)
	case r.First[connect.ClassNoReply].Dropped != "":
		return ": " + r.First[connect.ClassNoReply].Dropped + ". If those are others" + recoveredElse(r)
	}
	return recoveredElse(r)
}

// recoveredElse is recoveredWhy where this host lets packets pass.
func recoveredElse(r *connect.TrafficResult) string {
	switch {
	case !r.Reconnect && r.Lost == 0 && r.FailedConnects > 0:
		return causes(r.Errors, r.First)
	case !r.Reconnect:
		return ": what was lost was not dialed again, as reconnect is false; see the verdict kept for why it was lost"
	case strings.HasPrefix(r.Network, "udp"):
		return silentWhy(r)
	case r.FailedConnects > 0:
		return causes(r.Errors, r.First)
	case lostAgain(r) >= redialing:
		return fmt.Sprintf(": for %s, what is dialed again has been lost again before it echoed", units.Span(lostAgain(r))) + causes(lossesOf(r), r.First)
	case r.LastLoss != nil && r.Duration-*r.LastLoss < redialing && r.Received > 0:
		return fmt.Sprintf(": connections were lost until %s before the end, too late to be up again; see the verdict kept for why, or let the call last longer", units.Span(r.Duration-*r.LastLoss))
	}
	return ": they were accepted, but no echo comes: a balancer without a backend, or a server that does not echo" + tooLarge(r)
}

// lostAgain is how long the outage has lasted that was not over at the end, if it lost connections that were dialed again, too; else 0.
func lostAgain(r *connect.TrafficResult) (longest time.Duration) {
	for i := range r.Outages {
		if o := &r.Outages[i]; o.To == nil && o.Connections > r.Down {
			longest = max(longest, r.Duration-o.From)
		}
	}
	return longest
}

// redialing is what it takes until a connection that is lost is up again: it is redialed after up to a second.
const redialing = 1500 * time.Millisecond

// largest is the size of packets that passes everywhere: the least MTU of IPv6 (RFC 8200, section 5) less the headers.
const largest = 1200

// tooLarge says that packets which all vanish may be too large for the path, where there are no small ones that would tell.
func tooLarge(r *connect.TrafficResult) string {
	if r.Received > 0 || r.PacketSize <= largest || len(r.BySize) > 1 {
		return ""
	}
	return fmt.Sprintf("; or packets of %d bytes are too large for a link on the way, whose ICMP does not arrive: packetSize: [64, %d] tells", r.PacketSize, r.PacketSize)
}

// tells reports whether some connections failed in a way that says why the others are silent.
func tells(errors map[connect.Class]int64) bool {
	for class := range errors {
		if !isSilence(class) {
			return true
		}
	}
	return false
}

// silentWhy says why datagrams have no echo. Flows with fixed ports keep their entries in connection tables alive.
func silentWhy(r *connect.TrafficResult) string {
	const stale = ": a connection table on the way still sends these flows to a backend that is gone, since they go on with the same source ports"
	switch answered := r.NewPortAnswered; {
	case answered != nil && *answered:
		return stale + "; new source ports work, as a datagram from one was answered: flush the table's entries of that backend (conntrack -D), or change the source ports"
	case tells(r.Errors):
		return causes(r.Errors, r.First)
	case answered != nil:
		return ": the target, or a device on the way, drops the datagrams; one from a new source port was not answered either: check that a backend is up, and the way there" + tooLarge(r)
	case r.Lost > 0 && r.Received > 0 && r.Fixed:
		return stale + ", or the target is gone: flush the table's entries of that backend (conntrack -D), or change the source ports"
	}
	return ": the target, or a device on the way, drops the datagrams: check that a server echoes there, and the way there" + tooLarge(r)
}

func judgeIntact(j *judge, r *connect.TrafficResult) {
	text := fmt.Sprintf("all of %s came back as they were sent", plural(r.Received, "packet"))
	switch {
	case r.Received == 0:
		text = "no packet came back, so there was none to compare"
	case r.Corrupted > 0:
		text = fmt.Sprintf("%d of %s came back with other bytes than were sent (%s): a proxy that changes data, faulty memory or checksum offload on the way, or a server that is no echo", r.Corrupted, plural(r.Received, "packet"), shares(r.CorruptedByHost))
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
	text := fmt.Sprintf("%d of %s lost, %s (at most %s expected)", lost, plural(r.Sent, "packet"), units.Percent(share), units.Percent(j.expect.Loss))
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
	text := fmt.Sprintf("the longest of %s lasted %s (at most %s expected)", plural(int64(len(r.Outages)), "outage"), units.Span(longest), units.Span(most))
	if longest > most {
		text += fmt.Sprintf(": it began %s after the start, with %s to %s", units.Span(of.From), plural(of.Connections, "connection"), names(of.Hosts))
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
