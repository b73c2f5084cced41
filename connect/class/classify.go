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

// OfCall maps what a system call has returned to a class. To bind a source port below 1024 takes a privilege (ip(7)), and the kernel
// calls a source invalid that can't reach the target, such as 127.0.0.1 one on another host.
func OfCall(name string, errno syscall.Errno) Class {
	if name == "bind" && errno == syscall.EACCES || name == "connect" && errno == syscall.EINVAL {
		return AddrNotAvailable
	}
	return OfErrno(errno)
}

// OfErrno maps what the system says to a class.
func OfErrno(errno syscall.Errno) Class {
	if class, ok := errnos[errno]; ok {
		return class
	}
	return Other
}
