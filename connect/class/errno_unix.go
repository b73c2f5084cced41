//go:build unix

package class

import "syscall"

var errnos = map[syscall.Errno]Class{
	0:                     None,
	syscall.ECONNREFUSED:  Refused,
	syscall.ETIMEDOUT:     Timeout,
	syscall.ECONNRESET:    Reset,
	syscall.ECONNABORTED:  Reset,
	syscall.EPIPE:         Reset,
	syscall.EHOSTUNREACH:  HostUnreachable,
	syscall.EHOSTDOWN:     HostUnreachable,
	syscall.ENETUNREACH:   NetUnreachable,
	syscall.ENETDOWN:      NetUnreachable,
	syscall.EADDRINUSE:    AddrInUse,
	syscall.EADDRNOTAVAIL: AddrNotAvailable,
	syscall.EPERM:         Blocked, // connect(2), send(2): this host's own firewall
	syscall.EACCES:        Blocked, // a route of type prohibit (ip-route(8)), or ICMP's administratively prohibited over IPv6 (RFC 4443, 3.1)
	syscall.EMFILE:        FDLimit,
	syscall.ENFILE:        FDLimit,
}
