package gonet

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// faultOf classifies the error of a read or write on an established connection.
func (r *runner) faultOf(call string, err error) engine.Fault {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return engine.Fault{Class: class.OfErrno(errno), Err: engine.CallError{Call: call, Errno: errno}}
	}
	fault := engine.Fault{Class: class.Of(err), Err: err}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		fault.Err = engine.ReasonClosed // in the middle of a record of TLS
	case fault.Class == class.Other && r.job.Plan.Protocol == "tls":
		fault.Class = class.TLS
	}
	return fault
}

// dialFault classifies the error of a dial.
func (r *runner) dialFault(err error) engine.Fault {
	if told, ok := errors.AsType[icmp.Error](err); ok {
		return r.toldFault(told)
	}
	_, inHandshake := errors.AsType[engine.HandshakeError](err)
	switch {
	case err == nil:
		return engine.Fault{}
	case errors.Is(err, engine.ReasonConnectTimeout):
		return engine.Fault{Class: class.Timeout, Err: engine.ReasonConnectTimeout}
	case errors.Is(err, engine.ReasonSelf):
		return engine.Fault{Class: class.Refused, Err: engine.ReasonSelf}
	case inHandshake && errors.Is(err, os.ErrDeadlineExceeded):
		return engine.Fault{Class: class.Timeout, Err: engine.ReasonHandshakeTimeout}
	case errors.Is(err, context.Canceled):
		return engine.Fault{Class: class.Aborted, Err: engine.ReasonStopped}
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok && !inHandshake {
		if errno, ok := errors.AsType[syscall.Errno](call); ok {
			return r.callFault(class.Of(err), call.Syscall, errno)
		}
	}
	fault := engine.Fault{Class: class.Of(err), Err: err}
	if fault.Class == class.Other && inHandshake {
		if _, isCall := errors.AsType[syscall.Errno](err); !isCall {
			fault.Class = class.TLS
		}
	}
	return fault
}

// toldFault is the fault of a dial with an ICMP message behind it.
func (r *runner) toldFault(told icmp.Error) engine.Fault {
	fault := r.dialFault(told.Err)
	if told.Prohibited {
		fault.Class = class.Blocked
	}
	told.Err = fault.Err
	fault.Err = told
	return fault
}

func (r *runner) callFault(of class.Class, call string, errno syscall.Errno) engine.Fault {
	fault := engine.Fault{Class: of, Err: engine.CallError{Call: call, Errno: errno}}
	if call == "connect" && errno == syscall.EADDRNOTAVAIL && r.job.Plan.Sources.Ports.Count() > 0 {
		fault.Class = class.AddrInUse // the port it may use is taken: another connection has the same 5-tuple
	}
	return fault
}

// lateness gives back the time that this process was paused when a deadline passed: what came meanwhile, came in time.
type lateness struct {
	deadline int64
	most     time.Duration // at once
	times    int
}

// mostTimes bounds how often time is given back, for a process that is always late.
const mostTimes = 5

// extend moves the deadline by as much as this process seems to have been paused beyond it. It returns false if it was not.
func (l *lateness) extend() bool {
	if !isLate(l.deadline) || l.times == mostTimes {
		return false
	}
	l.times++
	now := loop.Now()
	l.deadline = now + min(now-l.deadline, int64(l.most)) + int64(lastLook)
	return true
}

// lastLooker is what TLS shakes hands on. TLS itself never recovers from a handshake that was late.
type lastLooker struct {
	net.Conn
	conn *conn
	late lateness
}

// Read implements net.Conn.
func (l *lastLooker) Read(p []byte) (int, error) {
	for {
		n, err := l.Conn.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !l.lookAgain() {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (l *lastLooker) Write(p []byte) (int, error) {
	for sent := 0; ; {
		n, err := l.Conn.Write(p[sent:])
		sent += n
		if !errors.Is(err, os.ErrDeadlineExceeded) || !l.lookAgain() {
			return sent, err
		}
	}
}

// lookAgain gives the handshake time back.
func (l *lastLooker) lookAgain() bool {
	r := l.conn.runner
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.conn.closed || l.conn.stream != nil || !l.late.extend() {
		return false
	}
	return l.SetDeadline(instant(l.late.deadline)) == nil
}

// resetConn stands for a connection that was reset before package net had looked at it.
type resetConn struct{ net.Conn }

var errWasReset = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// Read implements net.Conn.
func (resetConn) Read([]byte) (int, error) { return 0, errWasReset }

// Write implements net.Conn.
func (resetConn) Write(p []byte) (int, error) { return len(p), nil }

// LocalAddr implements net.Conn.
func (resetConn) LocalAddr() net.Addr { return nil }

// SetDeadline implements net.Conn.
func (resetConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (resetConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (resetConn) SetWriteDeadline(time.Time) error { return nil }

// Close implements net.Conn.
func (resetConn) Close() error { return nil }
