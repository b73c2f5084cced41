//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"strings"
)

// dnat translates the VIP to a backend's address with nftables, as kube-proxy does in its modes iptables and nftables.
// Connection tracking remembers the choice, so a change of the rule is for new connections only.
type dnat struct {
	// choose is an expression that yields an index into a table of this size.
	choose func(family string, size int) string
	// table is the backend for each index.
	table func([]*backend) []*backend
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

func (d *dnat) use(n *network, backends []*backend) error {
	return n.lb.nft(d.ruleset("ip", vip4, backends, (*backend).address4) + d.ruleset("ip6", vip6, backends, (*backend).address6))
}

// ruleset replaces the rule in one step. The chain stays: without one, the kernel would not translate at all.
func (d *dnat) ruleset(family string, vip netip.Addr, backends []*backend, address func(*backend) netip.Addr) string {
	table := d.table(backends)
	elements := make([]string, len(table))
	for i, b := range table {
		elements[i] = fmt.Sprintf("%d : %s", i, address(b))
	}
	return fmt.Sprintf(`
		table %[1]s lab {
			chain arriving { type nat hook prerouting priority dstnat; }
		}
		flush chain %[1]s lab arriving
		table %[1]s lab {
			chain arriving {
				%[1]s daddr %[2]s meta l4proto { tcp, udp } dnat to %[3]s map { %[4]s }
			}
		}`, family, vip, d.choose(family, len(table)), strings.Join(elements, ", "))
}
