package class

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// Of maps what a socket call returned to a class. Name resolution and TLS are told apart by their callers.
func Of(err error) Class {
	var errno syscall.Errno
	var netErr net.Error
	switch {
	case err == nil:
		return None
	case errors.As(err, &errno) && nameOf(err) == "connect":
		from, to := endsOf(err)
		return OfConnect(errno, from, to)
	case errors.As(err, &errno):
		return OfCall(nameOf(err), errno)
	case errors.Is(err, context.Canceled):
		return Aborted
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.As(err, &netErr) && netErr.Timeout():
		return Timeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Closed
	default:
		return Other
	}
}

// nameOf is which system call has failed, "" if the error does not tell.
func nameOf(err error) string {
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		return call.Syscall
	}
	return ""
}

// endsOf is the addresses that a dial of package net was from and to, which are not valid if the error does not tell.
func endsOf(err error) (from, to netip.Addr) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok {
		return from, to
	}
	return addrOf(op.Source), addrOf(op.Addr)
}

func addrOf(addr net.Addr) netip.Addr {
	if addr, ok := addr.(interface{ AddrPort() netip.AddrPort }); ok {
		return addr.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// OfCall maps what a system call has returned to a class. To bind a source port below 1024 takes a privilege (ip(7)).
func OfCall(name string, errno syscall.Errno) Class {
	if name == "bind" && errno == syscall.EACCES {
		return AddrNotAvailable
	}
	return OfErrno(errno)
}

// OfConnect is OfCall of connect(2). An address is not valid if the system chooses it, or if it is not known. The kernel calls an argument
// invalid if the source can't reach another host (127.0.0.0/8, 0.0.0.0/8), if a link-local target lacks its interface, and if a route of
// type blackhole leads to the target (ip-route(8)).
func OfConnect(errno syscall.Errno, from, to netip.Addr) Class {
	switch {
	case errno != syscall.EINVAL:
		return OfErrno(errno)
	case from.IsLoopback() || from.Is4() && from.As4()[0] == 0 && !from.IsUnspecified():
		return AddrNotAvailable
	case to.IsLinkLocalUnicast() || to.IsLinkLocalMulticast() || to.IsInterfaceLocalMulticast():
		return NetUnreachable
	}
	return Blocked
}

// OfErrno maps what the system says to a class.
func OfErrno(errno syscall.Errno) Class {
	if class, ok := errnos[errno]; ok {
		return class
	}
	return Other
}
