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
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1")}.Advice(), "192.0.2.1 says so, a router")
	assert.Contains(t, Error{}.Advice(), "says so, a router")
}
