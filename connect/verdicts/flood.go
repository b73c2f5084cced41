package verdicts

import (
	"cmp"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/balance"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// Flood judges a flood; answers says whether they were wanted.
func Flood(r *connect.FloodResult, e *Expect, answers bool) {
	j := newJudge(e)
	c := connects{
		asked: r.Connects, begun: r.Connects - r.States.NotInitiated, failed: r.FailedConnects, retried: r.Retried,
		errors: r.ConnectErrors, first: r.First, timeout: r.Timeout, interrupted: r.Interrupted, slow: slowHosts(r.ByHost, "answers", replyMedian), fixed: r.Fixed,
		noReply: r.Errors[connect.ClassNoReply], waited: r.ErrorTime, dropped: r.DroppedSYNs,
		times: r.ConnectTime, rtt: r.RTT, theirs: failedAt(&r.FailedAt),
	}
	switch {
	case r.Unread:
		c.but = "; that is, their datagrams were sent: over UDP only an answer shows that somebody is there, and none was read (readReply: false), so nothing is known of the target"
	case !answers && c.failed == 0:
		c.but = "; no answer was read (readReply: false), so nothing is known of what is behind a balancer or proxy, which shakes hands whether or not a backend is up"
	}
	if answers {
		want := j.expect.Hosts
		if want == nil {
			want = r.Weights
		}
		c.lost = c.findUnreached(duesOf(want, r.Hosts), r.Hosts)
		c.theirs = cmp.Or(c.theirs, theirs(r.Hosts, want, sum(notOwn(r.Errors))))
	}
	c.hasty = hasty(r)
	c.judge(j, true)
	c.judgeTime(j, r.ByHost)
	if answers {
		judgeAnswers(j, r, &c)
		judgeReplyTime(j, r.ReplyTime, r.ByHost, c.begun-c.failed)
		r.Missing, r.Unexpected = judgeHosts(j, r.Hosts, r.Errors, &c)
		judgeBalance(j, r, c.lost)
	}
	judgeAffinity(j, r)
	judgeSource(j, r)
	r.Judged = j.result()
}

// hasty says that the call's time was up too early: the connections without an answer had waited for less than answers take. It is "" if they have
// waited longer, or if anything else has failed.
func hasty(r *connect.FloodResult) string {
	waited, usual := r.ErrorTime.Med, r.ReplyTime.Med
	if r.Errors[connect.ClassNoReply] == 0 || len(r.Errors) > 1 || r.ReplyTime.Count == 0 || waited >= usual {
		return ""
	}
	return fmt.Sprintf("an answer takes %s here, and those without one have waited for %s", units.Span(usual), units.Span(waited))
}

func judgeAnswers(j *judge, r *connect.FloodResult, c *connects) {
	established := c.begun - c.failed
	why := causes(beyond(r.Errors, r.ConnectErrors), r.First) + c.theirs
	if c.theirs == "" && len(r.Hosts) > 0 {
		why += "; others were answered by " + shares(r.Hosts)
	}
	if c.hasty != "" {
		why += "; " + c.hasty + ": most likely nothing is wrong but the time that they had, so allow more (option timeout)"
	}
	j.part(Answered, established-r.FailedReads, established, "got a right answer", why)
}

func judgeBalance(j *judge, r *connect.FloodResult, lost *unreached) {
	level := j.expect.Balance
	if level == 0 {
		return
	}
	b := &r.Balance
	if b.Hosts == 0 {
		j.say(Balance, false, "the hosts should share the connections, but none has answered: see the verdicts connected and answered")
		return
	}
	want := j.expect.Hosts
	if want == nil {
		want = r.Weights
	}
	host, off := duesOf(want, r.Hosts).worst(r.Hosts)
	p, of := b.PValue, ""
	if draws := sticking(r); draws > 0 {
		p, of = balance.PValueOfDraws(draws, r.Hosts, r.Weights), fmt.Sprintf(" of %d sources that each stay with a host", draws)
	}
	ok := p >= level || j.expect.Tolerance > 0 && off <= j.expect.Tolerance
	within := ""
	if j.expect.Tolerance > 0 {
		within = ", or no share off by more than " + units.Percent(j.expect.Tolerance)
	}
	j.say(Balance, ok, "the worst share, of %s, is off its due by %s, and p%s is %.3g (p at least %g%s expected); answers: %s%s",
		shown(host), units.Percent(off), of, p, level, within, shares(r.Hosts), whyUneven(j, r, ok, p, lost))
}

// sticking is how many sources there were if each was always answered by the same host, and they are enough to judge the shares by; else 0. It is then the
// sources that are dealt out, not the connections.
func sticking(r *connect.FloodResult) int64 {
	const enough = 5 // for each host
	if a := r.Affinity; a == nil || a.Sources == 0 || a.Sticky < a.Sources {
		return 0
	}
	draws := max(r.Affinity.Sources, r.SourcesUsed)
	if draws < enough*int64(r.Balance.Hosts) || draws >= r.Hosts.Total() {
		return 0
	}
	return draws
}

// whyUneven says what shares that differ come from, or what makes them tell little.
func whyUneven(j *judge, r *connect.FloodResult, ok bool, p float64, lost *unreached) string {
	hosts, total := int64(r.Balance.Hosts), r.Hosts.Total()
	switch {
	case ok && total < 5*hosts:
		return fmt.Sprintf("; %s are too few to tell for %s: make at least %d", plural(total, "answer"), plural(hosts, "host"), 5*hosts)
	case ok:
		return ""
	case r.SourcesUsed <= 1 && len(r.Hosts) == 1:
		return "; the balancer has taken the other hosts out, or hashes source addresses, of which there was one only; use several (option source)"
	case p >= DefaultBalance:
		return fmt.Sprintf("; chance alone makes p smaller than expected in %s of all runs: take a p-value of %g (balance: true), or say by how much of its due a share may be off (balance: {tolerance: 0.1})", units.Percent(j.expect.Balance), DefaultBalance)
	case lost != nil:
		return "; " + lost.String()
	}
	if text := namesakes(r); text != "" {
		return "; " + text
	}
	if missing := duesOf(j.expect.Hosts, r.Hosts).missing(r.Hosts); len(missing) > 0 {
		return "; nothing came from " + names(missing) + ": see the verdict hosts"
	}
	text := "; hosts that are slow, have just come or are out at times, other weights than are due, a hash table that is too coarse, or a balancer that counts connections; see by_host, and its members and weights"
	if r.Affinity == nil && 1 < r.SourcesUsed && r.SourcesUsed < total {
		text += fmt.Sprintf("; if it hashes source addresses, the %d that were used are what it deals out: use more of them, or expect affinity, which counts that in", r.SourcesUsed)
	}
	return text
}

// namesakes says that several backends tell one name, if the shares look like that; "" if they do not. If no weights are given, it looks for two
// backends with the same due.
func namesakes(r *connect.FloodResult) string {
	missing, want := r.Missing, dues(r.Weights)
	if want == nil {
		if len(r.Hosts) < 3 { // of two hosts, one may as well have twice the weight
			return ""
		}
		const unnamed = ""
		missing, want = []string{unnamed}, equalDues(r.Hosts)
		want[unnamed] = 1
	}
	return sameName(missing, want.namesake(missing, r.Hosts))
}

func judgeAffinity(j *judge, r *connect.FloodResult) {
	if !j.expect.Affinity {
		return
	}
	a := r.Affinity
	switch {
	case a == nil || a.Sources == 0:
		j.say(Affinity, false, "each source should be answered by one host, but no source was answered twice, so that can't be told: use fewer sources than connections")
	case a.Sticky == a.Sources:
		j.say(Affinity, true, "each of %s was answered by one host", plural(a.Sources, "source"))
	default:
		j.say(Affinity, false, "each source should be answered by one host, but %d of %d were answered by more: the balancer does not hash by source address, or its table of sources was lost (look at its session affinity, and the timeout of that)", a.Sources-a.Sticky, a.Sources)
	}
}

func judgeSource(j *judge, r *connect.FloodResult) {
	if !j.expect.Source {
		return
	}
	s := &r.Source
	switch {
	case s.Same+s.Other+s.Untold == 0:
		j.say(Source, false, "the backends should see the client's own address, but none has answered: see the verdicts connected and answered")
	case s.Untold > 0:
		j.say(Source, false, "the backends should see the client's own address, but %d of %d answers tell none: let the backends be mconnect-server -tell-source", s.Untold, s.Same+s.Other+s.Untold)
	case s.Other > 0:
		j.say(Source, false, "the backends should see the client's own address, but on %d of %d connections they saw another (%s in place of %s): the balancer, or a NAT on the way, puts its own there; use the PROXY protocol at both ends, direct routing or externalTrafficPolicy Local", s.Other, s.Same+s.Other, s.Told, s.Used)
	default:
		j.say(Source, true, "the backends saw the client's own address on all of %s", plural(s.Same, "connection"))
	}
}
