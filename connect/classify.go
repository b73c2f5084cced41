package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// classify maps what a socket call returned to a class. Name resolution and TLS are told apart by their callers.
func classify(err error) Class {
	var errno syscall.Errno
	var netErr net.Error
	switch {
	case err == nil:
		return ClassNone
	case errors.As(err, &errno):
		return classifyErrno(errno)
	case errors.Is(err, context.Canceled):
		return ClassAborted
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return ClassTimeout
	case errors.As(err, &netErr) && netErr.Timeout():
		return ClassTimeout
	case errors.Is(err, io.EOF):
		return ClassClosed
	default:
		return ClassOther
	}
}

func classifyErrno(errno syscall.Errno) Class {
	if class, ok := errnoClasses[errno]; ok {
		return class
	}
	return ClassOther
}

// Classify maps an error of package net to a class. Name resolution and TLS are for the caller to tell apart.
func Classify(err error) Class { return classify(err) }
