package sys

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// BindSource binds a socket to the source it will connect from. An invalid address or port 0 leaves that part to the kernel.
//
// IP_FREEBIND allows any address, whether this host has it yet or not. If the port is the kernel's to choose,
// IP_BIND_ADDRESS_NO_PORT puts that off until the connect, when the same port can serve other destinations too. Else
// SO_REUSEADDR takes a port back whose last connection is in TIME_WAIT (ip(7), socket(7)).
func BindSource(fd, family int, from netip.AddrPort) syscall.Errno {
	addr := from.Addr()
	switch {
	case addr.IsValid():
	case family == unix.AF_INET:
		addr = netip.IPv4Unspecified()
	default:
		addr = netip.IPv6Unspecified()
	}
	PrepareSource(fd, family, from.Port())
	a := NewAddr(netip.AddrPortFrom(addr, from.Port()))
	return Bind(fd, &a)
}

// PrepareSource sets the options of BindSource without binding. Kernels that lack one of them do without it.
func PrepareSource(fd, family int, port uint16) {
	if family == unix.AF_INET6 {
		_ = SetInt(fd, unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1)
	} else {
		_ = SetInt(fd, unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
	}
	if port == 0 {
		_ = SetInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	} else {
		_ = SetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
}

// LimitPort makes the kernel choose this local port, and no other, when the socket connects (IP_LOCAL_PORT_RANGE, Linux 6.3, of IPv6
// too). Unlike a port that is bound, it can serve several destinations.
func LimitPort(fd int, port uint16) syscall.Errno {
	return SetInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, int(uint32(port)<<16|uint32(port)))
}
