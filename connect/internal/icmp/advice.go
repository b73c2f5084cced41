package icmp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Advice says where to look for what the message tells.
func (e Error) Advice() string {
	switch isOwn := own(e.From); {
	case isOwn && (e.Kind == hostUnreachable || e.Kind == addressUnreachable):
		return "this host says so itself: most likely nobody answers its ARP or neighbour requests (ip neigh); check that the target, or the router to it, is up and in this network"
	case isOwn:
		return fmt.Sprintf("%s says so, which is this host itself: look at its firewall (nft list ruleset) and routes (ip route get)", e.From)
	case e.Kind == fragmentationNeeded || e.Kind == packetTooBig:
		return fmt.Sprintf("%s says so: the link behind it carries only smaller packets; send smaller datagrams, or take driver 'sockets', which sends them in parts", e.From)
	case e.Kind == timeToLiveExceeded || e.Kind == hopLimitExceeded:
		return fmt.Sprintf("%s says so: routers send the packets in a circle, most likely between it and the next one (traceroute); nobody there has the address, such as a virtual IP that no balancer announces any more, or a route there leads back", e.From)
	case e.Kind == portUnreachable:
		return fmt.Sprintf("%s says so: a firewall or balancer there rejects it (a rule REJECT; kube-proxy does so for a service without endpoints)", e.From)
	}
	return fmt.Sprintf("%s says so, a router or firewall on the way, or the target itself: look at its routes, neighbours and rules", e.From)
}

// NotListening reports whether the message can come from a target where nobody listens: over UDP the target itself sends it (RFC 1122,
// 4.1.3.1). A TCP sends RST instead (RFC 9293, 3.10.7.1), so such a message about TCP is a firewall's.
func (e Error) NotListening(network string, target netip.Addr) bool {
	return strings.HasPrefix(network, "udp") && e.From == target.WithZone("").Unmap()
}

// own reports whether an interface of this host has the address.
func own(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(all, func(of net.Addr) bool {
		prefix, err := netip.ParsePrefix(of.String())
		return err == nil && prefix.Addr() == a.WithZone("").Unmap()
	})
}
