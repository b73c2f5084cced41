package class

import (
	"context"
	"errors"
	"io"
	"net"
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
	case forbidsSource(err):
		return AddrNotAvailable
	case errors.As(err, &errno):
		return OfErrno(errno)
	case errors.Is(err, context.Canceled):
		return Aborted
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.As(err, &netErr) && netErr.Timeout():
		return Timeout
	case errors.Is(err, io.EOF):
		return Closed
	default:
		return Other
	}
}

// forbidsSource reports whether it is not the target that this process may not use, but its source port: one below 1024 that
// needs privileges (ip(7)).
func forbidsSource(err error) bool {
	call, ok := errors.AsType[*os.SyscallError](err)
	return ok && call.Syscall == "bind" && errors.Is(call.Err, syscall.EACCES)
}

// OfErrno maps what the system says to a class.
func OfErrno(errno syscall.Errno) Class {
	if class, ok := errnos[errno]; ok {
		return class
	}
	return Other
}
