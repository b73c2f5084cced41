//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"strings"
)

// resilient is a route to a resilient next-hop group (Linux 5.13): a table of hash buckets, each with its next hop. Only
// buckets whose next hop is gone change hands at once; others wait until no packet has come for idle_timer seconds.
type resilient struct{ started bool }

const (
	resilientTable = "type resilient buckets 128 idle_timer 1 unbalanced_timer 0"
	// Numbers of the groups. Next hops are numbered as the backends are, those of IPv6 from group6 on.
	group4, group6 = 1000, 2000
)

func newResilient() balancer { return &resilient{} }

func (r *resilient) use(n *network, backends []*backend) error {
	if r.started {
		return n.lb.ip(r.groups(backends)...)
	}
	r.started = true
	var lines []string
	for _, b := range n.backends {
		lines = append(lines, fmt.Sprintf("nexthop add id %d via %s dev %s", b.number, b.v4, b.nic),
			fmt.Sprintf("nexthop add id %d via %s dev %s", group6+b.number, b.v6, b.nic))
	}
	lines = append(lines, r.groups(backends)...)
	for vip, group := range map[netip.Addr]int{vip4: group4, vip6: group6} {
		lines = append(lines, fmt.Sprintf("route add %s nhid %d", vip, group))
	}
	if err := hashFlows(n); err != nil {
		return err
	}
	return n.lb.ip(lines...)
}

func (r *resilient) groups(backends []*backend) []string {
	hops4, hops6 := make([]string, len(backends)), make([]string, len(backends))
	for i, b := range backends {
		hops4[i], hops6[i] = fmt.Sprint(b.number), fmt.Sprint(group6+b.number)
	}
	return []string{
		fmt.Sprintf("nexthop replace id %d group %s %s", group4, strings.Join(hops4, "/"), resilientTable),
		fmt.Sprintf("nexthop replace id %d group %s %s", group6, strings.Join(hops6, "/"), resilientTable),
	}
}
