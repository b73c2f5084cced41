//go:build unix

package connect

import "syscall"

var errnoClasses = map[syscall.Errno]Class{
	0:                     ClassNone,
	syscall.ECONNREFUSED:  ClassRefused,
	syscall.ETIMEDOUT:     ClassTimeout,
	syscall.ECONNRESET:    ClassReset,
	syscall.ECONNABORTED:  ClassReset,
	syscall.EPIPE:         ClassReset,
	syscall.EHOSTUNREACH:  ClassHostUnreachable,
	syscall.EHOSTDOWN:     ClassHostUnreachable,
	syscall.ENETUNREACH:   ClassNetUnreachable,
	syscall.ENETDOWN:      ClassNetUnreachable,
	syscall.EADDRINUSE:    ClassAddrInUse,
	syscall.EADDRNOTAVAIL: ClassAddrNotAvailable,
	syscall.EPERM:         ClassBlocked, // connect(2), send(2): this host's own firewall
	syscall.EMFILE:        ClassFDLimit,
	syscall.ENFILE:        ClassFDLimit,
}
