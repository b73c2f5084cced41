package server

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Room for the destination as both IP versions tell it: a datagram that IPv4 brings to an IPv6 socket has both.
var controlSize = unix.CmsgSpace(unix.SizeofInet4Pktinfo) + unix.CmsgSpace(unix.SizeofInet6Pktinfo)

// askForDestination makes every datagram come with the address that it was sent to (ip(7), ipv6(7)).
func askForDestination(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("UDP socket: %w", err)
	}
	var v4, v6 error
	err = raw.Control(func(fd uintptr) {
		// An IPv6 socket takes both options, an IPv4 socket one.
		v4 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		v6 = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	})
	if err != nil {
		return fmt.Errorf("UDP socket: %w", err)
	}
	if v4 != nil && v6 != nil {
		return fmt.Errorf("IP_PKTINFO: %w, IPV6_RECVPKTINFO: %w", v4, v6)
	}
	return nil
}

// fromDestination turns the control messages that a datagram came with into those that send the answer from the
// address where it arrived. They have the same form, but the interface is for routing to choose: behind a virtual
// address the way back may be another one.
func fromDestination(control []byte) []byte {
	rest := control
	for len(rest) >= unix.SizeofCmsghdr {
		header, data, next, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			return nil
		}
		switch {
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			clear(data[:4]) // struct in_pktinfo begins with the interface
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			fromDestination6(data)
		}
		rest = next
	}
	return control[:len(control)-len(rest)]
}

// fromDestination6 edits a struct in6_pktinfo: 16 bytes of address, and the interface.
func fromDestination6(info []byte) {
	address, nic := info[:16], info[16:20]
	switch to := netip.AddrFrom16([16]byte(address)); {
	case to.IsMulticast(): // no address to send from, but its interface has one
		clear(address)
	case !to.IsLinkLocalUnicast(): // a link-local address means nothing without its interface
		clear(nic)
	}
}
