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
func judgeHosts(j *judge, answered connect.Hosts, failed map[connect.Class]int64, rejected rejections) (missing []string, unexpected connect.Hosts) {
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
	text := fmt.Sprintf("all of the expected hosts have answered, and no others (%d)", due(want))
	if !ok {
		text = fmt.Sprintf("%d of %s answered", due(want)-len(missing), plural(int64(due(want)), "expected host"))
	}
	if len(missing) > 0 {
		text += fmt.Sprintf("; no answer came from %s: ", names(missing)) + whyMissing(missing, want, answered, failed, &rejected)
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
func whyMissing(missing []string, want map[string]float64, answered connect.Hosts, failed map[connect.Class]int64, rejected *rejections) string {
	answers, failures := sum(answered), sum(failed)
	theirs := shareOf(missing, want)
	double := namesake(missing, want, answered)
	switch {
	case answers == 0 && failures > 0:
		return "no connection was answered by anybody; see the other verdicts"
	case failures == 0 && double != "":
		return sameName(missing, double)
	case rejected.share() > 0 && rejected.share() >= theirs/2:
		return fmt.Sprintf("most likely it is there that connections are rejected, since %s; look at that backend's firewall and service, or take it out of the balancer (health checks)", rejected)
	case failures > 0 && float64(failures) >= theirs*float64(answers+failures)/2:
		return fmt.Sprintf("most likely these are the %s that failed (%s): the balancer sends them there, and the backend is down, hangs or can't be reached; start it, or take it out of the balancer (health checks)", plural(failures, "connection"), byClass(failed))
	}
	return byChance(missing, want, answers+failures) + "the balancer sends nothing there (health check, weight, an old table), or the backend is down or tells another name"
}

// byChance says how often chance alone leaves out a host, where connections are few.
func byChance(missing []string, want map[string]float64, connections int64) string {
	const rare = 0.001
	share := 1.0
	for _, host := range missing {
		share = min(share, want[host]/sum(want))
	}
	chance := math.Pow(1-share, float64(connections))
	if chance < rare {
		return ""
	}
	return fmt.Sprintf("that may be chance, which sends a host none of %s in %s of all runs, so use more; else ", plural(connections, "connection"), units.Percent(chance))
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
			if host == engine.UnknownHost && len(unexpected) == 1 {
				return "tell no name (the first group of reply.match is the name; without one there is none)"
			}
			if host == engine.OtherHosts {
				return fmt.Sprintf("stands for all names beyond the first %d", engine.MaxHosts)
			}
			return "are not expected"
		}
	}
	return "must not answer (weight 0)"
}

// whyUnexpected says where names come from that nobody expects.
func whyUnexpected(unexpected connect.Hosts, want map[string]float64) string {
	text := "check the balancer's members, and if several balancers share the address, that none has an old table"
	places := differing(want)
	for _, host := range slices.Sorted(maps.Keys(unexpected)) {
		if like, n := garbled(host, want, places); like != "" {
			return text + fmt.Sprintf("; %s is %s but for %s: if no host has that name, something on the way changes bytes (faulty memory, checksum offload, a proxy that rewrites data)", shown(host), shown(like), plural(int64(n), "byte"))
		}
	}
	return text
}

// mostGarbled is in how many bytes a name may differ from one that it was.
const mostGarbled = 2

// garbled returns the host whose name another would be if few of its bytes had not been changed, and how many; "" if there is none. Hosts' names
// differ in places, such as a number at the end: one that differs there is another host's.
func garbled(name string, want map[string]float64, places map[int]bool) (like string, changed int) {
	for _, host := range slices.Sorted(maps.Keys(want)) {
		if len(host) != len(name) || len(want) < 2 {
			continue
		}
		n := 0
		for i := range len(name) {
			if name[i] != host[i] {
				n++
				if places[i] {
					n = len(name) + 1
				}
			}
		}
		if n > 0 && n <= mostGarbled {
			return host, n
		}
	}
	return "", 0
}

// differing are the places in which hosts' names differ.
func differing(hosts map[string]float64) map[int]bool {
	places, first := map[int]bool{}, map[int]byte{}
	for host := range hosts {
		for i := range len(host) {
			if at, known := first[i]; !known {
				first[i] = host[i]
			} else if at != host[i] {
				places[i] = true
			}
		}
	}
	return places
}

// namesake returns the host that has about the share of the missing ones on top of its own, while the others have theirs; "" if there is none.
// If a balancer does not know of the missing ones, all others have more.
func namesake(missing []string, want map[string]float64, answered connect.Hosts) string {
	theirs, most, host := shareOf(missing, want)*sum(want), 0.0, ""
	for _, name := range slices.Sorted(maps.Keys(answered)) {
		if weight := want[name]; weight > 0 && float64(answered[name])/weight > most {
			most, host = float64(answered[name])/weight, name
		}
	}
	others, due := 0.0, 0.0
	for name, weight := range want {
		if n := answered[name]; n > 0 && name != host {
			others, due = others+float64(n), due+weight
		}
	}
	if len(missing) == 0 || due == 0 {
		return ""
	}
	unit := others / due // what a weight of 1 has brought the others
	for name, weight := range want {
		if n := answered[name]; n > 0 && name != host && !near(float64(n), weight*unit) {
			return ""
		}
	}
	if n := float64(answered[host]); near(n, want[host]*unit) || !near(n, (want[host]+theirs)*unit) {
		return ""
	}
	return host
}

// sameName says that hosts which are missing most likely tell the name of another one, "" if there is no such one.
func sameName(missing []string, host string) string {
	if host == "" {
		return ""
	}
	n := len(missing) + 1
	return fmt.Sprintf("%s has about the share of %d hosts, and the others have their own, so most likely %d backends tell that name (a copied machine, or the same -hostname): give each a name of its own", shown(host), n, n)
}

// near reports whether a host has about as many answers as it is due: by chance, and by a table that is not quite even.
func near(answers, due float64) bool { return math.Abs(answers-due) <= slack(due) }

// slack is how far from its due a host may be: four standard deviations of chance, and 5 % for tables.
func slack(due float64) float64 { return 4*math.Sqrt(due) + due/20 }

// theirs says whose connections those are that failed, as far as the others' answers tell; "" if they do not.
func theirs(answered connect.Hosts, want map[string]float64, failed int64) string {
	if want == nil {
		want = map[string]float64{}
		for host := range answered {
			want[host] = 1
		}
	}
	if len(want) < 2 || failed == 0 || len(answered) == 0 {
		return ""
	}
	all, total := float64(sum(answered)+failed), sum(want)
	short, even, shared := []string{}, true, true
	for host, weight := range want {
		share, answers, failures := weight/total, float64(answered[host]), float64(failed)
		due := share * all
		if due-answers > failures/2+slack(due) {
			short = append(short, host)
		} else {
			even = even && near(answers, due)
		}
		// If all failures were its own, it would lack so many more that the difference is plain to see.
		shared = shared && failures*(1-share) > 2*slack(due) && near(answers, share*(all-failures))
	}
	switch {
	case len(short) == 1 && even:
		return fmt.Sprintf("; %s lacks about as many answers as connections failed (%d), so these are most likely its: look at that backend, and at the way there", shown(short[0]), failed)
	case shared:
		return fmt.Sprintf("; all hosts lack answers alike (%s), so it is not one backend, but what they share: the balancer, or a device before it", shares(answered))
	}
	return ""
}

// shareOf is what hosts are due together.
func shareOf(hosts []string, weights map[string]float64) (share float64) {
	for _, host := range hosts {
		share += weights[host]
	}
	return share / sum(weights)
}

func sum[K comparable, N int64 | float64](numbers map[K]N) (all N) {
	for n := range maps.Values(numbers) {
		all += n
	}
	return all
}
