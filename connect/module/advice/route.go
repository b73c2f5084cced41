package advice

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// lostRoute says that this host has no route to a target by now, "" if it has one. It sends nothing: the connect of a datagram socket looks for a
// route, and no more.
func lostRoute(to netip.AddrPort) string {
	if !to.IsValid() {
		return ""
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	switch {
	case err == nil:
		_ = conn.Close()
		return ""
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Sprintf("this host has no route to %s any more: an interface, an address or a route of its own has gone since the connection was made (a cable, a VPN, a lease that ran out); look at ip address, ip route, and the host's log", to.Addr())
	}
	return ""
}
