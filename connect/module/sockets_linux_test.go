package module_test

import (
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/ports"
)

// startHeld is the port of a listener with one established connection that has been accepted. No socket of another test has that port.
func startHeld(t *testing.T) (port string) {
	t.Helper()
	accepted := make(chan struct{})
	listener, err := net.Listen("tcp", ports.Outside(t))
	require.NoError(t, err)
	servePeer(t, listener, func(conn net.Conn) {
		close(accepted)
		silent(conn)
	})
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	<-accepted
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

func TestSockets(t *testing.T) {
	t.Parallel()
	port := startHeld(t)
	v := newVU(t, settings{})
	r := get[map[string]any](t, v, `return sockets({port: %s, tags: {site: 'ham'}})`, port)
	assert.InDelta(t, 1, r["established"], 0)
	assert.InDelta(t, 1, r["listen"], 0)
	assert.InDelta(t, 2, r["total"], 0)
	assert.InDelta(t, 0, r["accept_queue"], 0)
	for _, field := range []string{"backlog", "fds", "fd_limit"} {
		assert.Greater(t, r[field], 0.0, field)
	}
	s := v.taken()
	states := s.by("mconnect_sockets", "state", "port", "site", "remote")
	assert.Len(t, states, 11, "one for each state")
	assert.InDelta(t, 1, states["established|"+port+"|ham|"], 0)
	assert.InDelta(t, r["fd_limit"], s.last("mconnect_fd_limit"), 0)
	assert.InDelta(t, r["fds"], s.last("mconnect_fds"), 0)

	r = get[map[string]any](t, v, `return sockets({peer: '127.0.0.1:%s', pid: %d})`, port, os.Getpid())
	assert.InDelta(t, 1, r["total"], 0, "the client's end")
	assert.Equal(t, []string{"127.0.0.1:" + port}, tagValues(v.taken().of("mconnect_sockets"), "peer"))
	assert.Greater(t, get[map[string]any](t, v, `return sockets()`)["total"], 0.0)
}

// Sockets of a remote host are those that its companion server tells.
func TestSocketsOfARemoteHost(t *testing.T) {
	t.Parallel()
	port := startHeld(t)
	v := newVU(t, settings{})
	url := get[string](t, v, `globalThis.remote = listen({http: '127.0.0.1:0'}).http; return remote`)
	r := get[map[string]any](t, v, `return sockets({remote, port: %s})`, port)
	assert.InDelta(t, 1, r["established"], 0)
	assert.Equal(t, []string{url}, tagValues(v.taken().of("mconnect_sockets"), "remote"))

	out := v.run(t, `return sockets({remote: 'http://`+refusing(t)+`'})`)
	assert.Equal(t, "GoError", out.Name, "no TypeError, as it's no fault of the script: %s", out.Text)
	assert.Contains(t, out.Text, "sockets(): ")
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	type checked struct {
		OK     bool
		Checks []struct {
			Name          string
			Value, Needed float64
			OK            bool
			Fix           string
		}
	}
	assert.True(t, get[checked](t, v, `return preflight()`).OK)
	r := get[checked](t, v, `return preflight({connections: 1e12, source: '10.0.0.1', sourcePorts: '1000-1009', targets: 2})`)
	assert.False(t, r.OK)
	failed := map[string]float64{}
	for _, check := range r.Checks {
		if !check.OK {
			failed[check.Name] = check.Needed
			assert.Less(t, check.Value, check.Needed, check.Name)
			assert.NotEmpty(t, check.Fix, check.Name)
		}
	}
	assert.NotEmpty(t, failed)
}

// A call that this machine is too small for says so once.
func TestPreflightOfACall(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	target := refusing(t)
	for range 2 {
		get[any](t, v, `await hold('%s', {connections: 100000000, timeout: '1ms'})`, target)
	}
	lines := v.logged("this machine lacks something for 100000000 connections at once")
	assert.NotEmpty(t, lines)
	for i, line := range lines {
		assert.NotContains(t, lines[:i], line, "told once")
	}
}
