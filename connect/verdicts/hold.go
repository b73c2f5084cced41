package verdicts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// Hold judges a hold that has ended, by the changes that were announced.
func Hold(r *connect.HoldResult, e *Expect, changes []connect.Change) {
	r.Excuse(changes)
	HoldExcused(r, e)
}

// HoldExcused is Hold for what several holds add up to. Their losses were excused hold by hold, and are known by number only.
func HoldExcused(r *connect.HoldResult, e *Expect) {
	j := newJudge(e)
	c := connects{
		asked: r.Connects, begun: r.Connects - r.States.NotInitiated, failed: r.FailedConnects, retried: r.Retried,
		errors: r.ConnectErrors, first: r.First, timeout: r.Timeout, duration: r.Planned, interrupted: r.Interrupted, waited: r.ErrorTime, dropped: r.DroppedSYNs,
		times: r.ConnectTime, rtt: r.RTT, theirs: failedAt(&r.FailedAt),
	}
	c.lost = c.findUnreached(duesOf(j.expect.Hosts, r.Hosts), r.Hosts)
	c.judge(j, true)
	c.judgeTime(j, nil)
	judgeReplyTime(j, r.EchoTime, nil, r.EstablishedTotal)
	switch {
	case r.Unheard && r.Needless == 0:
		j.say(Kept, false, "nothing has come on any of %s: over UDP only an answer shows that somebody is there; hold them for longer than keepalive and keepaliveTimeout together, or take shorter ones", plural(r.EstablishedTotal, "connection"))
	case greets(r) && r.Needless == 0:
		j.part(Kept, r.EstablishedTotal-r.Ungreeted, r.EstablishedTotal, "were kept to the end", ungreeted(r))
	default:
		judgeKept(j, &r.Losses, r.EstablishedTotal, keptBut(r), keptWhy(r)+failedAt(&r.FailedAt)+owing(r), r.Hosts)
	}
	r.Missing, r.Unexpected = judgeHosts(j, r.Hosts, r.Errors, &c)
	r.Judged = j.result()
}

// keptBut says what is not known of connections that were kept.
func keptBut(r *connect.HoldResult) (but string) {
	if r.Instead > 0 {
		but = fmt.Sprintf(", which came with that of the iteration, after %s of a duration of %s", units.Span(r.Duration), units.Span(r.Instead))
	}
	switch {
	case r.Owing > 0:
		return but + owing(r)
	case r.Unanswered:
		return but + "; none was held for long enough to answer a keepalive, so whether the service does is not known"
	case r.Talked > r.EstablishedTotal: // more than a greeting in two parts
		return but + fmt.Sprintf("; beyond answers, data has come %d times: whatever comes counts as the answer to a keepalive, so if the target sends data by itself, give a reply that only an answer has", r.Talked)
	case r.Unasked && isSilent(r):
		return but + fmt.Sprintf("; but only on %d of %s has the target told its name by itself: behind the others may be a backend that accepts and hangs, so give the expected hosts (expect.hosts), or ask (option keepalive)", r.Hosts.Total(), plural(r.EstablishedTotal, "connection"))
	case r.Unasked:
		return but + "; nothing was asked on them, so they are open as far as this host knows: whether a service still answers behind them is not known (option keepalive asks)"
	}
	return but
}

// greets reports whether the target speaks first, unlike one that tells an error on few connections, and has left some without a word.
func greets(r *connect.HoldResult) bool {
	const few = 4 // one of so many
	return r.Ungreeted > 0 && few*r.Greeted >= r.Greeted+r.Ungreeted
}

// ungreeted tells of connections on which the target said nothing, as opposed to the others.
func ungreeted(r *connect.HoldResult) string {
	return fmt.Sprintf("; on %s the target said nothing, though it greeted on %d others within %s: behind them may be a backend that accepts and hangs, or that a balancer can't reach; look at the backends, name them (expect.hosts), or ask on each connection (option keepalive)", plural(r.Ungreeted, "connection"), r.Greeted, units.Span(r.Greeting))
}

// owing tells of connections that were cut while they owed an answer, "" if there are none.
func owing(r *connect.HoldResult) string {
	if r.Owing == 0 {
		return ""
	}
	return fmt.Sprintf("; but when the end of the iteration, or of the call, cut them short after %s, %d had not answered their last keepalive, for up to %s, so whether these were still alive is not known: await close(), or the duration, which wait for that", units.Span(r.Duration), r.Owing, units.Span(r.Owed))
}

// isSilent reports whether the target has told a name by itself on some connections, and nothing on others.
func isSilent(r *connect.HoldResult) bool {
	named := r.Hosts.Total() - r.Hosts[connect.UnknownHost]
	return 0 < named && named < r.EstablishedTotal
}

// keptWhy says what ended the connections.
func keptWhy(r *connect.HoldResult) string {
	late := needlessClasses(&r.Losses)
	if len(late) == 0 { // of several holds together, losses are not known one by one
		late = lossClasses(r)
	}
	fin, rst := late[connect.ClassClosed], late[connect.ClassReset]
	delete(late, connect.ClassClosed)
	delete(late, connect.ClassReset)
	if fin+rst == 0 {
		return causes(late, needlessFirst(&r.Losses, r.First)) + movedWhy(&r.Losses)
	}
	text := ": the peer closed " + plural(fin, "connection")
	if rst > 0 {
		text = fmt.Sprintf(": the peer closed %d and reset %d", fin, rst)
	}
	text += fmt.Sprintf(", after %s on average: a limit of connections or an idle timeout of the target or of a device on the way, a backend that went, or a server that waits for a header of the PROXY protocol (proxyProtocol)", units.Span(r.Lifetime.Avg))
	if rst > 0 {
		text += ", or a device that has forgotten connections (a flush of its table)"
	}
	if len(late) > 0 {
		text += "; others failed" + causes(late, needlessFirst(&r.Losses, r.First))
	}
	return text
}

// lossClasses counts all losses, by how the connections ended.
func lossClasses(r *connect.HoldResult) map[connect.Class]int64 {
	classes := beyond(r.Errors, r.ConnectErrors)
	for class, n := range map[connect.Class]int64{connect.ClassClosed: r.ClosedBy.FIN, connect.ClassReset: r.ClosedBy.RST} {
		if n > 0 {
			classes[class] += n
		}
	}
	return classes
}

// beyond counts the errors that are not among a part of them.
func beyond(errors, part map[connect.Class]int64) map[connect.Class]int64 {
	rest := map[connect.Class]int64{}
	for class, n := range errors {
		if n -= part[class]; n > 0 {
			rest[class] = n
		}
	}
	return rest
}

// needlessClasses counts the losses that no change excuses, by how the connections ended.
func needlessClasses(l *connect.Losses) map[connect.Class]int64 {
	classes := map[connect.Class]int64{}
	for of, n := range l.NeedlessBy() {
		if of.Class != connect.ClassNone { // else a flow that another host took
			classes[of.Class] += n
		}
	}
	return classes
}

// judgeKept judges how many of the established connections lasted. Losses that an announced change excuses do not count. but says what is not known
// of the connections that lasted, and is told only if they were enough. hosts are those of the connections.
func judgeKept(j *judge, l *connect.Losses, established int64, but, why string, hosts ...connect.Hosts) {
	what := "were kept to the end"
	if l.Excused > 0 {
		what = fmt.Sprintf("were kept to the end, or lost by announced changes (%d)", l.Excused)
	}
	if len(l.NeedlessByHost) > 0 {
		why = "; needless losses by host: " + shares(l.NeedlessByHost) + uncovered(l) + strings.Replace(why, ": ", "; ", 1)
	}
	nobody := excusesNobody(l.Changes, hosts)
	kept := max(established-l.Needless, 0)
	if j.holds(Kept, kept, established) {
		what += but + nobody
	}
	j.part(Kept, kept, established, what, nobody+why)
}

// excusesNobody tells of a host that a change names and no connection is to, such as one that is misspelt; "" if there is none, or if the
// connections are to hosts that are not known.
func excusesNobody(changes []connect.Change, hosts []connect.Hosts) string {
	known := connect.Hosts{}
	for _, some := range hosts {
		maps.Copy(known, some)
	}
	delete(known, connect.UnknownHost)
	if _, more := known[engine.OtherHosts]; more || len(known) == 0 {
		return ""
	}
	for i := range changes {
		for _, host := range changes[i].Hosts {
			if _, is := known[host]; !is {
				return fmt.Sprintf("; a change is announced of %s, to which no connection is known to be: they are to %s", shown(host), names(slices.Sorted(maps.Keys(known))))
			}
		}
	}
	return ""
}
