package packets

import (
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// receive takes a segment of a connection, and what has waited for it.
func (d *driver) receive(id connID, s *wire.TCP, now int64) {
	if c := d.conns.at(id); c.Misses(s, d.to(id).window) {
		d.early.keep(id, s)
	}
	d.take(id, s, now, false)
	for len(d.early.of) > 0 {
		waited, ok := d.early.next(id, func(s *wire.TCP) bool { return d.conns.at(id).Misses(s, d.to(id).window) })
		if !ok {
			return
		}
		d.take(id, &waited, now, true)
	}
}

// take takes a segment of a connection, which may have waited, and tells the core what it has brought.
func (d *driver) take(id connID, s *wire.TCP, now int64, waited bool) {
	c := d.conns.at(id)
	lingered := c.Lingers()
	var n tcp.News
	if waited {
		n = c.Resume(s, now)
	} else {
		n = c.Receive(s, d.to(id).window, now)
	}
	if n.Reply != nil {
		d.transmit(id, n.Reply)
	}
	if n.Acked > 0 {
		d.release(id, n.Acked)
	}
	if !id.lingers() {
		d.tell(id, c, &n, now)
	} else if lingered && !c.Lingers() {
		d.left(id, now)
	}
	d.settle(id, c)
}

// settle sees to what is left of a connection: something to send, or nothing at all.
func (d *driver) settle(id connID, c *conn) {
	switch {
	case c.port == 0:
	case c.State() == tcp.Closed && id.lingers():
		d.forget(id)
	default:
		d.touch(id, c)
	}
}

// tell reports what has happened, in the order in which it has. The core may close the connection meanwhile.
func (d *driver) tell(id connID, c *conn, n *tcp.News, now int64) {
	d.loop.Wake()
	e := engine.Event{Key: id.index(), At: now}
	if n.Has(tcp.Connected) {
		d.begin(id, c)
		e.Kind = engine.Connected
		d.core.Handle(&e)
	}
	if len(n.Data) > 0 && c.port != 0 {
		e.Kind, e.Data = engine.Data, n.Data
		if e.At == d.core.Conn(e.Key).Since {
			e.At = loop.Now() // it came with the handshake's end: this is as early as it can be known
		}
		d.core.Handle(&e)
	}
	if n.Has(tcp.Opened) && c.port != 0 && c.marks&writing != 0 && c.Room(len(d.kept[id])) > 0 {
		c.marks &^= writing
		e.Kind, e.Data = engine.Writable, nil
		d.core.Handle(&e)
	}
	if n.Has(tcp.Refused|tcp.Reset|tcp.PeerDone) && c.port != 0 {
		e.Kind, e.Data = engine.Ended, nil
		switch {
		case n.Has(tcp.Refused):
			e.Fault = d.fault("connect", unix.ECONNREFUSED)
		case n.Has(tcp.Reset):
			e.Fault = d.fault("read", unix.ECONNRESET)
		}
		d.core.Handle(&e)
	}
}

// begin sends what a stream begins with.
func (d *driver) begin(id connID, c *conn) {
	if header := d.job.Plan.Header; header != nil {
		d.header = header(d.header[:0], d.local(id), d.to(id).addr)
		d.keep(id, d.header[:min(len(d.header), c.Room(0))])
	}
}

// receiveDatagram takes a datagram of a flow.
func (d *driver) receiveDatagram(id connID, data []byte, now int64) {
	c := d.conns.at(id)
	if c.State() != datagramOpen { // not connected, as far as the core knows
		return
	}
	d.loop.Wake()
	d.core.Handle(&engine.Event{Key: id.index(), Kind: engine.Data, At: now, Data: data})
}

// datagramOpen is the state of a UDP flow that the core knows to be connected; before, it is tcp.Closed.
const datagramOpen = tcp.Established

// rejected takes an ICMP error. One about TCP must be about a SYN that is on its way, whose number others can't guess (RFC 5927). As in the
// kernel, an established connection survives it, and sends again.
func (d *driver) rejected(id connID, r *wire.Rejection, now int64) {
	c := d.conns.at(id)
	errno, ends := errnoOf(r)
	if d.datagram && !ends { // too large for a link on the way, and sent again it would be, too
		errno, ends = unix.EMSGSIZE, true
	}
	if id.lingers() || !ends || !d.datagram && (c.State() != tcp.SynSent || !c.InFlight(r.Seq)) {
		return
	}
	call := "connect"
	if d.datagram {
		call = "read"
	}
	fault := d.fault(call, errno)
	if prohibited(r) {
		fault.Class = class.Blocked
	}
	fault.Err = icmp.Error{Err: fault.Err, From: r.From, Kind: icmp.Kind(r.V6, r.Type, r.Code)}
	d.loop.Wake()
	d.core.Handle(&engine.Event{Key: id.index(), Kind: engine.Ended, At: now, Fault: fault})
	d.settle(id, c)
}
