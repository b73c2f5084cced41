package server_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestDrainLetsClientsFinish(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.Drain, options.UDP, options.Probe = time.Hour, true, "127.0.0.1:0"
		srv := start(t, options)
		conn := tr.connect(t, srv.Addr())
		expectName(t, conn)
		stopped := make(chan error, 1)
		go func() { stopped <- srv.Stop(context.Background()) }()

		require.Eventually(t, func() bool {
			late, err := net.Dial("tcp", srv.Addr().String())
			if err == nil {
				_ = late.Close()
			}
			return err != nil
		}, patience, often, "still accepts")
		ask(t, conn)
		assert.Equal(t, 200, get(t, "GET", srv, "").StatusCode)
		assert.Equal(t, name, askUDP(t, srv.UDPAddr(), srv.UDPAddr()))
		assert.Empty(t, stopped, "stopped with a client connected")

		require.NoError(t, conn.Close())
		require.NoError(t, <-stopped)
		assert.Zero(t, srv.Stats().Active)
	})
}

func TestDrainEnds(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, row := range map[string]struct {
		drain time.Duration
		ctx   context.Context
	}{
		"when the caller's time is up": {time.Hour, cancelled},
		"when its own time is up":      {time.Millisecond, context.Background()},
		"at once when there is none":   {-1, context.Background()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overTransports(t, func(t *testing.T, tr transport) {
				options := tr.options(t)
				options.Drain = row.drain
				srv := start(t, options)
				conn := tr.connect(t, srv.Addr())
				expectName(t, conn)
				err := srv.Stop(row.ctx)
				require.EqualError(t, err, "1 connections were still open and are closed")
				expectEnd(t, conn)
				assert.Zero(t, srv.Stats().Active)
				assert.Zero(t, srv.Stats().TimedOut)
			})
		})
	}
}

func TestStopAgain(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.Drain = -1
		srv := start(t, options)
		expectName(t, tr.connect(t, srv.Addr()))
		results := make(chan error, 3)
		for range cap(results) {
			go func() { results <- srv.Stop(context.Background()) }()
		}
		first := <-results
		require.Error(t, first)
		assert.Equal(t, first, <-results)
		assert.Equal(t, first, <-results)
		srv.Close()
	})
}

func TestStopWithoutClients(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.Drain = time.Hour
		srv := start(t, options)
		require.NoError(t, srv.Stop(context.Background()))
	})
}

func TestAddressIsFreeAfterStop(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{Address: "127.0.77.1:0", UDP: true}) // where no other test takes the port meanwhile
	address := srv.Addr().String()
	srv.Close()
	again := start(t, server.Options{Address: address, UDP: true})
	expectName(t, transports["plain"].connect(t, again.Addr()))
}

// Addresses are free at once, however long clients take to go.
func TestCloseListeners(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.Address, options.UDP, options.Probe, options.HTTP = "127.0.78.1:0", true, "127.0.78.1:0", "127.0.78.1:0"
		srv := start(t, options)
		conn := tr.connect(t, srv.Addr())
		expectName(t, conn)
		stopped := make(chan struct{})
		go func() { // closing at the same time does no harm
			defer close(stopped)
			srv.CloseListeners()
		}()
		srv.CloseListeners()
		options.Address, options.Probe, options.HTTP = srv.Addr().String(), srv.ProbeAddr().String(), srv.HTTPAddr().String()
		again := start(t, options)
		ask(t, conn)
		expectName(t, tr.connect(t, again.Addr()))
		assert.Equal(t, name, askUDP(t, again.UDPAddr(), again.UDPAddr()))
		<-stopped
		srv.Close()
		expectEnd(t, conn)
	})
}
