package server_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestNameAtOnceAndForEachRead(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		srv := start(t, tr.options(t))
		conn := tr.connect(t, srv.Addr())
		expectName(t, conn)
		for range 10 {
			ask(t, conn)
		}
		require.NoError(t, conn.Close())
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 })
		assert.Equal(t, server.Stats{ListenerStats: server.ListenerStats{Accepted: 1, Received: 10}, Replies: 11}, srv.Stats())
	})
}

func TestHostnameOfTheSystem(t *testing.T) {
	t.Parallel()
	want, err := os.Hostname()
	require.NoError(t, err)
	srv, err := server.Start(server.Options{Address: "127.0.0.1:0"})
	require.NoError(t, err)
	defer srv.Close()
	conn := transports["plain"].connect(t, srv.Addr())
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	require.NoError(t, err)
	assert.Equal(t, want, string(answer[:n]))
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		const dialers, each = 8, 64
		srv := start(t, tr.options(t))
		// What is closed makes room for what comes: keys are used again.
		for round := range 2 {
			conns := make(chan net.Conn, dialers*each)
			var wg sync.WaitGroup
			for range dialers {
				wg.Go(func() {
					for range each {
						if conn, err := tr.dial(srv.Addr().String()); assert.NoError(t, err) {
							conns <- conn
						}
					}
				})
			}
			wg.Wait()
			close(conns)
			var all []net.Conn
			for conn := range conns {
				t.Cleanup(func() { _ = conn.Close() })
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				expectName(t, conn)
				all = append(all, conn)
			}
			assert.EqualValues(t, dialers*each, srv.Stats().Active)
			for _, conn := range all {
				ask(t, conn)
				require.NoError(t, conn.Close())
			}
			eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 })
			assert.EqualValues(t, (round+1)*dialers*each, srv.Stats().Accepted)
		}
	})
}

func TestIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.IdleTimeout = 2 * time.Second
		srv := start(t, options)
		busy, idle := tr.connect(t, srv.Addr()), tr.connect(t, srv.Addr())
		expectName(t, busy)
		expectName(t, idle)
		ended := make(chan error, 1)
		go func() {
			_, err := idle.Read(make([]byte, 1))
			ended <- err
		}()
		for len(ended) == 0 {
			ask(t, busy)
		}
		require.ErrorIs(t, <-ended, io.EOF)
		ask(t, busy)
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 1 && s.TimedOut == 1 })
	})
}

func TestOverTheLimit(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.MaxConnections = 2
		srv := start(t, options)
		first, second := tr.connect(t, srv.Addr()), tr.connect(t, srv.Addr())
		expectName(t, first)
		expectName(t, second)

		// A TLS client may learn it from its handshake.
		if third, err := tr.dial(srv.Addr().String()); err == nil {
			require.NoError(t, third.SetDeadline(time.Now().Add(patience)))
			expectEnd(t, third)
			require.NoError(t, third.Close())
		}
		ask(t, first)
		eventually(t, srv, func(s server.Stats) bool { return s.Refused == 1 })

		require.NoError(t, second.Close())
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 1 })
		expectName(t, tr.connect(t, srv.Addr()))
		assert.EqualValues(t, 3, srv.Stats().Accepted)
	})
}

func TestHalfCloseIsAnswered(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		srv := start(t, tr.options(t))
		conn := tr.connect(t, srv.Addr())
		expectName(t, conn)
		_, err := conn.Write([]byte("Hello"))
		require.NoError(t, err)
		require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
		expectName(t, conn)
		expectEnd(t, conn)
	})
}

func TestResetByClient(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		srv := start(t, tr.options(t))
		conn := tr.connect(t, srv.Addr())
		expectName(t, conn)
		require.NoError(t, tcpOf(conn).SetLinger(0))
		require.NoError(t, tcpOf(conn).Close())
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 })
		expectName(t, tr.connect(t, srv.Addr()))
	})
}

func tcpOf(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}

func TestClientSendsMuch(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		const size = 1 << 20
		srv := start(t, tr.options(t))
		conn := tr.connect(t, srv.Addr())
		sent := make(chan error, 1)
		go func() {
			_, err := conn.Write(make([]byte, size))
			if err == nil {
				err = conn.(interface{ CloseWrite() error }).CloseWrite()
			}
			sent <- err
		}()
		answers, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.NoError(t, <-sent)
		stats := srv.Stats()
		assert.EqualValues(t, size, stats.Received)
		assert.Equal(t, bytes.Repeat([]byte(name), int(stats.Replies)), answers)
	})
}

func TestBothIPVersions(t *testing.T) {
	t.Parallel()
	const v4, v6 = "127.0.0.1", "::1"
	for name, row := range map[string]struct {
		listen string
		dial   []string
	}{
		"IPv4":                   {"127.0.0.1:0", []string{v4}},
		"IPv6":                   {"[::1]:0", []string{v6}},
		"every IPv4 address":     {"0.0.0.0:0", []string{v4}},
		"dual stack":             {"[::]:0", []string{v4, v6}},
		"dual stack, empty host": {":0", []string{v4, v6}},
		"by name":                {"localhost:0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clients := make(chan netip.AddrPort, 2)
			srv := start(t, server.Options{Address: row.listen, OnAccept: func(client netip.AddrPort) { clients <- client }})
			if row.dial == nil {
				row.dial = []string{srv.Addr().Addr().String()}
			}
			for _, to := range row.dial {
				conn := transports["plain"].connect(t, netip.AddrPortFrom(netip.MustParseAddr(to), srv.Addr().Port()))
				expectName(t, conn)
				assert.Equal(t, conn.LocalAddr().String(), (<-clients).String())
			}
		})
	}
}

func TestClientsWithTLSAreTold(t *testing.T) {
	t.Parallel()
	clients := make(chan netip.AddrPort, 1)
	options := transports["TLS"].options(t)
	options.OnAccept = func(client netip.AddrPort) { clients <- client }
	srv := start(t, options)
	conn := transports["TLS"].connect(t, srv.Addr())
	expectName(t, conn)
	assert.Equal(t, conn.LocalAddr().String(), (<-clients).String())
}

func TestClientThatDoesNotSpeakTLS(t *testing.T) {
	t.Parallel()
	srv := start(t, transports["TLS"].options(t))
	conn := transports["plain"].connect(t, srv.Addr())
	_, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	_, err = io.ReadAll(conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 && s.Replies == 0 })
}
