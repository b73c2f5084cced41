package connect

import (
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

// cause is what went wrong: a call and its error number.
type cause struct {
	op    string
	errno syscall.Errno
}

// Error implements error.
func (c cause) Error() string {
	if c.errno == socket.OK {
		return c.op
	}
	return c.op + ": " + c.errno.Error()
}

// Unwrap gives errors.Is the error number.
func (c cause) Unwrap() error { return c.errno }

// causes keeps errors that are made only once, since many connections may fail in the same way.
type causes map[cause]error

func (cs causes) of(op string, errno syscall.Errno) error {
	c := cause{op, errno}
	if cs[c] == nil {
		cs[c] = c
	}
	return cs[c]
}
