package verdicts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// connects is what all calls have in common that connect.
type connects struct {
	asked, begun, failed int64
	noReply              int64
	retried              int64
	errors               map[connect.Class]int64
	first                map[connect.Class]connect.Failure
	timeout              time.Duration
	duration             time.Duration // with which the call ends; 0 if it has none
	interrupted          bool
	unsent               string        // why most packets of what was begun were not sent, "" if they were
	hasty                string        // that those without an answer have not waited for as long as answers take, "" if they have
	slow                 string        // why time was up too early, if that is known
	waited               stats.Summary // of connections that failed: until they did
	fixed                bool          // the source ports are the plan's
	dropped              string        // how this host's own drops account for further SYNs, "" if they do not
	but                  string        // what established does not mean here
	theirs               string        // whose connections failed, if that is known
	lost                 *unreached    // to whom SYNs are lost; nil if that is not known
	times, rtt           stats.Summary // of connects, and of the kernel's handshakes, where it tells them
}

// judge says whether all was begun and established, and with one SYN each where there are any.
func (c *connects) judge(j *judge, prompt bool) {
	c.judgeComplete(j)
	j.part(Connected, c.begun-c.failed, c.begun, "were established"+c.but, causes(c.errors, c.first)+c.theirs+c.someRefused()+c.held())
	if prompt && c.begun > 0 && !j.expect.NoSYN {
		c.judgePrompt(j)
	}
}

func (c *connects) judgeComplete(j *judge) {
	switch {
	case c.interrupted:
		j.say(Complete, false, "the call was ended from outside, with %d of %s begun: it was interrupted (Ctrl-C or a signal), or the iteration or the test ended: await the call, and give it the time that it takes", c.begun, plural(c.asked, "connection"))
	case c.unsent != "" && j.holds(Complete, c.begun, c.asked):
		j.say(Complete, false, "%d of %s were begun, but %s", c.begun, plural(c.asked, "connection"), c.unsent)
	default:
		j.part(Complete, c.begun, c.asked, "were begun", c.timeUp()+c.whyTimeUp())
	}
}

// whyTimeUp says what took so long that not all connections were begun in time.
func (c *connects) whyTimeUp() string {
	silent := c.errors[connect.ClassTimeout] + c.noReply
	switch {
	case c.resends() && c.retried > silent:
		why := fmt.Sprintf(", since %d of %s took more than one SYN, each of which costs 1 s or more and keeps others waiting", c.retried, plural(c.begun, "connect"))
		if c.lost != nil {
			why += ": " + c.lost.String()
		}
		return why
	case c.hasty != "":
		return ": " + c.hasty + ", so each keeps others waiting: allow more time or more concurrency"
	case silent > 0 && c.waited.Med > c.timeout/10:
		return fmt.Sprintf(", since %s that got no answer kept others waiting: see the other verdicts", plural(silent, "connection"))
	case c.slow != "":
		return ": " + c.slow
	}
	return ": allow more time, more concurrency or a higher rate"
}

// timeUp says which time was up before all connections were begun.
func (c *connects) timeUp() string {
	if 0 < c.duration && c.duration < c.timeout {
		return fmt.Sprintf("; the time was up first (option duration, %s, from the start of the call)", units.Span(c.duration))
	}
	return fmt.Sprintf("; the time was up first (option timeout, %s)", units.Span(c.timeout))
}

// resends reports whether most of the time of connects was waiting for lost SYNs to be sent again.
func (c *connects) resends() bool {
	return time.Duration(c.retried)*time.Second > time.Duration(c.times.Count)*c.times.Avg/2 && c.retried > 0
}

// failedAt says where all failures were, "" if they were anywhere.
func failedAt(at *connect.FailedAt) string {
	targets, sources := "", ""
	if len(at.Targets) > 0 {
		short := make([]string, 0, len(at.Targets))
		for _, name := range at.Targets {
			short = append(short, quote.Cut(name, longName))
		}
		targets = fmt.Sprintf("at %s, and none at the other %s", list(short, len(short)), others(at.OfTargets-int64(len(short)), "target"))
	}
	if n, from := failedFrom(at); n > 0 {
		sources = fmt.Sprintf("from %s, and none from the other %s", from, others(at.OfSources-n, "source"))
	}
	const why = "something drops or rejects what comes from there (a rule, or a limit for each source), has no route back, or sends it to a backend of its own"
	switch {
	case targets != "" && sources != "":
		return fmt.Sprintf("; all failures are %s; all are %s: what listens there fails, or %s", targets, sources, why)
	case targets != "":
		return fmt.Sprintf("; all failures are %s, so look there", targets)
	case sources != "":
		return fmt.Sprintf("; all failures are %s, so most likely %s", sources, why)
	}
	return ""
}

// failedFrom names the sources of all failures, and says how many these are; 0 if that is not known.
func failedFrom(at *connect.FailedAt) (n int64, from string) {
	if at.Network.IsValid() {
		return int64(at.InNetwork), fmt.Sprintf("the %d sources in %s", at.InNetwork, at.Network) // #nosec G115 -- fewer than the call has
	}
	addresses := make([]string, 0, len(at.Sources))
	for _, source := range at.Sources {
		addresses = append(addresses, source.String())
	}
	n = int64(len(addresses))
	return n, strings.TrimPrefix(plural(n, "source"), "1 ") + " " + list(addresses, len(addresses))
}

// others is so many other things.
func others(n int64, thing string) string {
	if n == 1 {
		return thing
	}
	return plural(n, thing)
}

// someRefused tells what refuses connections where others are established: the server listens.
func (c *connects) someRefused() string {
	if c.errors[connect.ClassRefused] == 0 || c.failed == c.begun || c.theirs != "" || c.first[connect.ClassRefused].Dropped != "" {
		return ""
	}
	return fmt.Sprintf("; %s established, so most likely one of several backends refuses, or a limit of connections does (of the target, a balancer or a firewall), or a backlog is full", were(c.begun-c.failed))
}

func were(n int64) string {
	if n == 1 {
		return "another one was"
	}
	return fmt.Sprintf("%d others were", n)
}

// held tells of a cause that only fixed source ports have: a connection table that has not forgotten their last connections.
func (c *connects) held() string {
	if !c.fixed || c.errors[connect.ClassTimeout] == 0 || c.failed == c.begun {
		return ""
	}
	return "; the source ports are fixed: if they were used shortly before, a connection table on the way may still hold their last connections, and drop the new SYNs (conntrack, a firewall, TIME_WAIT), or a backend does, which their FIN or RST did not reach; try other sourcePorts, or wait some minutes between the calls"
}

func (c *connects) rejections() rejections {
	return rejectionsOf(c.errors, c.first, c.retried, c.begun)
}

func (c *connects) judgePrompt(j *judge) {
	most := j.expect.Retransmits
	if !j.expect.HasRetransmits {
		most = DefaultRetransmits
	}
	share := float64(c.retried) / float64(c.begun)
	text := fmt.Sprintf("%d of %s took more than one SYN (at most %s expected)", c.retried, plural(c.begun, "connect"), units.Percent(most))
	rejected := c.rejections()
	switch {
	case share <= most:
	case rejected.share() > 0:
		text += fmt.Sprintf(": SYNs are rejected or lost, most likely rejected, since %s; look at the firewall of that sender, and at the service behind it", &rejected)
	default:
		if c.dropped != "" {
			text += ": " + c.dropped + ". If those are others"
		} else if c.lost != nil {
			text += ": " + c.lost.String() + ". If it is not that"
		}
		text += ": SYNs or their answers are lost on the way (also by a limit of new connections a second), or the target's backlog is full (a lost one costs 1 s); lower the rate or the concurrency, and look for drops (nstat TcpExtListenDrops on the target, the balancer's and the firewall's counters)"
	}
	j.say(Prompt, share <= most, "%s", text)
}

// judgeTime adds what is expected of connects' times to the verdict on SYNs.
func (c *connects) judgeTime(j *judge, byHost map[string]connect.HostTimes) {
	most, p99 := j.expect.ConnectTime, c.times.P99
	if most == 0 || c.times.Count == 0 {
		return
	}
	text := fmt.Sprintf("p(99) of the connects is %s (at most %s expected)", units.Span(p99), units.Span(most))
	if p99 > most {
		text += c.whyLate(most, byHost)
	}
	j.say(Prompt, p99 <= most, "%s", text)
}

// resent counts the connects that took more than one SYN and were established: one that has timed out has sent several, too.
func (c *connects) resent() int64 { return max(c.retried-c.errors[connect.ClassTimeout], 0) }

// whyLate says what makes connects take long.
func (c *connects) whyLate(most time.Duration, byHost map[string]connect.HostTimes) string {
	const aHundredth = 0.01 // that p(99) is made of
	if again := c.resent(); float64(again) >= aHundredth*float64(c.times.Count) {
		return fmt.Sprintf(": %d of %s took more than one SYN, and one that is lost costs 1 s: see the verdict on SYNs", again, plural(c.times.Count, "connect"))
	}
	if slow := slowHosts(byHost, "is connected to", func(t connect.HostTimes) time.Duration { return t.ConnectTime.Med }); slow != "" {
		return ": " + slow
	}
	if c.rtt.Count > 0 && c.rtt.P99 <= most {
		return fmt.Sprintf(": the kernel's own handshakes took %s, so the time went into this host, which is busy or is to make more connects than it can (option rate), into the accepting side's TLS, or into a PROXY header: lower the rate or the concurrency, or use several machines", units.Span(c.rtt.P99))
	}
	return ": the way is long, or the target's host, a balancer or a firewall answers SYNs late: look at their load, and compare with a connect from nearby (tcpPing)"
}

// judgeReplyTime adds what is expected of answers' times to the verdict on SYNs.
func judgeReplyTime(j *judge, t stats.Summary, byHost map[string]connect.HostTimes, established int64) {
	most := j.expect.ReplyTime
	switch {
	case most == 0 || established == 0:
		return
	case t.Count == 0:
		j.say(Prompt, false, "p(99) of the answers should be at most %s, but there was none: see the other verdicts, and hold connections for longer than their keepalive", units.Span(most))
		return
	}
	text := fmt.Sprintf("p(99) of the answers is %s (at most %s expected)", units.Span(t.P99), units.Span(most))
	if t.P99 > most {
		text += ": the target answers late"
		if slow := slowHosts(byHost, "answers", replyMedian); slow != "" {
			text += "; " + slow
		}
	}
	j.say(Prompt, t.P99 <= most, "%s", text)
}

func replyMedian(t connect.HostTimes) time.Duration { return t.ReplyTime.Med }

// slowHosts names the hosts that take much longer than the others to do what verb says, "" if none does.
func slowHosts(byHost map[string]connect.HostTimes, verb string, of func(connect.HostTimes) time.Duration) string {
	if len(byHost) < 2 {
		return ""
	}
	medians := make([]time.Duration, 0, len(byHost))
	for _, t := range byHost {
		medians = append(medians, of(t))
	}
	usual := stats.Summarize(medians).Med
	if len(byHost) == 2 {
		usual = slices.Min(medians)
	}
	worst, most, slow := "", time.Duration(0), 0
	for host, t := range byHost {
		median := of(t)
		if median <= 5*usual || median-usual <= time.Millisecond {
			continue
		}
		slow++
		if median > most || median == most && host < worst {
			worst, most = host, median
		}
	}
	if slow == 0 {
		return ""
	}
	text := fmt.Sprintf("%s %s in %s, the others in %s", shown(worst), verb, units.Span(most), units.Span(usual))
	if slow > 1 {
		text += fmt.Sprintf(" (%d more are slow)", slow-1)
	}
	return text + ": look at that backend's load and log"
}
