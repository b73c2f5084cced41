package connect

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

// With fixed source ports, the echoes of a connection that was given up reach the one that was made in its place.
func TestEchoesOfAnEarlierConnection(t *testing.T) {
	t.Parallel()
	p := pace{size: 64, datagram: true, names: names{}}
	var f flow
	early, late := make([]byte, p.size), make([]byte, p.size)
	p.stamp(early, 100)
	p.sending(&f, 100, 100)
	f.lost()
	f.begin(netip.AddrPort{})
	p.stamp(late, 300)
	p.sending(&f, 300, 300)

	planned, _ := p.tookDatagram(&f, early, 350)
	assert.Zero(t, planned)
	assert.EqualValues(t, 300, f.waiting)
	planned, _ = p.tookDatagram(&f, late, 360)
	assert.EqualValues(t, 300, planned)
	assert.Zero(t, f.waiting)
}
