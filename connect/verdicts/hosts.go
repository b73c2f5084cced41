package verdicts

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// judgeHosts compares who has answered with who should. failed are the connections that nobody answered.
func judgeHosts(j *judge, answered connect.Hosts, failed map[connect.Class]int64, c *connects) (missing []string, unexpected connect.Hosts) {
	want := dues(j.expect.Hosts)
	missing, unexpected = want.missing(answered), connect.Hosts{}
	if want == nil {
		return missing, unexpected
	}
	for host, n := range answered {
		if want[host] == 0 {
			unexpected[host] = n
		}
	}
	ok := len(missing) == 0 && len(unexpected) == 0
	text := fmt.Sprintf("all of the expected hosts have answered, and no others (%d)", want.count())
	if !ok {
		text = fmt.Sprintf("%d of %s answered", want.count()-len(missing), plural(int64(want.count()), "expected host"))
	}
	if len(missing) > 0 {
		text += fmt.Sprintf("; no answer came from %s: ", names(missing)) + whyMissing(missing, want, answered, failed, c)
	}
	if len(unexpected) > 0 {
		text += fmt.Sprintf("; answers came from %s, which %s: %s", shares(unexpected), unexpectedAs(unexpected, want), whyUnexpected(unexpected, want))
	}
	if len(answered) > 0 && !ok {
		text += fmt.Sprintf(" (answers: %s)", shares(answered))
	}
	j.say(Hosts, ok, "%s", text)
	return missing, unexpected
}

// whyMissing says what has become of hosts that did not answer. If about as many connections failed as they were due, these were theirs.
// What failed on this host itself was nobody's.
func whyMissing(missing []string, want dues, answered connect.Hosts, failed map[connect.Class]int64, c *connects) string {
	nobody := answered.Total() == 0 && len(failed) > 0
	failed = notOwn(failed)
	answers, failures := answered.Total(), sum(failed)
	theirs, double, rejected := want.share(missing...), want.namesake(missing, answered), c.rejections()
	switch {
	case nobody:
		return "no connection was answered by anybody; see the other verdicts"
	case answers+failures == 0:
		return "no connection has told a name, nor failed: see the other verdicts"
	case failures == 0 && double != "":
		return sameName(missing, double)
	case rejected.share() > 0 && rejected.share() >= theirs/2:
		return fmt.Sprintf("most likely it is there that connections are rejected, since %s; look at that backend's firewall and service, or take it out of the balancer (health checks)", &rejected)
	case failures > 0 && float64(failures) >= theirs*float64(answers+failures)/2:
		text := fmt.Sprintf("most likely these are the %s that failed (%s): the balancer sends them there, and ", plural(failures, "connection"), byClass(failed))
		if failed[connect.ClassTLS] == failures {
			return text + "the backend listens, but shakes no hands: compare its certificate and TLS settings with the others' (see the other verdicts), or take it out of the balancer"
		}
		return text + "the backend is down, hangs or can't be reached; start it, or take it out of the balancer (health checks)"
	case c.lost != nil:
		return c.lost.String()
	}
	return byChance(missing, want, answers+failures) + "the balancer sends nothing there (health check, weight, an old table), or the backend is down or tells another name"
}

// byChance says how often chance alone leaves out a host, where connections are few.
func byChance(missing []string, want dues, connections int64) string {
	const rare = 0.001
	share := 1.0
	for _, host := range missing {
		share = min(share, want.share(host))
	}
	chance := math.Pow(1-share, float64(connections))
	if chance < rare {
		return ""
	}
	return fmt.Sprintf("that may be chance, which sends a host none of %s in %s of all runs, so use more; else ", plural(connections, "connection"), units.Percent(chance))
}

func unexpectedAs(unexpected connect.Hosts, want dues) string {
	alone := len(unexpected) == 1
	for host := range unexpected {
		switch _, listed := want[host]; {
		case listed:
		case alone && host == connect.UnknownHost:
			return "tell no name (the first group of reply.match is the name; without one there is none)"
		case alone && host == engine.OtherHosts:
			return fmt.Sprintf("stands for all names beyond the first %d", engine.MaxHosts)
		default:
			return "are not expected"
		}
	}
	return "must not answer (weight 0)"
}

// whyUnexpected says where names come from that nobody expects.
func whyUnexpected(unexpected connect.Hosts, want dues) string {
	text := "check the balancer's members, and if several balancers share the address, that none has an old table"
	places := differing(want)
	for _, host := range slices.Sorted(maps.Keys(unexpected)) {
		if like, n := garbled(host, want, places); like != "" {
			return text + fmt.Sprintf("; %s is %s but for %s: if no host has that name, something on the way changes bytes (faulty memory, checksum offload, a proxy that rewrites data)", shown(host), shown(like), plural(int64(n), "byte"))
		}
	}
	return text
}

// sameName says that hosts which are missing most likely tell the name of another one, "" if there is no such one.
func sameName(missing []string, host string) string {
	if host == "" {
		return ""
	}
	n := len(missing) + 1
	return fmt.Sprintf("%s has about the share of %d hosts, and the others have their own, so most likely %d backends tell that name (a copied machine, or the same -hostname): give each a name of its own", shown(host), n, n)
}

// notOwn are the failures that are not this host's own.
func notOwn(errors map[connect.Class]int64) map[connect.Class]int64 {
	others := maps.Clone(errors)
	maps.DeleteFunc(others, func(of connect.Class, _ int64) bool { return of.IsOwn() })
	return others
}

// theirs says which hosts the failed connections were to, as far as the others' answers tell; "" if they do not. Unless expected says who must
// answer, they may be those of a backend that has not answered at all.
func theirs(answered connect.Hosts, expected map[string]float64, failed int64) string {
	want := duesOf(expected, answered)
	if len(want) < 2 || failed == 0 || len(answered) == 0 {
		return ""
	}
	switch one, alike := want.lacking(answered, failed); {
	case one != "":
		return fmt.Sprintf("; %s lacks about as many answers as connections failed (%d), so these are most likely its: look at that backend, and at the way there", shown(one), failed)
	case !alike:
		return ""
	case expected != nil:
		return fmt.Sprintf("; all hosts lack answers alike (%s), so it is not one backend, but what they share: the balancer, or a device before it", shares(answered))
	case isMultiple(float64(failed), float64(answered.Total())/float64(len(want))):
		return fmt.Sprintf("; about as many connections failed (%d) as a host's share comes to (%s), so these are most likely those of a backend, or several, that has not answered at all: look which are down, and give expect.hosts, so that they are named; if none is, it is what all share, the balancer or a device before it", failed, shares(answered))
	}
	return fmt.Sprintf("; the hosts that have answered lack answers alike (%s), so it is none of these, but what they share, the balancer or a device before it, or a backend that has not answered at all (expect.hosts names it)", shares(answered))
}

// isMultiple reports whether a number is about one or several times the share of a host.
func isMultiple(failed, share float64) bool {
	times := math.Round(failed / share)
	return times >= 1 && near(failed, times*share)
}
