package connect_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// A TCP ping's result tells its success or its failure.
func TestTCPPing(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	listening, err := connect.ParseTarget(listener.Addr().String())
	require.NoError(t, err)
	closed, err := connect.ParseTarget("127.0.0.1:1")
	require.NoError(t, err)
	for _, test := range []struct {
		name  string
		ping  connect.TCPPing
		class connect.Class
		text  string
	}{
		{"connects", connect.TCPPing{Target: listening}, connect.ClassNone, ""},
		{"connects from a source", connect.TCPPing{Target: listening, Source: netip.MustParseAddr("127.0.0.1")}, connect.ClassNone, ""},
		{"refused", connect.TCPPing{Target: closed}, connect.ClassRefused, "tcp 127.0.0.1:1: refused after"},
		{"source of the other IP version", connect.TCPPing{Target: listening, Source: netip.IPv6Loopback()}, connect.ClassAddrNotAvailable, "from ::1: addr_not_available after"},
		{"source of the other IP version, in words", connect.TCPPing{Target: listening, Source: netip.IPv6Loopback()}, connect.ClassAddrNotAvailable, "is of the other IP version; use a source of its version"},
		{"name unknown", connect.TCPPing{Target: connect.Target{Name: "web:80", Class: connect.ClassDNS, Err: errors.New("no such host")}}, connect.ClassDNS, "tcp web:80: dns after 0s: no such host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pong := test.ping.Do(t.Context())
			assert.Equal(t, test.class.String(), pong.Class.String())
			assert.Equal(t, test.ping.Target.Addr, pong.RemoteAddr)
			assert.WithinDuration(t, time.Now(), pong.Start, time.Minute)
			if test.class == connect.ClassNone {
				assert.NoError(t, pong.Err)
				assert.Positive(t, pong.Connect)
				return
			}
			assert.ErrorContains(t, pong.Err, test.text)
		})
	}
}

// If the caller's context is done, the result says so.
func TestTCPPingAborted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target, err := connect.ParseTarget("127.0.0.1:1")
	require.NoError(t, err)
	assert.Equal(t, connect.ClassAborted, connect.TCPPing{Target: target}.Do(ctx).Class)
}
