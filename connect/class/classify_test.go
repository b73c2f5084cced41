package class_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// Errors are told apart however deep they are wrapped.
func TestOf(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		err  error
		want class.Class
	}{
		{"none", nil, class.None},
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, class.Refused},
		{"reset", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, class.Reset},
		{"no route", fmt.Errorf("a: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}), class.NetUnreachable},
		{"a route that forbids", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EACCES)}, class.Blocked},
		{"a port that needs privileges", &net.OpError{Op: "dial", Err: os.NewSyscallError("bind", syscall.EACCES)}, class.AddrNotAvailable},
		{"a source that can't reach the target", &net.OpError{Op: "dial", Source: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Err: os.NewSyscallError("connect", syscall.EINVAL)}, class.AddrNotAvailable},
		{"no such interface", &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "none"}, Err: os.NewSyscallError("connect", syscall.EINVAL)}, class.NetUnreachable},
		{"a route of type blackhole", &net.OpError{Op: "dial", Addr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, Err: os.NewSyscallError("connect", syscall.EINVAL)}, class.Blocked},
		{"the first of two", errors.Join(io.EOF, syscall.EADDRINUSE), class.AddrInUse},
		{"the system's time is up", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}, class.Timeout},
		{"a deadline", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, class.Timeout},
		{"a context's deadline", fmt.Errorf("a: %w", context.DeadlineExceeded), class.Timeout},
		{"a resolver's time is up", &net.DNSError{Err: "i/o timeout", IsTimeout: true}, class.Timeout},
		{"an HTTP client's time is up", &url.Error{Op: "Get", Err: context.DeadlineExceeded}, class.Timeout},
		{"ended by the caller", ended.Err(), class.Aborted},
		{"hung up", fmt.Errorf("a: %w", io.EOF), class.Closed},
		{"hung up in between", io.ErrUnexpectedEOF, class.Closed},
		{"an unknown name", &net.DNSError{Err: "no such host", IsNotFound: true}, class.Other},
		{"TLS", tls.AlertError(42), class.Other},
		{"an unknown system error", syscall.EINVAL, class.Other},
		{"any other", bufio.ErrTooLong, class.Other},
	} {
		assert.Equal(t, test.want.String(), class.Of(test.err).String(), test.name)
	}
}

func TestOfErrno(t *testing.T) {
	t.Parallel()
	for errno, want := range map[syscall.Errno]class.Class{
		0: class.None, syscall.EMFILE: class.FDLimit, syscall.EADDRNOTAVAIL: class.AddrNotAvailable, syscall.EHOSTUNREACH: class.HostUnreachable,
		syscall.ECONNABORTED: class.Reset, syscall.EPERM: class.Blocked, syscall.EACCES: class.Blocked, syscall.ENOENT: class.Other,
	} {
		assert.Equal(t, want.String(), class.OfErrno(errno).String(), errno.Error())
	}
}

// What the system and package net return is what the table has.
func TestOfRealSockets(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, err = net.Listen("tcp", listener.Addr().String())
	assert.Equal(t, class.AddrInUse, class.Of(err), "%v", err)
	_, err = net.Dial("tcp", "127.0.0.1:1")
	assert.Equal(t, class.Refused, class.Of(err), "%v", err)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = new(net.Dialer).DialContext(ended, "tcp", listener.Addr().String())
	assert.Equal(t, class.Aborted, class.Of(err), "%v", err)

	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	server, err := listener.Accept()
	require.NoError(t, err)
	defer server.Close()
	require.NoError(t, client.SetReadDeadline(time.Unix(1, 0)))
	_, err = client.Read(make([]byte, 1))
	assert.Equal(t, class.Timeout, class.Of(err), "%v", err)
	require.NoError(t, client.SetReadDeadline(time.Time{}))
	require.NoError(t, server.(*net.TCPConn).SetLinger(0))
	require.NoError(t, server.Close())
	_, err = client.Read(make([]byte, 1))
	assert.Equal(t, class.Reset, class.Of(err), "%v", err)
}

func FuzzUnmarshalText(f *testing.F) {
	f.Add("refused")
	f.Add(strings.Repeat("x", 300))
	f.Fuzz(func(t *testing.T, text string) {
		var c class.Class
		require.NoError(t, c.UnmarshalText([]byte(text)))
		assert.Less(t, c, class.Count)
		assert.True(t, c == class.Other || c.String() == text)
	})
}
