package server_test

import (
	"bytes"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// askUDP sends a datagram from a socket that takes answers from anywhere, and returns the answer. It must come from want.
func askUDP(t *testing.T, to, want netip.AddrPort) string {
	t.Helper()
	conn, err := net.ListenUDP("udp", nil)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.WriteToUDPAddrPort([]byte("Hello"), to)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, 512)
	n, from, err := conn.ReadFromUDPAddrPort(answer)
	require.NoError(t, err)
	assert.Equal(t, want, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	return string(answer[:n])
}

func TestUDPAnswersEachDatagram(t *testing.T) {
	t.Parallel()
	clients := make(chan netip.AddrPort, 8)
	srv := start(t, server.Options{UDP: true, OnDatagram: func(client netip.AddrPort) { clients <- client }})
	assert.Equal(t, srv.Addr(), srv.UDPAddr())
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(srv.UDPAddr()))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	for _, sent := range [][]byte{[]byte("Hello"), {}, bytes.Repeat([]byte("x"), 60_000)} {
		_, err = conn.Write(sent)
		require.NoError(t, err)
		answer := make([]byte, 512)
		n, err := conn.Read(answer)
		require.NoError(t, err)
		assert.Equal(t, name, string(answer[:n]))
		assert.Equal(t, conn.LocalAddr().String(), (<-clients).String())
	}
	eventually(t, srv, func(s server.Stats) bool { return s.DatagramsAnswered == 3 })
	assert.EqualValues(t, 3, srv.Stats().Datagrams)
}

func TestUDPOff(t *testing.T) {
	t.Parallel()
	srv := start(t, server.Options{})
	assert.False(t, srv.UDPAddr().IsValid())
	assert.False(t, srv.ProbeAddr().IsValid())
}

func TestUDPAlone(t *testing.T) {
	t.Parallel()
	for role, row := range map[string]struct {
		options server.Options
		address func(*server.Server) netip.AddrPort
	}{
		"responder": {server.Options{UDP: true, NoTCP: true}, (*server.Server).UDPAddr},
		"echo":      {server.Options{Echo: "127.0.0.1:0", NoTCP: true}, (*server.Server).EchoAddr},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			srv := start(t, row.options)
			to := row.address(srv)
			assert.Equal(t, name, askUDP(t, to, to))
			assert.False(t, srv.Addr().IsValid())
			_, err := net.Dial("tcp", to.String())
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	}
}
