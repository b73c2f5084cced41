package ping_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// peerName is what the peer's certificate is for, and what the stub resolves.
const peerName = "example.com"

const page = "<html>\n<body>\n<p>Served from Hamburg\n</body>\n</html>\n"

// delays are how long a peer takes in each step.
type delays struct{ accept, handshake, header, body time.Duration }

// slowPeer is an HTTPS server on a listener.
func slowPeer(t *testing.T, listener net.Listener, d delays) *httptest.Server {
	t.Helper()
	peer := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(d.header)
		fmt.Fprint(w, page[:10])
		_ = http.NewResponseController(w).Flush()
		time.Sleep(d.body)
		fmt.Fprint(w, page[10:])
	}))
	_ = peer.Listener.Close()
	peer.Listener = slowAccept{listener, d.accept}
	peer.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		time.Sleep(d.handshake)
		return nil, nil
	}}
	peer.StartTLS()
	t.Cleanup(peer.Close)
	return peer
}

type slowAccept struct {
	net.Listener
	delay time.Duration
}

func (s slowAccept) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	time.Sleep(s.delay)
	return conn, err
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// trusting is a configuration that accepts the peer's certificate.
func trusting(peer *httptest.Server) *tls.Config {
	return peer.Client().Transport.(*http.Transport).TLSClientConfig
}

// stubResolver asks a DNS server on loopback that answers every question for an IPv4 address with 127.0.0.1, late.
func stubResolver(t *testing.T, delay time.Duration) ping.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		query := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			time.Sleep(delay)
			_, _ = conn.WriteTo(answer(query[:n]), from)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return ping.With(&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}})
}

func answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}
