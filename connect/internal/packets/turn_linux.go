package packets

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// patience is how long a driver whose core is done waits for further peers to close their side, since the last one has, in ns.
const patience = 1e9

// Ready implements loop.Handler. A driver has no descriptors.
func (d *driver) Ready(uint32, loop.Events) {}

// Tick implements loop.Handler: whatever time or the last packets have made due.
func (d *driver) Tick(now int64) (wake int64) {
	seen := d.seen()
	more := d.retransmit(now)
	more = d.expire(seen) || more
	d.core.CheckTime(now, seen)
	wake = d.core.Turn(now, seen)
	more = d.connectDatagrams() || more
	more = d.send() || more
	wake = min(wake, d.endIfQuiet(now), d.conns.known.RestSome(now))
	if more {
		return now
	}
	return min(wake, d.timers.Next(), d.alarms.next())
}

// seen is the instant up to which everything that had arrived for the driver has been handled.
func (d *driver) seen() int64 {
	seen := d.loop.Seen()
	due := d.timers.Next() <= seen
	for _, e := range d.ends {
		seen = min(seen, e.seen(seen, due))
	}
	return seen
}

// retransmit looks at the connections whose TCP timer may have run out. It returns whether there are more.
func (d *driver) retransmit(now int64) (more bool) {
	for range sendsPerTurn {
		id, at, ok := d.alarms.pop(now)
		if !ok {
			return false
		}
		if c := d.conns.awake(id); c != nil && c.marks&armed != 0 && c.alarm == at { // else it is void
			c.marks &^= armed
			d.timer(id, c, now)
		}
	}
	return true
}

func (d *driver) timer(id connID, c *conn, now int64) {
	lingered := c.Lingers()
	if c.Expire(now) {
		d.touch(id, c)
		d.setAlarm(id, c, now)
		return
	}
	if !id.lingers() {
		d.core.Handle(&engine.Event{Key: id.index(), Kind: engine.Ended, At: now, Fault: d.fault("read", unix.ETIMEDOUT)})
	} else if lingered {
		d.left(id, now)
	}
	d.settle(id, c)
}

// setAlarm makes sure that a connection's timer is looked at in time.
func (d *driver) setAlarm(id connID, c *conn, now int64) {
	at := c.Deadline(now)
	if at == tcp.Never {
		return
	}
	if c.marks&armed != 0 && !d.alarms.isBefore(at, c.alarm) {
		return
	}
	c.marks |= armed
	c.alarm = d.alarms.add(id, at)
}

// expire reports the rules' deadlines that have passed before all that arrived before them had been seen. It returns whether there are more.
func (d *driver) expire(seen int64) (more bool) {
	for range expiriesPerTurn {
		key, ok := d.timers.Expired(seen)
		if !ok {
			return false
		}
		d.core.Handle(&engine.Event{Key: key, Kind: engine.Expired, At: seen})
	}
	return true
}

// connectDatagrams reports UDP flows as connected: there is nothing to wait for. It returns whether there were any.
func (d *driver) connectDatagrams() (some bool) {
	now := loop.Now()
	for _, id := range d.fresh {
		c := d.conns.at(id)
		if c.port == 0 || c.State() == datagramOpen {
			continue
		}
		c.Accept()
		d.core.Handle(&engine.Event{Key: id.index(), Kind: engine.Connected, At: now})
	}
	some = len(d.fresh) > 0
	d.fresh = d.fresh[:0]
	return some
}

// touch notes that a connection may have something to send.
func (d *driver) touch(id connID, c *conn) {
	if c.marks&dirty == 0 {
		c.marks |= dirty
		d.dirty = append(d.dirty, id)
		d.loop.Wake()
	}
}

// send sends what connections have to send, as much as a turn allows. It returns whether there is more.
func (d *driver) send() (more bool) {
	now, done := loop.Now(), 0
	for sent := 0; done < len(d.dirty) && sent < sendsPerTurn; done++ {
		id := d.dirty[done]
		c := d.conns.at(id)
		n, ok := d.emit(id, c, now)
		if !ok { // the interface is full
			break
		}
		sent += n
		c.marks &^= dirty
	}
	d.dirty = d.dirty[:copy(d.dirty, d.dirty[done:])]
	for _, e := range d.ends {
		e.queue.Flush()
	}
	return len(d.dirty) > 0
}

// emit sends all that a connection has to send now. ok is false if there is no room for it.
func (d *driver) emit(id connID, c *conn, now int64) (n int, ok bool) {
	if c.port == 0 || d.datagram {
		return 0, true
	}
	way := d.wayOf(id)
	for {
		if way.end.queue.Buffer() == nil {
			return n, false
		}
		s, some := c.Next(d.kept[id], now)
		if !some {
			break
		}
		way.transmit(&s)
		n++
	}
	d.setAlarm(id, c, now)
	return n, true
}

// transmit sends a segment of a connection.
func (d *driver) transmit(id connID, s *wire.TCP) {
	way := d.wayOf(id)
	way.transmit(s)
}

// way is where a connection's segments go, and come from.
type way struct {
	local netip.AddrPort
	to    *target
	end   *end
}

func (d *driver) wayOf(id connID) way {
	to := d.to(id)
	return way{d.localTo(id, to), to, d.end(to)}
}

func (w *way) transmit(s *wire.TCP) {
	s.SrcPort, s.DstPort = w.local.Port(), w.to.addr.Port()
	if !s.Has(wire.RST) {
		s.Window = w.to.window
	}
	w.end.send(&w.to.path, w.local.Addr(), w.to.addr.Addr(), s)
}

// keep adds bytes to those that a connection has not seen acknowledged.
func (d *driver) keep(id connID, p []byte) { d.kept[id] = append(d.kept[id], p...) }

// release drops the first of them.
func (d *driver) release(id connID, n int) {
	if kept := d.kept[id]; n < len(kept) {
		d.kept[id] = kept[:copy(kept, kept[n:])]
		return
	}
	delete(d.kept, id)
}

// left notes that a peer has closed its side of a connection that lingered.
func (d *driver) left(id connID, now int64) {
	d.noteFree(id)
	d.lingering--
	d.idleSince = now
	d.loop.Wake()
}

// endIfQuiet tells the runner, once, that no peer has its side open any more, or that the patience is over.
func (d *driver) endIfQuiet(now int64) (wake int64) {
	switch {
	case !d.finished || d.quiet == nil:
		return never
	case d.lingering > 0 && now < d.idleSince+patience:
		return d.idleSince + patience
	}
	d.conns.eachLingerer(d.abort)
	close(d.quiet)
	d.quiet = nil
	return never
}
