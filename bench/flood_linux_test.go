package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// TestMain lets the tests' own program play the children's roles, as the bench does.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childCommand {
		os.Exit(exitCode(playRole(os.Args[2])))
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // else each child, built with the race detector, sleeps a second at its end
	goleak.VerifyTestMain(m)
}

func TestContenders(t *testing.T) {
	t.Parallel()
	s, err := server.Start(server.Options{Address: "0.0.0.0:0", UDP: true})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	port := netip.MustParseAddrPort(s.Addr().String()).Port()
	fresh := newAddresses()
	for name, contender := range map[string]func(context.Context, flood) (time.Duration, error){
		"floor": floor, "net": perGoroutine, "engine": engine,
	} {
		for _, network := range []string{"tcp", "udp"} {
			f := flood{Network: network, Connections: 333, Concurrency: 10, Targets: fresh.take(333, port)}
			took, err := contender(t.Context(), f)
			require.NoError(t, err, "%s %s", name, network)
			assert.Positive(t, took)
		}
	}
	// The server counts an answer once it is sent, when the client may have it already.
	assert.Eventually(t, func() bool {
		stats := s.Stats()
		return stats.Accepted == 3*333 && stats.DatagramsAnswered == 3*333
	}, patience, time.Millisecond, "%+v", s.Stats())
}

// A contender that only seems fast must not win.
func TestContendersWantAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	silent := flood{Network: "tcp", Connections: 5, Concurrency: 2, Targets: []netip.AddrPort{netip.MustParseAddrPort(listener.Addr().String())}}
	for name, contender := range map[string]func(context.Context, flood) (time.Duration, error){
		"floor": floor, "net": perGoroutine, "engine": engine,
	} {
		_, err := contender(t.Context(), silent)
		assert.Error(t, err, name)
	}
}

func TestK6MustKnowEveryConnection(t *testing.T) {
	t.Parallel()
	complete := func() *k6Result {
		return &k6Result{Completed: 7, Samples: map[string]float64{
			"mconnect_connects": 7, "mconnect_connect_failed": 7, "mconnect_connect_duration": 7,
			"mconnect_reply_failed": 7, "mconnect_reply_duration": 7, "mconnect_replies": 7, "mconnect_rtt": 7,
		}}
	}
	f := flood{Network: "tcp", Connections: 7}
	require.NoError(t, complete().check(f))

	failed := complete()
	failed.Completed = 6
	require.ErrorContains(t, failed.check(f), "6 of 7")

	unheard := complete()
	unheard.Samples["mconnect_rtt"] = 6
	require.ErrorContains(t, unheard.check(f), "metric mconnect_rtt knows of 6 connections instead of 7")
	f.Network = "udp"
	require.NoError(t, unheard.check(f))
}

func TestCommandMustCompleteEveryConnection(t *testing.T) {
	t.Parallel()
	f := flood{Network: "tcp", Connections: 7}
	took, err := completedIn([]byte(`{"duration": 5000, "states": {"completed": 7}}`), f)
	require.NoError(t, err)
	assert.Equal(t, 5*time.Microsecond, took)
	_, err = completedIn([]byte(`{"duration": 5000, "states": {"completed": 6}, "first_errors": {"refused": "by web-1"}}`), f)
	require.ErrorContains(t, err, "6 of 7 connections got an answer: map[refused:by web-1]")
	_, err = completedIn([]byte("Aborted"), f)
	require.ErrorContains(t, err, "can't be read")
}

// It is not parallel: a child that is being started has, for a moment, a copy of every descriptor of this process, and
// the event loops of the other tests would still hear of connections that they have closed.
func TestHeldMemory(t *testing.T) {
	bytes, err := weighGoroutines(t.Context(), &settings{held: 2000})
	require.NoError(t, err)
	assert.Positive(t, bytes)
}
