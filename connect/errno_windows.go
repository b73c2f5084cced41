package connect

import (
	"syscall"

	"golang.org/x/sys/windows"
)

var errnoClasses = map[syscall.Errno]Class{
	0:                        ClassNone,
	windows.WSAECONNREFUSED:  ClassRefused,
	windows.WSAETIMEDOUT:     ClassTimeout,
	windows.WSAECONNRESET:    ClassReset,
	windows.WSAECONNABORTED:  ClassReset,
	windows.WSAEHOSTUNREACH:  ClassHostUnreachable,
	windows.WSAEHOSTDOWN:     ClassHostUnreachable,
	windows.WSAENETUNREACH:   ClassNetUnreachable,
	windows.WSAENETDOWN:      ClassNetUnreachable,
	windows.WSAEADDRINUSE:    ClassAddrInUse,
	windows.WSAEADDRNOTAVAIL: ClassAddrNotAvailable,
	windows.WSAEMFILE:        ClassFDLimit,
}
