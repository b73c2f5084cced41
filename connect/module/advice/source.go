package advice

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// foreignSource tells that a source does not belong to this host, so that the kernel has no route from it; "" if it does.
func foreignSource(source netip.Addr) string {
	if !source.IsValid() || limits.IsOwn(source) {
		return ""
	}
	return fmt.Sprintf("the source %s does not belong to this host: give the whole range to it (ip route add local 198.18.0.0/24 dev lo, with your range), and see that answers find their way back", source)
}

// noInterface tells that a link-local address is on an interface that this host does not have; "" if it has it.
func noInterface(target netip.Addr) string {
	if target.Zone() == "" {
		return ""
	}
	if _, err := net.InterfaceByName(target.Zone()); err == nil {
		return ""
	}
	if _, err := strconv.Atoi(target.Zone()); err == nil {
		return "" // its number
	}
	return fmt.Sprintf("this host has no interface %q (ip link)", target.Zone())
}

// manyHosts tells that a target is an address of many hosts; "" if it is one of one host.
func manyHosts(target netip.Addr) string {
	switch {
	case target.IsMulticast():
		return fmt.Sprintf("%s is a multicast address: a connection has one peer, which answers from an address of its own", target)
	case isBroadcast(target):
		return fmt.Sprintf("%s is a broadcast address, of all hosts in a network of this one: take the address of one host", target)
	}
	return ""
}

// isBroadcast reports whether an address is the last one in a network of an interface (RFC 919), or that of any network.
func isBroadcast(target netip.Addr) bool {
	if !target.Is4() {
		return false
	}
	if target == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool {
		network, err := netip.ParsePrefix(a.String())
		return err == nil && isLast(network, target)
	})
}

// isLast reports whether an address is the last one of a network. One of two addresses or of one has no broadcast (RFC 3021).
func isLast(network netip.Prefix, a netip.Addr) bool {
	const pair = 31
	return network.Bits() < pair && network.Contains(a) && !network.Contains(a.Next())
}
