package verdicts

import (
	"maps"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// dues are the parts of the answers that hosts are due, as weights.
type dues map[string]float64

// duesOf returns the weights that are wanted; without any, all that answered are due the same.
func duesOf(want map[string]float64, answered connect.Hosts) dues {
	if want != nil {
		return want
	}
	return equalDues(answered)
}

func equalDues(answered connect.Hosts) dues {
	d := dues{}
	for host := range answered {
		d[host] = 1
	}
	return d
}

func (d dues) total() float64 { return sum(d) }

// count is how many hosts are due something.
func (d dues) count() (n int) {
	for _, weight := range d {
		if weight > 0 {
			n++
		}
	}
	return n
}

// share is what hosts are due together.
func (d dues) share(hosts ...string) (share float64) {
	for _, host := range hosts {
		share += d[host]
	}
	return share / d.total()
}

// missing are the hosts, in order, that are due something and have not answered.
func (d dues) missing(answered connect.Hosts) []string {
	missing := []string{}
	for host, weight := range d {
		if weight > 0 && answered[host] == 0 {
			missing = append(missing, host)
		}
	}
	slices.Sort(missing)
	return missing
}

// worst is the host whose share deviates most from its due, and by which part of that due.
func (d dues) worst(answered connect.Hosts) (host string, worst float64) {
	all, total := float64(answered.Total()), d.total()
	if all == 0 || total == 0 {
		return "", 0
	}
	for _, name := range slices.Sorted(maps.Keys(d)) {
		if weight := d[name]; weight > 0 {
			if off := math.Abs(float64(answered[name])/all/(weight/total) - 1); host == "" || off > worst {
				host, worst = name, off
			}
		}
	}
	return host, worst
}

// namesake returns the host that has about the share of the missing ones on top of its own, while the others have theirs; "" if there is none. That
// host is most likely several, which tell one name. If a balancer just does not know the missing ones, all others have more.
func (d dues) namesake(missing []string, answered connect.Hosts) string {
	if len(missing) == 0 {
		return ""
	}
	host := d.ahead(answered)
	others, due := 0.0, 0.0
	for name, weight := range d {
		if n := answered[name]; n > 0 && name != host {
			others, due = others+float64(n), due+weight
		}
	}
	if due == 0 {
		return ""
	}
	unit := others / due // what a weight of 1 has brought the others
	for name, weight := range d {
		if n := answered[name]; n > 0 && name != host && !near(float64(n), weight*unit) {
			return ""
		}
	}
	theirs := d.share(missing...) * d.total()
	if n := float64(answered[host]); near(n, d[host]*unit) || !near(n, (d[host]+theirs)*unit) {
		return ""
	}
	return host
}

// ahead is the host with the most answers in relation to what it is due, "" if there is none.
func (d dues) ahead(answered connect.Hosts) (host string) {
	most := 0.0
	for _, name := range slices.Sorted(maps.Keys(answered)) {
		if weight := d[name]; weight > 0 && float64(answered[name])/weight > most {
			most, host = float64(answered[name])/weight, name
		}
	}
	return host
}

// lacking says which host the failed connections were to. one is the only host that lacks answers, "" if there is no such one. alike reports
// whether all hosts lack answers in proportion to their dues.
func (d dues) lacking(answered connect.Hosts, failed int64) (one string, alike bool) {
	all, failures := float64(answered.Total()+failed), float64(failed)
	short, even, alike := []string{}, true, true
	for host := range d {
		share, answers := d.share(host), float64(answered[host])
		due := share * all
		if due-answers > failures/2+slack(due) {
			short = append(short, host)
		} else {
			even = even && near(answers, due)
		}
		// If all failures were its own, it would lack so many more that the difference is plain to see.
		alike = alike && failures*(1-share) > 2*slack(due) && near(answers, share*(all-failures))
	}
	if len(short) == 1 && even {
		return short[0], false
	}
	return "", alike
}

// near reports whether a host has about as many answers as it is due: by chance, and by a table that is not quite even.
func near(answers, due float64) bool { return math.Abs(answers-due) <= slack(due) }

// slack is how far from its due a host may be: four standard deviations of chance, and 5 % for tables.
func slack(due float64) float64 { return 4*math.Sqrt(due) + due/20 }

func sum[K comparable, N int64 | float64](numbers map[K]N) (all N) {
	for n := range maps.Values(numbers) {
		all += n
	}
	return all
}
