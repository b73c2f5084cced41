package packets

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// A connection in TIME-WAIT whose port is taken again sends its last ACK first: else the peer, in LAST-ACK, would refuse the next SYN.
func TestVacateSendsTheLastACK(t *testing.T) {
	t.Parallel()
	l := newLines(t, 1)
	c := newCall(engine.NewJob(engine.Plan{Protocol: "tcp", Targets: make([]engine.Target, 1), Connections: 1}, &engine.Counters{}, 0))
	c.targets[0] = target{addr: netip.AddrPortFrom(far, 5001), source: near, link: l.link, mss: 1460}
	c.spread([]*link{l.link}, 1)
	d := newDriver(c, 0)
	const port, theirs = 1024, 7000
	closing := conn{port: port}
	closing.Open(1, 1460)
	syn, _ := closing.Next(nil, 0)
	closing.Receive(&wire.TCP{Flags: wire.SYN | wire.ACK, Seq: theirs, Ack: syn.Seq + 1, Window: 1000}, 1000, 0)
	closing.Shut()
	_, _ = closing.Next(nil, 0)
	closing.Receive(&wire.TCP{Flags: wire.FIN | wire.ACK, Seq: theirs + 1, Ack: syn.Seq + 2, Window: 1000}, 1000, 0)
	require.Equal(t, tcp.TimeWait, closing.State())

	id, _ := d.conns.linger(&closing, 0)
	own := tupleOf(netip.AddrPortFrom(near, port), netip.AddrPortFrom(far, 5001))
	d.flows.add(id, own.hash)
	await(l.loops[0], func() {
		l.ends[0].drivers = append(l.ends[0].drivers, d)
		assert.True(t, d.vacate(&own, &c.targets[0]))
		_, taken := d.find(&own)
		assert.False(t, taken)
	})
	assert.Equal(t, 1, sum(l.sent()))
}
