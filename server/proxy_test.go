package server_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// overHeader is a client of a transport that sends a PROXY header before anything else, TLS included, and then begins.
func (tr transport) overHeader(t *testing.T, to netip.AddrPort, header []byte, secure bool) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", to.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write(header)
	require.NoError(t, err)
	if !secure {
		return conn
	}
	over := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	t.Cleanup(func() { _ = over.Close() })
	return over
}

// headerOf is a header of the library's making.
func headerOf(t *testing.T, version byte, source, destination string, tlvs ...proxyproto.TLV) []byte {
	t.Helper()
	header := proxyproto.HeaderProxyFromAddrs(version,
		net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(destination)))
	require.NoError(t, header.SetTLVs(tlvs))
	data, err := header.Format()
	require.NoError(t, err)
	return data
}

// headerV2 is one of version 2 with command and family as given, and what follows the length.
func headerV2(command, family byte, rest string) []byte {
	header := append(slices.Clone(proxyproto.SIGV2), command, family)
	header = binary.BigEndian.AppendUint16(header, uint16(len(rest)))
	return append(header, rest...)
}

const own = "" // the connection's own address

// acceptedHeaders are headers with the source that they tell.
func acceptedHeaders(t *testing.T) map[string]struct {
	header []byte
	source string
} {
	t.Helper()
	long := proxyproto.TLV{Type: proxyproto.PP2_TYPE_NOOP, Value: make([]byte, 4000)}
	return map[string]struct {
		header []byte
		source string
	}{
		"v1 IPv4":             {[]byte("PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n"), "192.0.2.1:4711"},
		"v1 IPv6":             {[]byte("PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n"), "[2001:db8::1]:4711"},
		"v1 longest":          {[]byte("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), own},
		"v1 UNKNOWN":          {[]byte("PROXY UNKNOWN\r\n"), own},
		"v2 IPv4":             {headerOf(t, 2, "192.0.2.1:4711", "198.51.100.1:80"), "192.0.2.1:4711"},
		"v2 IPv6":             {headerOf(t, 2, "[2001:db8::1]:4711", "[2001:db8::2]:80"), "[2001:db8::1]:4711"},
		"v2 IPv4-mapped":      {headerOf(t, 2, "[::ffff:192.0.2.1]:4711", "[2001:db8::2]:80"), "192.0.2.1:4711"},
		"v2 with TLVs":        {headerOf(t, 2, "192.0.2.1:4711", "198.51.100.1:80", long), "192.0.2.1:4711"},
		"v2 LOCAL":            {headerV2(0x20, 0, ""), own},
		"v2 LOCAL, addresses": {headerV2(0x20, 0x11, "\xc0\x00\x02\x01\xc6\x33\x64\x01\x12\x67\x00\x50"), own},
		"v2 no family":        {headerV2(0x21, 0, ""), own},
		"v2 Unix":             {headerV2(0x21, 0x31, strings.Repeat("x", 216)), own},
	}
}

func TestProxyHeader(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.ProxyProtocol, options.TellSource = true, true
		var mu sync.Mutex
		var seen []string
		options.OnAccept = func(client netip.AddrPort) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, client.String())
		}
		srv := start(t, options)
		secure := options.TLSCert != ""
		for name, row := range acceptedHeaders(t) {
			conn := tr.overHeader(t, srv.Addr(), row.header, secure)
			source := row.source
			if source == own {
				source = conn.LocalAddr().String()
			}
			expectAnswer(t, conn, "web-1\t"+source, name)
			_, err := conn.Write([]byte("x"))
			require.NoError(t, err)
			expectAnswer(t, conn, "web-1\t"+source, name)
			require.NoError(t, conn.Close())
			mu.Lock()
			assert.Contains(t, seen, source, name)
			mu.Unlock()
		}
		n := int64(len(acceptedHeaders(t)))
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 })
		assert.Equal(t, server.Stats{ListenerStats: server.ListenerStats{Accepted: n, Received: n}, Replies: 2 * n}, srv.Stats(), "the headers count nowhere")
	})
}

func expectAnswer(t *testing.T, conn net.Conn, answer, name string) {
	t.Helper()
	told := make([]byte, len(answer))
	_, err := io.ReadFull(conn, told)
	require.NoError(t, err, name)
	assert.Equal(t, answer, string(told), name)
}

// A header may arrive in pieces, and what follows it with it.
func TestProxyHeaderInPieces(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.ProxyProtocol, options.Echo = true, "127.0.0.1:0"
		srv := start(t, options)
		secure := options.TLSCert != ""
		for _, name := range []string{"v1 IPv4", "v2 IPv6", "v2 LOCAL", "v1 longest"} {
			header := acceptedHeaders(t)[name].header
			conn := tr.overHeader(t, srv.EchoAddr(), header[:1], false)
			for _, b := range header[1 : len(header)-1] {
				_, err := conn.Write([]byte{b})
				require.NoError(t, err)
			}
			packet := bytes.Repeat([]byte{0}, 1000)
			copy(packet[64:], "what follows")
			if secure {
				_, err := conn.Write(header[len(header)-1:])
				require.NoError(t, err)
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				_, err = conn.Write(packet)
				require.NoError(t, err)
			} else {
				_, err := conn.Write(append(header[len(header)-1:], packet...))
				require.NoError(t, err)
			}
			back := make([]byte, len(packet))
			_, err := io.ReadFull(conn, back)
			require.NoError(t, err, name)
			copy(packet, "web-1")
			assert.Equal(t, string(packet), string(back), name)
			require.NoError(t, conn.Close())
		}
	})
}

// What came together with the header is answered as if it had come later.
func TestProxyHeaderAndMore(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{ProxyProtocol: true})
	conn := transports["plain"].overHeader(t, srv.Addr(), []byte("PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\nHello"), false)
	expectName(t, conn)
	expectName(t, conn)
	ask(t, conn)
	require.NoError(t, conn.Close())
	eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 })
	assert.Equal(t, server.Stats{ListenerStats: server.ListenerStats{Accepted: 1, Received: 6}, Replies: 3}, srv.Stats())
}

func TestWrongProxyHeader(t *testing.T) {
	t.Parallel()
	for name, began := range map[string]string{
		"none":                    "GET / HTTP/1.1\r\n",
		"a name's beginning":      "PRO FORMA",
		"v1 without CR":           "PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\n",
		"v1 too long":             "PROXY UNKNOWN " + strings.Repeat("x", 107),
		"v1 not an address":       "PROXY TCP4 example.com 198.51.100.1 4711 80\r\n",
		"v1 address of the other": "PROXY TCP4 2001:db8::1 198.51.100.1 4711 80\r\n",
		"v1 port":                 "PROXY TCP4 192.0.2.1 198.51.100.1 65536 80\r\n",
		"v1 another protocol":     "PROXY SCTP 192.0.2.1 198.51.100.1 1 80\r\n",
		"v2 version 3":            string(headerV2(0x31, 0x11, strings.Repeat("x", 12))),
		"v2 command":              string(headerV2(0x22, 0x11, strings.Repeat("x", 12))),
		"v2 family":               string(headerV2(0x21, 0x41, strings.Repeat("x", 12))),
		"v2 cut addresses":        string(headerV2(0x21, 0x11, "xxxx")),
		"v2 too long":             string(headerV2(0x21, 0x11, strings.Repeat("x", 60000))[:16]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overTransports(t, func(t *testing.T, tr transport) {
				options := tr.options(t)
				options.ProxyProtocol, options.Echo = true, "127.0.0.1:0"
				srv := start(t, options)
				for _, address := range []netip.AddrPort{srv.Addr(), srv.EchoAddr()} {
					expectEnd(t, tr.overHeader(t, address, []byte(began), false))
				}
				eventually(t, srv, func(s server.Stats) bool { return s.Active+s.Echo.Active == 0 })
				stats := srv.Stats()
				one := server.ListenerStats{Accepted: 1, HeaderErrors: 1}
				assert.Equal(t, server.Stats{ListenerStats: one, Echo: server.EchoStats{ListenerStats: one}}, stats)
			})
		})
	}
}

// A client that sends no header is closed in time, whether it is silent or slow. The log says so once, and quotes it.
func TestProxyHeaderLate(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		log := &lockedBuffer{}
		options := tr.options(t)
		options.ProxyProtocol, options.IdleTimeout = true, time.Second
		options.Log = slog.New(slog.NewTextHandler(log, nil))
		srv := start(t, options)
		for _, began := range []string{"PROXY \x1b[31m", "", "PROXY", string(headerV2(0x21, 0x11, "xx"))[:17]} {
			expectEnd(t, tr.overHeader(t, srv.Addr(), []byte(began), false))
		}
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 0 })
		assert.Equal(t, server.Stats{ListenerStats: server.ListenerStats{Accepted: 4, HeaderErrors: 4}}, srv.Stats())
		assert.Equal(t, 1, strings.Count(log.String(), "Connection closed; its PROXY header did not come in time: "), log.String())
		assert.NotContains(t, log.String(), "\x1b")
		assert.Contains(t, log.String(), `began_with="\"PROXY \\x1b[31m\""`)
	})
}

// A health check that only connects is not logged as a fault.
func TestProxyHeaderHealthCheck(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.ProxyProtocol = true
		srv := start(t, options)
		require.NoError(t, tr.overHeader(t, srv.Addr(), nil, false).Close())
		eventually(t, srv, func(s server.Stats) bool { return s.Accepted == 1 && s.Active == 0 })
		require.NoError(t, tr.overHeader(t, srv.Addr(), []byte("PRO"), false).Close())
		eventually(t, srv, func(s server.Stats) bool { return s.Accepted == 2 && s.Active == 0 })
		assert.EqualValues(t, 1, srv.Stats().HeaderErrors)
	})
}

// Those who have not sent their header do not hold up the end beyond its time, and are gone after it.
func TestStopWithoutProxyHeader(t *testing.T) {
	t.Parallel()
	overTransports(t, func(t *testing.T, tr transport) {
		options := tr.options(t)
		options.ProxyProtocol, options.Drain = true, -1
		srv := start(t, options)
		conn := tr.overHeader(t, srv.Addr(), []byte("PROXY"), false)
		eventually(t, srv, func(s server.Stats) bool { return s.Active == 1 })
		srv.Close()
		expectEnd(t, conn)
		assert.Zero(t, srv.Stats().Active)
	})
}

func TestTellSource(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			overTransports(t, func(t *testing.T, tr transport) {
				options := tr.options(t)
				options.Address, options.UDP, options.TellSource, options.Echo = listen, true, true, listen
				srv := start(t, options)
				to := netip.AddrPortFrom(srv.Addr().Addr(), srv.Addr().Port())
				if to.Addr().IsUnspecified() { // IPv4 reaches it, as IPv4-mapped
					to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
				}
				conn := tr.connect(t, to)
				answer := "web-1\t" + conn.LocalAddr().String()
				expectAnswer(t, conn, answer, "TCP")
				_, err := conn.Write([]byte("x"))
				require.NoError(t, err)
				expectAnswer(t, conn, answer, "TCP again")

				datagrams, err := net.Dial("udp", to.String())
				require.NoError(t, err)
				defer datagrams.Close()
				require.NoError(t, datagrams.SetDeadline(time.Now().Add(patience)))
				for _, sent := range []string{"Hello", "", strings.Repeat("x", 1000)} {
					_, err = datagrams.Write([]byte(sent))
					require.NoError(t, err)
					expectDatagram(t, datagrams, "web-1\t"+datagrams.LocalAddr().String())
				}

				echo := tr.connect(t, netip.AddrPortFrom(to.Addr(), srv.EchoAddr().Port()))
				_, err = echo.Write(make([]byte, 64))
				require.NoError(t, err)
				expectAnswer(t, echo, "web-1"+strings.Repeat("\x00", 59), "the echo tells none")
			})
		})
	}
}

func expectDatagram(t *testing.T, conn net.Conn, answer string) {
	t.Helper()
	told := make([]byte, 2000)
	n, err := conn.Read(told)
	require.NoError(t, err)
	assert.Equal(t, answer, string(told[:n]))
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was written.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// However a header is cut, no part of it is taken for a whole one, nor for a wrong one.
func TestProxyHeaderPrefixes(t *testing.T) {
	t.Parallel()
	own := netip.MustParseAddrPort("198.51.100.9:1")
	for name, row := range acceptedHeaders(t) {
		for n := range row.header {
			_, _, whole, err := server.ParseHeader(row.header[:n], own)
			require.NoError(t, err, "%s, %d bytes", name, n)
			require.False(t, whole, "%s, %d bytes", name, n)
		}
		_, rest, whole, err := server.ParseHeader(append(row.header, "more"...), own)
		require.NoError(t, err, name)
		assert.True(t, whole, name)
		assert.Equal(t, "more", string(rest), name)
	}
}

func FuzzProxyHeader(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\nx", "PROXY UNKNOWN\r\n", "PROXY", "GET /",
		string(headerV2(0x21, 0x11, strings.Repeat("x", 12))), string(headerV2(0x20, 0, "xyz")), string(headerV2(0x21, 0x31, strings.Repeat("x", 216))),
	} {
		f.Add([]byte(seed))
	}
	own := netip.MustParseAddrPort("198.51.100.9:1")
	f.Fuzz(func(t *testing.T, data []byte) {
		source, rest, whole, err := server.ParseHeader(data, own)
		switch {
		case err != nil:
			assert.False(t, whole)
		case whole:
			assert.True(t, source.IsValid())
			assert.False(t, source.Addr().Is4In6())
			assert.True(t, bytes.HasSuffix(data, rest))
		default:
			assert.Less(t, len(data), 16+int(proxyproto.MaxV2HeaderSize), "it is bounded how much is kept")
		}
	})
}
