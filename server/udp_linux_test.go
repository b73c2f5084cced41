package server_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestUDPAnswersFromWhereItWasAsked(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		listen string
		ask    []string
	}{
		"every IPv4 address": {"0.0.0.0:0", []string{"127.0.0.1", "127.0.0.5", "127.9.9.9"}},
		"dual stack":         {"[::]:0", []string{"127.0.0.1", "127.0.0.5", "127.9.9.9", "::1"}},
		"one IPv4 address":   {"127.0.0.7:0", []string{"127.0.0.7"}},
		"one IPv6 address":   {"[::1]:0", []string{"::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, server.Options{Address: row.listen, UDP: true, Hostname: "udp-1"})
			for _, address := range row.ask {
				to := netip.AddrPortFrom(netip.MustParseAddr(address), srv.UDPAddr().Port())
				assert.Equal(t, "udp-1", askUDP(t, to, to))
			}
		})
	}
}

// Two servers could be made to answer each other for ever by one forged datagram.
func TestUDPAnswersItsTwinsAtALowRate(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		asked, twin func(*server.Server) netip.AddrPort
	}{
		"a responder asks a responder": {(*server.Server).UDPAddr, (*server.Server).UDPAddr},
		"an echo asks an echo":         {(*server.Server).EchoAddr, (*server.Server).EchoAddr},
		"an echo asks a responder":     {(*server.Server).UDPAddr, (*server.Server).EchoAddr},
		"a responder asks an echo":     {(*server.Server).EchoAddr, (*server.Server).UDPAddr},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, server.Options{Address: "127.0.0.1:0", UDP: true, Echo: "127.0.0.1:0"})
			askFromTwin(t, srv, row.asked(srv), row.twin(srv).Port())
			assert.Equal(t, "web-1", askUDP(t, row.asked(srv), row.asked(srv)), "others are answered meanwhile")
		})
	}
}

func askFromTwin(t *testing.T, srv *server.Server, to netip.AddrPort, from uint16) {
	t.Helper()
	const storm = 2000
	twin, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: int(from)})
	require.NoError(t, err)
	defer twin.Close()
	for sent := int64(1); sent <= storm; sent++ {
		_, err = twin.WriteToUDPAddrPort([]byte("web-2"), to)
		require.NoError(t, err)
		eventually(t, srv, func(s server.Stats) bool { return s.Datagrams+s.Echo.Datagrams == sent })
	}
	stats := srv.Stats()
	answered := stats.DatagramsAnswered + stats.Echo.DatagramsAnswered
	assert.Positive(t, answered, "a client may have this port by chance")
	assert.Less(t, answered, int64(storm))
}

// Not parallel: it counts the allocations of the whole process.
func TestUDPAllocatesNothing(t *testing.T) {
	srv := start(t, server.Options{Address: "[::]:0", UDP: true})
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.5"), srv.UDPAddr().Port())
	answer := make([]byte, 512)
	allocations := testing.AllocsPerRun(200, func() {
		if _, err := conn.WriteToUDPAddrPort([]byte("Hello"), to); err != nil {
			t.Error(err)
		}
		if _, _, err := conn.ReadFromUDPAddrPort(answer); err != nil {
			t.Error(err)
		}
	})
	assert.Zero(t, allocations)
}
