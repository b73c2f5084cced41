//go:build linux

package main

import (
	"fmt"
	"net/netip"
)

// pair are two load balancers behind a router that sends sources with even addresses to the first and odd ones to the second.
// Each has a table of its own. They are two rules on one host, since only their tables matter here.
type pair struct {
	dnat
	frozen bool       // the second no longer hears of changes
	second []*backend // its backends
}

func newPair() balancer { return &pair{dnat: dnat{table: maglevTable, choose: hashOfFlow}} }

func (p *pair) use(n *network, backends []*backend) error {
	p.inUse = backends
	if !p.frozen {
		p.second = backends
	}
	both := func(family string, lowest netip.Addr) string {
		match := func(bit netip.Addr) string { return fmt.Sprintf("%s saddr & %s == %s", family, lowest, bit) }
		return ruleset(family,
			p.rule(family, match(lowest.Prev()), backends),
			p.rule(family, match(lowest), p.second))
	}
	return n.lb.nft(both("ip", netip.MustParseAddr("0.0.0.1")) + both("ip6", netip.MustParseAddr("::1")))
}
