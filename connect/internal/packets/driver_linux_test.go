package packets

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
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
		assert.True(t, d.occupy(&own, &c.targets[0], true))
		_, taken := d.find(&own)
		assert.False(t, taken)
	})
	assert.Equal(t, 1, sum(l.sent()))
}

// Once all ports of a source are taken, further dials fail at once, rather than after another look at each port, until one is free again.
func TestNoPortIsLeft(t *testing.T) {
	t.Parallel()
	l := newLines(t, 1)
	c := newCall(engine.NewJob(engine.Plan{Protocol: "tcp", Targets: make([]engine.Target, 1), Connections: 1}, &engine.Counters{}, 0))
	c.targets[0] = target{addr: netip.AddrPortFrom(far, 5001), source: near, link: l.link, mss: 1460}
	c.chosen = []source.Ports{{First: firstPort, Last: lastPort}}
	c.spread([]*link{l.link}, 1)
	d := newDriver(c, 0)
	for port := firstPort; port <= lastPort; port++ {
		taken := conn{port: uint16(port)} // #nosec G115 -- a port
		taken.Open(1, 1460)
		id, _ := d.conns.linger(&taken, 0)
		d.flows.add(id, d.hashOf(id))
	}
	await(l.loops[0], func() {
		l.ends[0].drivers = append(l.ends[0].drivers, d)
		start, dials := time.Now(), 1000
		for range dials {
			_, fault := d.choose(0, &c.targets[0])
			assert.Equal(t, class.AddrNotAvailable, fault.Class)
		}
		assert.Less(t, time.Since(start), 5*time.Second, "one look takes some 10 ms")
		d.forget(lingererAt(7))
		own, fault := d.choose(0, &c.targets[0])
		assert.Equal(t, class.None, fault.Class)
		assert.EqualValues(t, firstPort+7, own.local.Port())
	})
}

// A call can be stopped while another one opens an interface, which may take seconds.
func TestStopWaitsForNoOtherCall(t *testing.T) {
	t.Parallel()
	l := newLines(t, 1)
	c := newCall(engine.NewJob(engine.Plan{Protocol: "tcp", Targets: make([]engine.Target, 1), Connections: 1, Rate: 1e-6}, &engine.Counters{}, 0))
	d := newDriver(c, 0)
	d.on = l.loops[0]
	finished := make(chan struct{})
	d.core = engine.NewCore(c.job, d, 1, (&rules.Flood{}).New, engine.Hooks{Settled: func() {}, Finished: func() { close(finished) }})
	c.targets[0].fault = engine.Fault{Class: class.Other} // it never gets as far as a dial
	c.job.Begin(loop.Now())
	await(d.on, func() { d.loop = d.on.Attach(d) })
	r := &runner{net: &Net{}, drivers: []*driver{d}}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	r.Stop(class.Aborted, class.Aborted)
	<-finished
	await(d.on, func() { d.loop.Detach() })
}
