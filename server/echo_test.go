package server_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

const echoHead = 64

// startEcho runs a server that has just an echo.
func startEcho(t *testing.T, options server.Options) *server.Server {
	t.Helper()
	options.Echo = "127.0.0.1:0"
	if options.Hostname == "" {
		options.Hostname = name
	}
	srv, err := server.Start(options)
	require.NoError(t, err)
	t.Cleanup(srv.Close)
	return srv
}

// eventuallyEcho waits until the echo's counters are as they should be.
func eventuallyEcho(t *testing.T, srv *server.Server, as func(server.EchoStats) bool) {
	t.Helper()
	eventually(t, srv, func(s server.Stats) bool { return as(s.Echo) })
}

// random makes the same bytes each time.
func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// marked is what comes back of data.
func marked(data []byte, hostname string) []byte {
	data = bytes.Clone(data)
	copy(data[:min(echoHead, len(data))], hostname)
	return data
}

// echoOf sends data as it comes from the reader, then half-closes, and returns all that comes back.
func echoOf(t *testing.T, conn net.Conn, data io.Reader) []byte {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		// Not the connection's own ReadFrom, which would not keep the reader's pieces.
		_, err := io.Copy(struct{ io.Writer }{conn}, data)
		if err == nil {
			err = conn.(interface{ CloseWrite() error }).CloseWrite()
		}
		sent <- err
	}()
	back, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, <-sent)
	return back
}

func TestEcho(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		size int
		send func(io.Reader) io.Reader
		host string
	}{
		"nothing":                {0, nil, name},
		"less than a head":       {echoHead - 1, nil, name},
		"less, byte by byte":     {echoHead - 1, iotest.OneByteReader, name},
		"just a head":            {echoHead, nil, name},
		"a head and a byte":      {echoHead + 1, nil, name},
		"a packet":               {1024, nil, name},
		"byte by byte":           {300, iotest.OneByteReader, name},
		"huge stream":            {16 << 20, nil, name},
		"host name fills a head": {1024, nil, strings.Repeat("x", echoHead)},
		"host name is cut":       {1024, nil, strings.Repeat("x", 255)},
		"cut, byte by byte":      {300, iotest.OneByteReader, strings.Repeat("x", 255)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overTransports(t, func(t *testing.T, tr transport) {
				options := tr.options(t)
				options.Hostname = row.host
				srv := startEcho(t, options)
				sent := random(row.size)
				var reader io.Reader = bytes.NewReader(sent)
				if row.send != nil {
					reader = row.send(reader)
				}
				want := marked(sent, row.host)
				if row.size < echoHead {
					want = []byte{}
				}
				assert.True(t, bytes.Equal(want, echoOf(t, tr.connect(t, srv.EchoAddr()), reader)))
				eventuallyEcho(t, srv, func(s server.EchoStats) bool {
					return s == server.EchoStats{ListenerStats: server.ListenerStats{Accepted: 1, Received: int64(row.size)}, Sent: int64(len(want))}
				})
			})
		})
	}
}

// The client sees nothing of its first bytes until the head is whole.
func TestEchoWaitsForTheHead(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		srv := startEcho(t, tr.options(t))
		conn := tr.connect(t, srv.EchoAddr())
		sent := random(100)
		_, err := conn.Write(sent[:10])
		require.NoError(t, err)
		eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.Received == 10 })
		assert.Zero(t, srv.Stats().Echo.Sent)

		_, err = conn.Write(sent[10:])
		require.NoError(t, err)
		back := make([]byte, len(sent))
		_, err = io.ReadFull(conn, back)
		require.NoError(t, err)
		assert.Equal(t, marked(sent, name), back)

		_, err = conn.Write(sent)
		require.NoError(t, err)
		_, err = io.ReadFull(conn, back)
		require.NoError(t, err)
		assert.Equal(t, sent, back, "only the head is marked")
	})
}

// What a client does not read waits with the client, not in the server's memory; nothing of it is lost.
func TestEchoOfSlowReader(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		const size = 32 << 20
		srv := startEcho(t, tr.options(t))
		conn := tr.connect(t, srv.EchoAddr())
		sent := random(size)
		var writer sync.WaitGroup
		writer.Go(func() {
			_, err := conn.Write(sent)
			assert.NoError(t, err)
		})
		// Full buffers: nothing moves any more between two looks that are far apart for what loopback can do.
		var before int64
		require.Eventually(t, func() bool {
			now := srv.Stats().Echo.Received
			stuck := now > 0 && now == before
			before = now
			return stuck
		}, patience, 300*time.Millisecond)
		assert.Less(t, before, int64(size))

		other := tr.connect(t, srv.EchoAddr())
		assert.Equal(t, marked(sent[:1024], name), echoOf(t, other, bytes.NewReader(sent[:1024])), "others are served meanwhile")

		back := make([]byte, size)
		_, err := io.ReadFull(conn, back)
		require.NoError(t, err)
		writer.Wait()
		assert.True(t, bytes.Equal(marked(sent, name), back))
	})
}

func TestEchoOfClientsThatLeave(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*net.TCPConn) error{
		"reset":  func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
		"closed": (*net.TCPConn).Close,
	} {
		for state, sent := range map[string]int{"idle": 0, "half a head": 10, "never reads": 64 << 20} {
			t.Run(name+", "+state, func(t *testing.T) {
				t.Parallel()
				srv := startEcho(t, server.Options{})
				conn := transports["plain"].connect(t, srv.EchoAddr())
				eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.Active == 1 })
				require.NoError(t, conn.SetWriteDeadline(time.Now().Add(time.Second)))
				_, _ = conn.Write(make([]byte, sent))
				require.NoError(t, leave(tcpOf(conn)))
				eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.Active == 0 })
			})
		}
	}
}

func TestEchoOfManyConnections(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		const clients, packets = 200, 20
		srv := startEcho(t, tr.options(t))
		// What is closed makes room for what comes: nothing of a client is left for the next one under its key.
		for range 2 {
			var all sync.WaitGroup
			for i := range clients {
				conn := tr.connect(t, srv.EchoAddr())
				all.Go(func() {
					sent := random(100 + i)
					for n := range packets {
						_, err := conn.Write(sent)
						assert.NoError(t, err)
						back := make([]byte, len(sent))
						_, err = io.ReadFull(conn, back)
						assert.NoError(t, err)
						if n == 0 {
							assert.Equal(t, marked(sent, name), back)
						} else {
							assert.Equal(t, sent, back)
						}
					}
					_, _ = conn.Write(sent[:10])
					assert.NoError(t, conn.Close())
				})
			}
			all.Wait()
			eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.Active == 0 })
		}
	})
}

func TestEchoOfDatagrams(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	for name, row := range map[string]struct{ sent, host, want string }{
		"usual":               {strings.Repeat("a", 100), name, name + strings.Repeat("a", 100-len(name))},
		"empty":               {"", name, ""},
		"shorter than it":     {"abc", name, name[:3]},
		"long name":           {strings.Repeat("a", 300), long, long + strings.Repeat("a", 45)},
		"name beyond the end": {strings.Repeat("a", 72), long, long[:64] + strings.Repeat("a", 8)},
		"as large as ever":    {strings.Repeat("a", 65507), name, name + strings.Repeat("a", 65507-len(name))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startEcho(t, server.Options{Hostname: row.host})
			conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(srv.EchoAddr()))
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = conn.Write([]byte(row.sent))
			require.NoError(t, err)
			back := make([]byte, 64<<10)
			n, err := conn.Read(back)
			require.NoError(t, err)
			assert.Equal(t, row.want, string(back[:n]))
			eventuallyEcho(t, srv, func(s server.EchoStats) bool {
				return s.ListenerStats == server.ListenerStats{Datagrams: 1, DatagramsAnswered: 1}
			})
		})
	}
}

func TestEchoBesideResponder(t *testing.T) {
	t.Parallel()
	clients := make(chan netip.AddrPort, 2)
	srv := startEcho(t, server.Options{Address: "127.0.0.1:0", OnAccept: func(client netip.AddrPort) { clients <- client }})
	asked := transports["plain"].connect(t, srv.Addr())
	expectName(t, asked)
	assert.Equal(t, asked.LocalAddr().String(), (<-clients).String())
	echoed := transports["plain"].connect(t, srv.EchoAddr())
	assert.Equal(t, marked(random(echoHead), name), echoOf(t, echoed, bytes.NewReader(random(echoHead))))
	assert.Equal(t, echoed.LocalAddr().String(), (<-clients).String())
	stats := srv.Stats()
	assert.EqualValues(t, 1, stats.Accepted)
	assert.EqualValues(t, 1, stats.Echo.Accepted)
}

func TestEchoAlone(t *testing.T) {
	t.Parallel()
	srv := startEcho(t, server.Options{})
	assert.False(t, srv.Addr().IsValid(), "no responder was asked for")
}

func TestEchoEndsIdleConnections(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.IdleTimeout = time.Second
		srv := startEcho(t, options)
		_, err := tr.connect(t, srv.EchoAddr()).Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
		eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.TimedOut == 1 && s.Active == 0 })
	})
}

func TestEchoOverTheLimit(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.MaxConnections = 1
		srv := startEcho(t, options)
		first := tr.connect(t, srv.EchoAddr())
		eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.Active == 1 })
		if second, err := tr.dial(srv.EchoAddr().String()); err == nil {
			require.NoError(t, second.SetDeadline(time.Now().Add(patience)))
			expectEnd(t, second)
			require.NoError(t, second.Close())
		}
		assert.Equal(t, marked(random(echoHead), name), echoOf(t, first, bytes.NewReader(random(echoHead))))
		eventuallyEcho(t, srv, func(s server.EchoStats) bool { return s.Refused == 1 })
	})
}
