package icmp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The kernel sends the message to itself, from its own address, when nobody answers ARP.
func TestAdvice(t *testing.T) {
	t.Parallel()
	assert.Contains(t, Error{From: netip.MustParseAddr("127.0.0.1")}.Advice(), "this host says so itself")
	assert.Contains(t, Error{From: netip.MustParseAddr("192.0.2.1")}.Advice(), "192.0.2.1 says so, a router")
	assert.Contains(t, Error{}.Advice(), "says so, a router")
}
