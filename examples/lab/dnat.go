//go:build linux

package main

import (
	"fmt"
	"strings"
)

// dnat translates the VIP to a backend's address with nftables, as kube-proxy does in its modes iptables and nftables.
// Connection tracking remembers the choice, so a change of the rule is for new connections only.
type dnat struct {
	// choose is an expression that yields an index into a table of this size.
	choose func(family string, size int) string
	// table is the backend for each index.
	table func([]*backend) []*backend
	inUse []*backend
}

// newRoundRobin chooses one after the other.
func newRoundRobin() balancer {
	return &dnat{table: each, choose: func(_ string, size int) string { return fmt.Sprintf("numgen inc mod %d", size) }}
}

// newHash chooses by a hash. nftables' "mod" scales it to the size, so this is hash-threshold: of all that begins anew, as
// many connections move as with a multipath route. Only those that are tracked stay.
func newHash() balancer { return &dnat{table: each, choose: hashOfFlow} }

// newMaglev chooses by Maglev's table, as Cilium does.
func newMaglev() balancer { return &dnat{table: maglevTable, choose: hashOfFlow} }

func each(backends []*backend) []*backend { return backends }

// hashOfFlow is the same for all packets between two addresses and ports. The seed makes it the same for all rules.
func hashOfFlow(family string, size int) string {
	return fmt.Sprintf("jhash %[1]s saddr . %[1]s daddr . th sport . th dport mod %[2]d seed 0x6d636f6e", family, size)
}

// hashOfSource sends all connections of an address to one backend, as kube-proxy's session affinity does.
func hashOfSource(family string, size int) string {
	return fmt.Sprintf("jhash %s saddr mod %d seed 0x6d636f6e", family, size)
}

func (d *dnat) use(n *network, backends []*backend) error {
	d.inUse = backends
	return n.lb.nft(ruleset("ip", d.rule("ip", "", backends)) + ruleset("ip6", d.rule("ip6", "", backends)))
}

// rule deals out the VIP's packets that match.
func (d *dnat) rule(family, match string, backends []*backend) string {
	vip, address := vip4, (*backend).address4
	if family == "ip6" {
		vip, address = vip6, (*backend).address6
	}
	table := d.table(backends)
	elements := make([]string, len(table))
	for i, b := range table {
		elements[i] = fmt.Sprintf("%d : %s", i, address(b))
	}
	return fmt.Sprintf("%[1]s daddr %[2]s %[3]s meta l4proto { tcp, udp } dnat to %[4]s map { %[5]s }",
		family, vip, match, d.choose(family, len(table)), strings.Join(elements, ", "))
}

// ruleset replaces all rules in one step. The chain stays: without one, the kernel would not translate at all.
func ruleset(family string, rules ...string) string {
	return fmt.Sprintf(`
		table %[1]s lab {
			chain arriving { type nat hook prerouting priority dstnat; }
		}
		flush chain %[1]s lab arriving
		table %[1]s lab {
			chain arriving {
				%[2]s
			}
		}`, family, strings.Join(rules, "\n"))
}
