package verdicts

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Flood judges a flood; answers says whether they were wanted.
func Flood(r *connect.FloodResult, e *Expect, answers bool) {
	j := newJudge(e)
	c := connects{
		asked: r.Connects, begun: r.Connects - r.States.NotInitiated, failed: r.FailedConnects, retried: r.Retried,
		errors: r.ConnectErrors, first: r.First, timeout: r.Timeout, interrupted: r.Interrupted, slow: slowHosts(r.ByHost),
	}
	c.judge(j, true)
	if answers {
		judgeAnswers(j, r, &c)
		judgeReplyTime(j, r.ReplyTime, r.ByHost)
		r.Missing, r.Unexpected = judgeHosts(j, r.Hosts)
		judgeBalance(j, r)
	}
	judgeAffinity(j, r)
	judgeSource(j, r)
	r.Judged = j.result()
}

func judgeAnswers(j *judge, r *connect.FloodResult, c *connects) {
	established := c.begun - c.failed
	errors := map[connect.Class]int64{}
	for class, n := range r.Errors {
		if n -= r.ConnectErrors[class]; n > 0 {
			errors[class] = n
		}
	}
	j.part(Answered, established-r.FailedReads, established, "answered as they should", causes(errors, r.First))
}

// judgeHosts compares who has answered with who should.
func judgeHosts(j *judge, answered connect.Hosts) (missing []string, unexpected connect.Hosts) {
	missing, unexpected = []string{}, connect.Hosts{}
	want := j.expect.Hosts
	if want == nil {
		return missing, unexpected
	}
	for host, weight := range want {
		if weight > 0 && answered[host] == 0 {
			missing = append(missing, host)
		}
	}
	slices.Sort(missing)
	for host, n := range answered {
		if want[host] == 0 {
			unexpected[host] = n
		}
	}
	ok := len(missing) == 0 && len(unexpected) == 0
	text := fmt.Sprintf("%s expected, and each has answered", plural(int64(due(want)), "host"))
	if !ok {
		text = fmt.Sprintf("%s expected", plural(int64(due(want)), "host"))
	}
	if len(missing) > 0 {
		text += fmt.Sprintf("; no answer came from %s: the balancer sends nothing there (health check, weight, an old table), or the backend is down or tells another name", names(missing))
	}
	if len(unexpected) > 0 {
		text += fmt.Sprintf("; answers came from %s, which %s: check the balancer's members", shares(unexpected), unexpectedAs(unexpected, want))
	}
	if len(answered) > 0 && !ok {
		text += fmt.Sprintf(" (answers: %s)", shares(answered))
	}
	j.say(Hosts, ok, "%s", text)
	return missing, unexpected
}

// due counts the hosts that are due something.
func due(weights map[string]float64) (n int) {
	for _, weight := range weights {
		if weight > 0 {
			n++
		}
	}
	return n
}

func unexpectedAs(unexpected connect.Hosts, want map[string]float64) string {
	for host := range unexpected {
		if _, listed := want[host]; !listed {
			if host == engine.OtherHosts {
				return fmt.Sprintf("stands for all names beyond the first %d", engine.MaxHosts)
			}
			return "are not expected"
		}
	}
	return "must not answer (weight 0)"
}

func judgeBalance(j *judge, r *connect.FloodResult) {
	level := j.expect.Balance
	if level == 0 {
		return
	}
	b := &r.Balance
	off := imbalance(r.Hosts, j.expect.Hosts)
	ok := b.Hosts > 0 && (b.PValue >= level || j.expect.Tolerance > 0 && off <= j.expect.Tolerance)
	text := fmt.Sprintf("shares as by chance expected (p at least %g", level)
	if j.expect.Tolerance > 0 {
		text += fmt.Sprintf(", or no share off its due by more than %s", percent(j.expect.Tolerance))
	}
	text += fmt.Sprintf("); p is %.3g, the worst share is off by %s (%s)", b.PValue, percent(off), shares(r.Hosts))
	total := int64(0)
	for _, n := range r.Hosts {
		total += n
	}
	switch {
	case b.Hosts == 0:
		text = "shares were expected, but nobody has answered"
	case ok && total < int64(5*b.Hosts):
		text += fmt.Sprintf("; %s are too few to tell for %s: make at least %d", plural(total, "answer"), plural(int64(b.Hosts), "host"), 5*b.Hosts)
	case !ok && r.SourcesUsed <= 1 && len(r.Hosts) < b.Hosts:
		text += "; all connections came from one source address, and a balancer that hashes addresses sends these to one host: use several sources, or fixed source ports"
	case !ok:
		text += ": weights, a table that is too coarse, hosts that are slow or have just come, or a balancer that counts connections; see by_host"
	}
	j.say(Balance, ok, "%s", text)
}

// imbalance is by how much of its due the worst share is off. Without weights, all that answered are due the same.
func imbalance(hosts connect.Hosts, weights map[string]float64) float64 {
	if weights == nil {
		weights = map[string]float64{}
		for host := range hosts {
			weights[host] = 1
		}
	}
	var all int64
	var total, worst float64
	for _, n := range hosts {
		all += n
	}
	for weight := range maps.Values(weights) {
		total += weight
	}
	if all == 0 || total == 0 {
		return 0
	}
	for host, weight := range weights {
		if weight > 0 {
			worst = max(worst, math.Abs(float64(hosts[host])/float64(all)/(weight/total)-1))
		}
	}
	return worst
}

func judgeAffinity(j *judge, r *connect.FloodResult) {
	if !j.expect.Affinity {
		return
	}
	a := r.Affinity
	switch {
	case a == nil || a.Sources == 0:
		j.say(Affinity, false, "each source to be answered by one host, but no source was answered twice: use fewer sources than connections")
	case a.Sticky == a.Sources:
		j.say(Affinity, true, "each of %s was answered by one host", plural(a.Sources, "source"))
	default:
		j.say(Affinity, false, "each source to be answered by one host, but %d of %d were answered by more: the balancer does not hash by source address, or its table of sources was lost (session affinity, its timeout)", a.Sources-a.Sticky, a.Sources)
	}
}

func judgeSource(j *judge, r *connect.FloodResult) {
	if !j.expect.Source {
		return
	}
	s := &r.Source
	switch {
	case s.Same+s.Other+s.Untold == 0:
		j.say(Source, false, "the backends to see the client's own address, but nobody has answered")
	case s.Untold > 0:
		j.say(Source, false, "the backends to see the client's own address, but %d of %d answers tell none: the server must be mconnect-server -tell-source", s.Untold, s.Same+s.Other+s.Untold)
	case s.Other > 0:
		j.say(Source, false, "the backends to see the client's own address, but %d of %d saw another (%s in place of %s): the balancer, or a NAT on the way, puts its own there; use the PROXY protocol at both ends, direct routing or externalTrafficPolicy Local", s.Other, s.Same+s.Other, s.Told, s.Used)
	default:
		j.say(Source, true, "the backends saw the client's own address on all of %s", plural(s.Same, "connection"))
	}
}
