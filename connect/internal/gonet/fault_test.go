package gonet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

func runnerOf(plan engine.Plan) *runner { return &runner{job: &engine.Job{Plan: plan}} }

// opError is an error as package net wraps it.
func opError(op, call string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(call, errno)}
}

// What package net says of a dial is what an event loop says of it.
func TestDialFault(t *testing.T) {
	t.Parallel()
	handshake := func(err error) error { return engine.HandshakeError{Err: err} }
	fixed := engine.Plan{Sources: source.Sequence{Ports: source.Ports{First: 10_000, Last: 10_000}}}
	strange := errors.New("strange")
	for name, test := range map[string]struct {
		plan engine.Plan
		err  error
		want engine.Fault
	}{
		"none":                   {want: engine.Fault{}},
		"refused":                {err: opError("dial", "connect", syscall.ECONNREFUSED), want: engine.Fault{Class: class.Refused, Err: engine.CallError{Call: "connect", Errno: syscall.ECONNREFUSED}}},
		"no descriptor":          {err: opError("dial", "socket", syscall.EMFILE), want: engine.Fault{Class: class.FDLimit, Err: engine.CallError{Call: "socket", Errno: syscall.EMFILE}}},
		"source not here":        {err: opError("dial", "bind", syscall.EACCES), want: engine.Fault{Class: class.AddrNotAvailable, Err: engine.CallError{Call: "bind", Errno: syscall.EACCES}}},
		"no port left":           {err: opError("dial", "connect", syscall.EADDRNOTAVAIL), want: engine.Fault{Class: class.AddrNotAvailable, Err: engine.CallError{Call: "connect", Errno: syscall.EADDRNOTAVAIL}}},
		"fixed port taken":       {plan: fixed, err: opError("dial", "connect", syscall.EADDRNOTAVAIL), want: engine.Fault{Class: class.AddrInUse, Err: engine.CallError{Call: "connect", Errno: syscall.EADDRNOTAVAIL}}},
		"time is up":             {err: fmt.Errorf("dial: %w", engine.ReasonConnectTimeout), want: engine.Fault{Class: class.Timeout, Err: engine.ReasonConnectTimeout}},
		"connected to itself":    {err: engine.ReasonSelf, want: engine.Fault{Class: class.Refused, Err: engine.ReasonSelf}},
		"stopped":                {err: fmt.Errorf("dial: %w", context.Canceled), want: engine.Fault{Class: class.Aborted, Err: engine.ReasonStopped}},
		"handshake too slow":     {err: handshake(os.ErrDeadlineExceeded), want: engine.Fault{Class: class.Timeout, Err: engine.ReasonHandshakeTimeout}},
		"reset in the handshake": {err: handshake(opError("read", "read", syscall.ECONNRESET)), want: engine.Fault{Class: class.Reset, Err: handshake(opError("read", "read", syscall.ECONNRESET))}},
		"bad certificate":        {err: handshake(strange), want: engine.Fault{Class: class.TLS, Err: handshake(strange)}},
		"something else":         {err: strange, want: engine.Fault{Class: class.Other, Err: strange}},
	} {
		assert.Equal(t, test.want, runnerOf(test.plan).dialFault(test.err), name)
	}
}

// So is what it says of an established connection.
func TestFaultOf(t *testing.T) {
	t.Parallel()
	strange := errors.New("tls: strange")
	for name, test := range map[string]struct {
		protocol string
		err      error
		want     engine.Fault
	}{
		"reset":                        {"tcp", opError("read", "read", syscall.ECONNRESET), engine.Fault{Class: class.Reset, Err: engine.CallError{Call: "read", Errno: syscall.ECONNRESET}}},
		"port unreachable":             {"udp", opError("read", "recvfrom", syscall.ECONNREFUSED), engine.Fault{Class: class.Refused, Err: engine.CallError{Call: "read", Errno: syscall.ECONNREFUSED}}},
		"closed in the middle of data": {"tls", io.ErrUnexpectedEOF, engine.Fault{Class: class.Closed, Err: engine.ReasonClosed}},
		"a record that is wrong":       {"tls", strange, engine.Fault{Class: class.TLS, Err: strange}},
		"something else":               {"tcp", strange, engine.Fault{Class: class.Other, Err: strange}},
	} {
		assert.Equal(t, test.want, runnerOf(engine.Plan{Protocol: test.protocol}).faultOf("read", test.err), name)
	}
}

// A deadline that passed while this process was paused is moved, by no more than a handshake's time at once, and not for ever.
func TestLateness(t *testing.T) {
	t.Parallel()
	pause := int64(time.Hour)
	l := lateness{deadline: loop.Now() + pause, most: time.Second}
	assert.False(t, l.extend(), "it has not passed")
	for range mostTimes {
		l.deadline = loop.Now() - pause
		assert.True(t, l.extend())
		assert.Greater(t, l.deadline, loop.Now()-pause, "it has moved")
		assert.LessOrEqual(t, l.deadline, loop.Now()+int64(l.most)+int64(lastLook), "by no more than that")
	}
	l.deadline = loop.Now() - pause
	assert.False(t, l.extend(), "a process that is always late")
}
