package server_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// Several servers in one process: each tells its own figures.
func TestMetrics(t *testing.T) {
	t.Parallel()
	busy := startHTTP(t, server.Options{UDP: true, MaxConnections: 4, Echo: "127.0.0.1:0"})
	quiet := startHTTP(t, server.Options{})
	conn := transports["plain"].connect(t, busy.Addr())
	expectName(t, conn)
	_, err := io.WriteString(conn, "Hello")
	require.NoError(t, err)
	expectName(t, conn)
	askUDP(t, busy.UDPAddr(), busy.UDPAddr())
	echoed := transports["plain"].connect(t, busy.EchoAddr())
	assert.Len(t, echoOf(t, echoed, bytes.NewReader(random(100))), 100)
	fetch(t, busy, "POST", "/notify", "Hello")
	eventually(t, busy, func(s server.Stats) bool {
		return s.Replies == 2 && s.DatagramsAnswered == 1 && s.Echo.Active == 0 && s.HTTP.Active == 0
	})

	response, body := fetch(t, busy, "GET", "/metrics", "")
	assert.Contains(t, response.Header.Get("Content-Type"), "text/plain; version=0.0.4")
	for _, line := range []string{
		"mconnect_server_connections_accepted_total 1",
		"mconnect_server_connections_active 1",
		"mconnect_server_connections_refused_total 0",
		"mconnect_server_connections_timed_out_total 0",
		"mconnect_server_replies_total 2",
		"mconnect_server_replies_dropped_total 0",
		"mconnect_server_received_bytes_total 5",
		"mconnect_server_udp_datagrams_total 1",
		"mconnect_server_udp_answered_total 1",
		"mconnect_server_echo_connections_accepted_total 1",
		"mconnect_server_echo_connections_active 0",
		"mconnect_server_echo_connections_refused_total 0",
		"mconnect_server_echo_connections_timed_out_total 0",
		"mconnect_server_echo_received_bytes_total 100",
		"mconnect_server_echo_sent_bytes_total 100",
		"mconnect_server_echo_udp_datagrams_total 0",
		"mconnect_server_echo_udp_answered_total 0",
		"mconnect_server_http_connections_accepted_total 2",
		"mconnect_server_http_connections_active 1",
		"mconnect_server_http_connections_refused_total 0",
		"mconnect_server_http_requests_pending 0",
		"mconnect_server_http_requests_served_total 1",
	} {
		assert.Contains(t, body, "\n"+line+"\n")
	}
	assert.Contains(t, body, "\ngo_goroutines ")

	_, body = fetch(t, quiet, "GET", "/metrics", "")
	assert.Contains(t, body, "\nmconnect_server_connections_accepted_total 0\n")
	assert.Contains(t, body, "\nmconnect_server_http_requests_served_total 0\n")
}
