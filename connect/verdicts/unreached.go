package verdicts

import (
	"fmt"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// unreached are hosts to which SYNs are most likely lost, behind a balancer that chooses a host anew for each SYN. The next SYN then gets through
// to another host. So hardly any connect fails, but as many connects take more than one SYN as answers are missing from these hosts.
type unreached struct {
	hosts          []string
	retried, begun int64
}

// findUnreached looks for such hosts, by the number of connects that took more than one SYN; nil if there are none. If most of these connects have
// timed out, their SYNs did not get through to other hosts, so it is something else.
func (c *connects) findUnreached(want dues, answered connect.Hosts) *unreached {
	all, retried := float64(c.begun), float64(c.retried)
	if retried <= DefaultRetransmits*all || 2*c.resent() < c.retried || len(answered) == 0 {
		return nil
	}
	found := &unreached{retried: c.retried, begun: c.begun}
	if missing := want.missing(answered); len(missing) > 0 {
		share := want.share(missing...)
		if due := share * all; near(retried, due) && retried >= due/2 && want.lose(missing, share, answered) {
			found.hosts = missing
			return found
		}
		return nil
	}
	for host := range want {
		if want.lose([]string{host}, retried/all, answered) {
			found.hosts = append(found.hosts, host)
		}
	}
	if len(found.hosts) != 1 { // of several it can't be told
		return nil
	}
	return found
}

// lose reports whether the answers are as expected if a share of all SYNs is lost, all of them on the way to these hosts. A lost SYN is sent again
// and goes to any host, so each host gets its part of the SYNs that are not lost.
func (d dues) lose(hosts []string, lost float64, answered connect.Hosts) bool {
	theirs, all := d.share(hosts...), float64(answered.Total())
	if lost > theirs || lost >= 1 {
		return false
	}
	for host := range d {
		due, answers := d.share(host), float64(answered[host])
		if slices.Contains(hosts, host) {
			if near(answers, due*all) {
				return false // it lacks nothing
			}
			due = max(due-lost*due/theirs, 0)
		}
		if !near(answers, due/(1-lost)*all) {
			return false
		}
	}
	return true
}

// String says what is lost where.
func (u *unreached) String() string {
	return fmt.Sprintf("most likely SYNs to %s are dropped, and the balancer chooses anew for each SYN: %d of %s took more than one (%s), about what is missing there, and got through to others; "+
		"look at that backend's firewall, and whether its host is up, or take it out of the balancer (health checks)", names(u.hosts), u.retried, plural(u.begun, "connect"), units.Percent(float64(u.retried)/float64(u.begun)))
}
