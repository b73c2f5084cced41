package icmp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The kernel sends the message to itself, from its own address, when nobody answers ARP, or when its firewall rejects.
func TestAdvice(t *testing.T) {
	t.Parallel()
	assert.Contains(t, Error{From: netip.MustParseAddr("127.0.0.1"), Kind: "host unreachable"}.Advice(), "this host says so itself: most likely nobody answers")
	assert.Contains(t, Error{From: netip.MustParseAddr("::1"), Kind: "address unreachable"}.Advice(), "this host says so itself: most likely nobody answers")
	assert.Contains(t, Error{From: netip.MustParseAddr("::1"), Kind: "administratively prohibited"}.Advice(), "::1 says so, which is this host itself: look at its firewall")
	assert.Contains(t, Error{From: netip.MustParseAddr("127.0.0.1"), Kind: "port unreachable"}.Advice(), "127.0.0.1 says so, which is this host itself: look at its firewall")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1"), Kind: Kind(true, 1, 4)}.Advice(), "192.0.2.1 says so: a firewall or balancer there rejects it")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1"), Kind: Kind(false, 3, 4)}.Advice(), "the link behind it carries only smaller packets")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1"), Kind: Kind(true, 2, 0)}.Advice(), "the link behind it carries only smaller packets")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1"), Kind: Kind(false, 11, 0)}.Advice(), "192.0.2.1 says so: routers send the packets in a circle")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1"), Kind: Kind(true, 3, 0)}.Advice(), "192.0.2.1 says so: routers send the packets in a circle")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1")}.Advice(), "192.0.2.1 says so, a router")
	assert.Contains(t, Error{}.Advice(), "says so, a router")
}

// A port that nobody listens on is told by RST over TCP, and over UDP by the target.
func TestNotListening(t *testing.T) {
	t.Parallel()
	target, router := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.254")
	for name, row := range map[string]struct {
		network string
		from    netip.Addr
		want    bool
	}{
		"TCP":                       {"tcp4", target, false},
		"TLS":                       {"tls", target, false},
		"UDP, by the target":        {"udp", target, true},
		"UDP, by something between": {"udp4", router, false},
	} {
		assert.Equal(t, row.want, Error{From: row.from}.NotListening(row.network, target), name)
	}
}
