package class

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var errnos = map[syscall.Errno]Class{
	0:                        None,
	windows.WSAECONNREFUSED:  Refused,
	windows.WSAETIMEDOUT:     Timeout,
	windows.WSAECONNRESET:    Reset,
	windows.WSAECONNABORTED:  Reset,
	windows.WSAEHOSTUNREACH:  HostUnreachable,
	windows.WSAEHOSTDOWN:     HostUnreachable,
	windows.WSAENETUNREACH:   NetUnreachable,
	windows.WSAENETDOWN:      NetUnreachable,
	windows.WSAEADDRINUSE:    AddrInUse,
	windows.WSAEADDRNOTAVAIL: AddrNotAvailable,
	windows.WSAEACCES:        Blocked, // this host's own firewall
	windows.WSAEMFILE:        FDLimit,
}
