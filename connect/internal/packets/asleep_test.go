package packets

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// Peers may have any windows. Connections whose window is one too many stay awake, and lose nothing.
func TestManyWindows(t *testing.T) {
	t.Parallel()
	const most, count = 1 << 8, 300
	all := newConns()
	var want [count]conn
	for i := range want {
		_, c := all.add(uint32(i*blocks.Size), 5001) // #nosec G115 -- it fits
		c.Open(1, 1460)
		syn, _ := c.Next(nil, 0)
		c.Receive(&wire.TCP{Seq: 7, Ack: syn.Seq + 1, Flags: wire.SYN | wire.ACK, Window: uint16(1 + i), MSS: 1000}, 65535, 4e6) // #nosec G115 -- it fits
		c.Next(nil, 4e6)
		want[i] = *c
	}
	for now := range int64(count) {
		all.known.RestSome(now * 1e9)
	}
	asleep := 0
	for i := range want {
		if all.awake(idOf(uint32(i*blocks.Size))) == nil { // #nosec G115 -- it fits
			asleep++
		}
	}
	assert.Equal(t, most, asleep)
	for i := range want {
		got := all.at(idOf(uint32(i * blocks.Size))) // #nosec G115 -- it fits
		assert.Equal(t, tcp.Established, got.State())
		assertSame(t, want[i], *got)
	}
}
