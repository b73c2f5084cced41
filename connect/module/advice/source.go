package advice

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// foreignSource tells that a source does not belong to this host, so that the kernel has no route from it; "" if it does.
func foreignSource(source netip.Addr) string {
	if !source.IsValid() || belongsHere(source) {
		return ""
	}
	return fmt.Sprintf("the source %s does not belong to this host: give the whole range to it (ip addr add 50.0.0.0/24 dev lo, with your range), and see that answers find their way back", source)
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

// belongsHere reports whether a socket can be bound to the address without IP_FREEBIND.
func belongsHere(a netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
