//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ecmp is a route with several next hops. Linux chooses one by hash-threshold (RFC 2992). It keeps no state: who shares
// the hash space anew, moves live connections.
type ecmp struct{}

func newECMP() balancer { return ecmp{} }

// hashFlows makes routes with several next hops look at the whole 5-tuple. That is what fib_multipath_hash_policy=1 is
// for; but there the kernel takes the hash that a packet carries already, and from a local network interface (veth) that is a
// random number of the sender's socket: dialed again, a flow would go elsewhere. Policy 3 computes it from these fields:
// source, destination, protocol and both ports.
func hashFlows(n *network) error {
	const custom, flow = 3, 0x37
	return errors.Join(
		n.lb.sysctl("ipv4/fib_multipath_hash_fields", flow), n.lb.sysctl("ipv4/fib_multipath_hash_policy", custom),
		n.lb.sysctl("ipv6/fib_multipath_hash_fields", flow), n.lb.sysctl("ipv6/fib_multipath_hash_policy", custom),
	)
}

func (ecmp) use(n *network, backends []*backend) error {
	if err := hashFlows(n); err != nil {
		return err
	}
	route := func(vip netip.Addr, address func(*backend) netip.Addr) string {
		var hops strings.Builder
		for _, b := range backends {
			fmt.Fprintf(&hops, " nexthop via %s dev %s", address(b), b.nic)
		}
		return fmt.Sprintf("route replace %s%s", vip, hops.String())
	}
	return n.lb.ip(route(vip4, (*backend).address4), route(vip6, (*backend).address6))
}

func (b *backend) address4() netip.Addr { return b.v4 }
func (b *backend) address6() netip.Addr { return b.v6 }
