package packets

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// end is what one loop has of a link: it reads some of the interface's receive queues, and sends on the first of these. It hands a frame to
// the driver on its loop whose connection that belongs to, and else to another end: an interface spreads frames by a hash of its own.
type end struct {
	*link
	at       int // index among the link's ends
	queue    frames.Queue
	loop     *loop.Loop
	attached *loop.Attachment
	watch    *frames.Watch
	drivers  []*driver
	now      int64 // of the frames that are being taken
	inbox    inbox
	flusher  frames.Flusher
	closed   bool
	freed    atomic.Uint64 // see link

	receiving sync.Mutex   // guards the queue's receiving side, and what follows
	handovers []handover   // by index of the end that they are for
	looked    atomic.Int64 // all that had arrived by then has been taken, or is in an inbox
}

func newEnd(l *link, at int, q frames.Queue) *end { return &end{link: l, at: at, queue: q} }

func (e *end) attach(to *loop.Loop) {
	e.loop, e.attached = to, to.Attach(e)
	e.handovers = make([]handover, len(e.ends))
	e.watch = frames.NewWatch(e.queue, e.attached, e.receive)
}

func (e *end) detach() {
	e.closed = true
	e.watch.Close()
	e.attached.Detach()
}

func (e *end) remove(d *driver) {
	d.flows.each(func(id connID) {
		if d.end(d.to(id)) == e {
			d.giveUp(e, d.hashOf(id))
		}
	})
	e.drivers = slices.DeleteFunc(e.drivers, func(other *driver) bool { return other == d })
	e.freed.Add(1)
}

// Ready implements loop.Handler.
func (e *end) Ready(uint32, loop.Events) { e.watch.Ready() }

// Tick implements loop.Handler: what drivers have left to be sent, and what the interface did not take before.
func (e *end) Tick(now int64) (wake int64) {
	return e.flusher.Flush(e.queue, now)
}

// receive takes the frames that have arrived, and returns how many.
func (e *end) receive() (n int) {
	e.now = e.attached.Now()
	return e.look(e.takeArrived)
}

func (e *end) takeArrived(frame []byte) { e.take(frame, 0) }

// take reads a frame. What is not understood is dropped, since the kernel would not understand it either.
func (e *end) take(frame []byte, hops uint8) {
	outer, ok := wire.ParseEthernet(frame)
	if !ok {
		return
	}
	if question, ok := outer.Neighbour(); ok {
		if !e.answer(&question) && e.at != 0 {
			e.handovers[0].add(frame, mostHops)
		}
		return
	}
	var p packet
	if !p.parse(&outer, e.checksums) || e.handle(&p) || e.handOn(&p.tuple, frame, hops) {
		return
	}
	if p.ip.Protocol == wire.ProtocolTCP {
		e.refuse(&outer, &p.ip, &p.segment)
	}
}

// handle hands a packet to the driver on this loop that has its connection. It returns false if none has.
func (e *end) handle(p *packet) bool {
	for _, d := range e.drivers {
		if d.datagram != p.isUDP() {
			continue
		}
		id, ok := d.find(&p.tuple)
		if !ok {
			continue
		}
		switch p.ip.Protocol {
		case wire.ProtocolTCP:
			d.receive(id, &p.segment, e.now)
		case wire.ProtocolUDP:
			d.receiveDatagram(id, p.datagram.Payload, e.now)
		default:
			d.rejected(id, &p.rejection, e.now)
		}
		return true
	}
	return false
}

// refuse answers a segment of no connection.
func (e *end) refuse(outer *wire.Ethernet, ip *wire.IP, s *wire.TCP) {
	if rst := tcp.Refuse(s); rst != nil {
		rst.SrcPort, rst.DstPort = s.DstPort, s.SrcPort
		e.send(&wire.Path{Own: e.own, Next: outer.Src}, ip.Dst, ip.Src, rst)
	}
}

// isFree reports whether no connection on this loop has a 5-tuple. If it is wanted so much, a connection in TIME-WAIT is forgotten. Its last ACK
// goes first, if there is room: else the peer, which waits for it, would not take the next connection.
func (e *end) isFree(t *tuple, datagram, wanted bool) bool {
	for _, d := range e.drivers {
		if d.datagram != datagram {
			continue
		}
		id, taken := d.find(t)
		if !taken {
			continue
		}
		c := d.conns.at(id)
		if !wanted || c.State() != tcp.TimeWait {
			return false
		}
		_, _ = d.emit(id, c, loop.Now())
		d.forget(id)
	}
	return true
}

// answer tells a neighbour that a source is here. The program takes only questions for those that no interface has.
func (e *end) answer(question *wire.Neighbour) bool {
	for _, d := range e.drivers {
		if d.answersFor(question.Target) {
			if frame := e.queue.Buffer(); frame != nil {
				e.commit(question.PutAnswer(frame, e.own))
			}
			return true
		}
	}
	return false
}

// send sends a segment that nobody sends again, if there is room for it now.
func (e *end) send(path *wire.Path, from, to netip.Addr, s *wire.TCP) {
	if frame := e.queue.Buffer(); frame != nil {
		e.commit(wire.PutTCP(frame, path, from, to, s))
	}
}

func (e *end) commit(n int) {
	if n > 0 {
		e.queue.Commit(n)
		e.attached.Wake()
	}
}
