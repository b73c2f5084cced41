package verdicts

import (
	"fmt"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// unreached are the hosts to which SYNs are most likely lost, while the balancer chooses a host anew for each SYN, so that the next one gets through to
// another: none fails, but all that lack answers are connects that took more than one SYN.
type unreached struct {
	hosts          []string
	retried, begun int64
}

// findUnreached looks for such hosts, by how many of the connects took more than one SYN.
func findUnreached(want dues, answered connect.Hosts, retried, begun int64) *unreached {
	u := &unreached{retried: retried, begun: begun}
	if begun == 0 || u.share() <= DefaultRetransmits || len(answered) == 0 {
		return u
	}
	if missing := want.missing(answered); len(missing) > 0 {
		if want.loses(missing, want.share(missing...), u, answered) {
			u.hosts = missing
		}
		return u
	}
	for host := range want {
		if want.loses([]string{host}, u.share(), u, answered) {
			u.hosts = append(u.hosts, host)
		}
	}
	if len(u.hosts) != 1 {
		u.hosts = nil // of several it can't be told
	}
	return u
}

// loses reports whether the answers are as if that share of all SYNs were lost, all of them on the way to the hosts: a SYN that is lost chooses again, so
// each host has its part of those that are not.
func (d dues) loses(hosts []string, lost float64, u *unreached, answered connect.Hosts) bool {
	theirs, all := d.share(hosts...), float64(answered.Total())
	if lost > theirs || lost >= 1 || !near(float64(u.retried), lost*float64(u.begun)) || float64(u.retried) < lost*float64(u.begun)/2 {
		return false
	}
	left := 1 - lost // of all SYNs
	for host := range d {
		due := d.share(host)
		if slices.Contains(hosts, host) {
			if due = max(due-lost*due/theirs, 0); near(float64(answered[host]), d.share(host)*all) {
				return false // it lacks nothing
			}
		}
		if !near(float64(answered[host]), due/left*all) {
			return false
		}
	}
	return true
}

func (u *unreached) share() float64 { return float64(u.retried) / float64(u.begun) }

// String says what is lost where, "" if there are no such hosts.
func (u *unreached) String() string {
	if len(u.hosts) == 0 {
		return ""
	}
	return fmt.Sprintf("most likely SYNs to %s are dropped, and the balancer chooses anew for each SYN: %d of %s took more than one (%s), about what is missing there, and got through to others; "+
		"look at that backend's firewall, and whether its host is up, or take it out of the balancer (health checks)", names(u.hosts), u.retried, plural(u.begun, "connect"), units.Percent(u.share()))
}
