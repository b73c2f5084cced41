package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	_, otherKey := certificate(t)
	for name, row := range map[string]struct {
		options server.Options
		option  string
		message string
	}{
		"no port":             {server.Options{Address: "127.0.0.1"}, "Address", `Address "127.0.0.1": missing port in address: use host:port`},
		"bare IPv6":           {server.Options{Address: "::1:5001"}, "Address", `Address "::1:5001": too many colons in address: use`},
		"port out of range":   {server.Options{Address: "[::1]:65536"}, "Address", "port is not a number from 0 to 65535"},
		"port by name":        {server.Options{Address: "[::1]:http"}, "Address", "port is not a number"},
		"echo without port":   {server.Options{Echo: "5003"}, "Echo", `Echo "5003": missing port`},
		"probe without port":  {server.Options{Probe: "healthz"}, "Probe", `Probe "healthz": missing port`},
		"long name":           {server.Options{Hostname: strings.Repeat("x", 256)}, "Hostname", "use 1 to 255 bytes of printable UTF-8"},
		"name with newline":   {server.Options{Hostname: "web\n1"}, "Hostname", `Hostname "web\n1": not a name that clients accept`},
		"negative limit":      {server.Options{MaxConnections: -1}, "MaxConnections", "must be 1 or more"},
		"limit out of reach":  {server.Options{MaxConnections: 1 << 40}, "MaxConnections", "the limit of file descriptors leaves room for"},
		"negative timeout":    {server.Options{IdleTimeout: -1}, "IdleTimeout", "must be above 0"},
		"negative loops":      {server.Options{Loops: -1}, "Loops", "must be 1 or more"},
		"HTTP without port":   {server.Options{HTTP: "localhost"}, "HTTP", `HTTP "localhost": missing port`},
		"negative delay":      {server.Options{HTTPDelay: -1}, "HTTPDelay", "must be 0 or more"},
		"negative HTTP time":  {server.Options{HTTPTimeout: -1}, "HTTPTimeout", "must be above 0"},
		"certificate alone":   {server.Options{TLSCert: cert}, "TLSKey", "both a certificate and its key"},
		"key alone":           {server.Options{TLSKey: key}, "TLSCert", "both a certificate and its key"},
		"missing certificate": {server.Options{TLSCert: "none.pem", TLSKey: key}, "TLSCert", "none.pem"},
		"key of another":      {server.Options{TLSCert: cert, TLSKey: otherKey}, "TLSCert", "private key does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := server.Start(row.options)
			var wrong *server.OptionError
			require.ErrorAs(t, err, &wrong)
			assert.Equal(t, row.option, wrong.Option)
			assert.ErrorContains(t, err, row.message)
		})
	}
}

func TestListenersThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	takenUDP, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = takenUDP.Close() })
	for name, row := range map[string]struct {
		options server.Options
		cause   error
		message string
	}{
		"address in use":       {server.Options{Address: taken.Addr().String()}, syscall.EADDRINUSE, "address already in use: stop what listens there"},
		"UDP address in use":   {server.Options{Address: takenUDP.LocalAddr().String(), UDP: true}, syscall.EADDRINUSE, "address already in use: stop what listens there"},
		"echo's in use":        {server.Options{Echo: taken.Addr().String()}, syscall.EADDRINUSE, "Echo"},
		"echo's UDP in use":    {server.Options{Echo: takenUDP.LocalAddr().String()}, syscall.EADDRINUSE, "Echo"},
		"probe's in use":       {server.Options{Address: "127.0.0.1:0", Probe: taken.Addr().String()}, syscall.EADDRINUSE, "Probe"},
		"not of this host":     {server.Options{Address: "192.0.2.1:5001"}, syscall.EADDRNOTAVAIL, "use an address of this host"},
		"UDP, not of this one": {server.Options{Address: "192.0.2.1:0", UDP: true}, syscall.EADDRNOTAVAIL, "use an address of this host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := server.Start(row.options)
			var failed *server.ListenError
			require.ErrorAs(t, err, &failed)
			require.ErrorIs(t, err, row.cause)
			assert.ErrorContains(t, err, row.message)
		})
	}
}

// If all ports are taken, the error does not advise to take another one.
func TestListenErrorWithoutPorts(t *testing.T) {
	t.Parallel()
	err := &server.ListenError{Option: "Address", Address: "127.0.0.1:0", Err: syscall.EADDRINUSE}
	assert.ErrorContains(t, err, "all local ports are taken")
}

func TestListenErrorWithoutAdvice(t *testing.T) {
	t.Parallel()
	err := &server.ListenError{Option: "Address", Address: "x:1", Err: errors.New("no such host")}
	assert.EqualError(t, err, `Address "x:1": no such host`)
}

func TestListenErrorOfDescriptors(t *testing.T) {
	t.Parallel()
	err := &server.ListenError{Option: "Address", Address: "127.0.0.1:1", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	assert.ErrorContains(t, err, "the address is free, but no file descriptor: raise the limit (ulimit -n)")
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	srv := start(t, server.Options{
		Log: slog.New(slog.NewTextHandler(&log, nil)), UDP: true, Probe: "127.0.0.1:0", MaxConnections: 1, Drain: -1,
	})
	expectName(t, transports["plain"].connect(t, srv.Addr()))
	for range 5 {
		expectEnd(t, transports["plain"].connect(t, srv.Addr()))
	}
	_ = srv.Stop(context.Background())
	lines := log.String()
	assert.Contains(t, lines, "Listen on address; "+srv.Addr().String())
	assert.Contains(t, lines, "Listen on UDP address; "+srv.UDPAddr().String())
	assert.Contains(t, lines, "K8s Liveness on; http://"+srv.ProbeAddr().String()+"/healthz")
	assert.Equal(t, 1, strings.Count(lines, "Connections refused"), "a line for each would fill the disk")
}
