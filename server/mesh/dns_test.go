package mesh_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// names are what a DNS server knows: IPv4 addresses, nil for one about which it keeps silent, and none for one at which it fails.
// All others do not exist.
type names map[string][]string

// resolveWith lets this process ask a DNS server on loopback for the length of a test, which must not run beside others.
func resolveWith(t *testing.T, known func(name string) (addrs []string, exists bool)) {
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
			if answer := answerDNS(query[:n], known); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	end := mesh.AskDNS(conn.LocalAddr().String())
	t.Cleanup(func() {
		end()
		_ = conn.Close()
		<-ended
	})
}

func (n names) known(name string) (addrs []string, exists bool) {
	addrs, exists = n[name]
	return addrs, exists
}

func answerDNS(query []byte, known func(string) ([]string, bool)) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	addrs, exists := known(q.Name.String())
	switch {
	case !exists:
		m.RCode = dnsmessage.RCodeNameError
	case addrs == nil:
		return nil
	case len(addrs) == 0:
		m.RCode = dnsmessage.RCodeServerFailure
	case q.Type == dnsmessage.TypeA:
		for _, addr := range addrs {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
			})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}
