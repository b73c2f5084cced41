package limits

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Drops is how many packets this host itself has dropped, in its network namespace.
type Drops struct {
	Unsent  uint64 // its own that were not passed to an interface, such as by a firewall's chain output; a connection table that is full
	Resends uint64 // its own TCP segments that were to be sent again: as above, and by a queue, or for lack of a route
	Unread  uint64 // that came for it over IPv4, such as by a firewall's chain input
	Forged  uint64 // the part of these that a filter of reverse paths has dropped (rp_filter)
	Resets  uint64 // TCP segments that it has answered with a reset, such as those that belong to no connection of its own
	Strays  uint64 // datagrams that came to no socket
}

// maxAge is how old what [DropsUntil] returns may be, as small calls are made by the thousand.
const maxAge = time.Second

var latest struct {
	sync.Mutex
	at    time.Time
	drops Drops
}

// DropsUntil is how many packets have been dropped until now, or a second ago. It is not too low, however busy this host is.
func DropsUntil() Drops {
	latest.Lock()
	defer latest.Unlock()
	if now := time.Now(); latest.at.IsZero() || now.Sub(latest.at) > maxAge {
		latest.at, latest.drops = now, bound(readCounters(), readCounters())
	}
	return latest.drops
}

// Since is how many packets have been dropped since there were so many. It is not too high, but for the few that are under way.
func (d Drops) Since() Drops {
	now := readCounters().drops()
	return Drops{
		Unsent: less(now.Unsent, d.Unsent), Resends: less(now.Resends, d.Resends), Unread: less(now.Unread, d.Unread), Forged: less(now.Forged, d.Forged),
		Resets: less(now.Resets, d.Resets), Strays: less(now.Strays, d.Strays),
	}
}

// counters are the kernel's. They are read one after the other, while packets go on.
type counters struct {
	requested, transmitted uint64 // own packets, before and after the firewall's chain output
	resends                uint64
	received, delivered    uint64 // packets that came, and those that were for this host, after the firewall's chain input; else they were dropped for other reasons
	forged                 uint64
	resets, strays         uint64
}

func (c counters) drops() Drops {
	return Drops{Unsent: less(c.requested, c.transmitted), Resends: c.resends, Unread: less(c.received, c.delivered), Forged: c.forged, Resets: c.resets, Strays: c.strays}
}

// bound is the drops of the first of two readings, at most: what went on between its counters did so before those of the second.
func bound(first, second counters) Drops {
	d := first.drops()
	d.Unsent += less(second.requested, first.requested)
	d.Unread += less(second.received, first.received)
	return d
}

// Explain says what to look at on this host, if its drops account for so many connections that lacked a packet each, else "".
func (d Drops) Explain(connections int64) string {
	if n := d.out(connections); n > 0 {
		return fmt.Sprintf("this host itself has dropped %d of the packets that it had to send meanwhile: look at its firewall (chain output: nft list ruleset, iptables-save), its connection table (conntrack -S) and its queues (tc -s qdisc)", n)
	}
	n := d.In(connections)
	switch {
	case n == 0:
		return ""
	case d.Forged > n/2:
		return fmt.Sprintf("this host itself has dropped %d packets that came for it meanwhile, since it has no route back to their sender through the interface on which they came: look at its routes (ip route get) and filter of reverse paths (net.ipv4.conf.*.rp_filter)", n)
	}
	return fmt.Sprintf("this host itself has dropped %d packets that came for it meanwhile: look at its firewall (chain input: nft list ruleset, iptables-save) and its routes", n)
}

// ExplainStrays says what answers that this host has rejected may mean, if they account for so many connections that lacked one each, else "".
func (d Drops) ExplainStrays(datagrams bool, connections int64) string {
	n, what := d.Resets, "TCP segments"
	if datagrams {
		n, what = d.Strays, "datagrams"
	}
	if connections <= 0 || n < uint64(connections) {
		return ""
	}
	return fmt.Sprintf("this host has rejected %d %s meanwhile that belong to no connection of its own: most likely the answers come from another address or port than the target's (a backend that answers for itself, past the balancer; a translation of addresses that lacks its way back), or later than the call waits: look at their source (tcpdump)", n, what)
}

// out is how many packets were not sent, if these account for so many connections that lacked one each, else 0.
func (d Drops) out(connections int64) uint64 {
	switch {
	case connections <= 0:
	case d.Resends >= uint64(connections):
		return max(d.Resends, d.Unsent)
	case d.Unsent >= uint64(connections) && d.Unsent > underWay():
		return d.Unsent
	}
	return 0
}

// In is how many packets came in vain, if these account for so many connections that lacked one each, else 0.
func (d Drops) In(connections int64) uint64 {
	if connections <= 0 || d.Unread < uint64(connections) || d.Unread <= underWay() {
		return 0
	}
	return d.Unread
}

// underWay is how many packets may be between two counters, one for each processor.
func underWay() uint64 { return uint64(runtime.NumCPU()) } // #nosec G115 -- not negative

func less(a, b uint64) uint64 { return a - min(a, b) }
