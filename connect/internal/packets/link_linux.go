package packets

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/tcp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// retryNs is how long a link waits before it sends again what the interface did not take.
const retryNs = 100e3

// link is an interface on the loop. It reads what arrives, and hands it to the driver whose connection it belongs to.
type link struct {
	device    frames.Device
	index     int
	own       wire.MAC
	checksums wire.Checksums
	window    uint16 // that connections offer; 0 is a segment
	attached  *loop.Attachment
	watch     *frames.Watch

	drivers []*driver
	users   int // guarded by Net
}

func newLink(device frames.Device, r *route) *link {
	l := &link{device: device, index: r.index, own: r.path.Own, window: 65535}
	if r.virtual { // the kernel at the other end sends several segments in one frame, which has no room for them
		l.checksums, l.window = wire.PartialChecksums, 0
	}
	return l
}

func (l *link) attach(to *loop.Loop) {
	l.attached = to.Attach(l)
	l.watch = frames.NewWatch(l.device, l.attached, l.take)
}

func (l *link) detach() {
	l.watch.Close()
	l.attached.Detach()
}

func (l *link) remove(d *driver) {
	l.drivers = slices.DeleteFunc(l.drivers, func(other *driver) bool { return other == d })
}

// Ready implements loop.Handler.
func (l *link) Ready(uint32, loop.Events) { l.watch.Ready() }

// Tick implements loop.Handler: what drivers have left to be sent, and what the interface did not take before.
func (l *link) Tick(now int64) (wake int64) {
	l.device.Flush()
	if l.device.Pending() {
		return now + retryNs
	}
	return loop.Never
}

// take reads a frame. What is not understood is dropped, since the kernel would not understand it either.
func (l *link) take(frame []byte) {
	e, ok := wire.ParseEthernet(frame)
	if !ok {
		return
	}
	if question, ok := e.Neighbour(); ok {
		l.answer(&question)
		return
	}
	ip, ok := e.Parse()
	if !ok {
		return
	}
	switch ip.Protocol {
	case wire.ProtocolTCP:
		if s, ok := ip.TCP(l.checksums); ok {
			l.takeSegment(&e, &ip, &s)
		}
	case wire.ProtocolUDP:
		if u, ok := ip.UDP(l.checksums); ok {
			l.takeDatagram(&ip, &u)
		}
	case wire.ProtocolICMP, wire.ProtocolICMPv6:
		if r, ok := ip.Rejection(); ok {
			l.takeRejection(&r)
		}
	}
}

func (l *link) takeSegment(e *wire.Ethernet, ip *wire.IP, s *wire.TCP) {
	t := tupleOf(netip.AddrPortFrom(ip.Dst, s.DstPort), netip.AddrPortFrom(ip.Src, s.SrcPort))
	for _, d := range l.drivers {
		if id, ok := d.find(&t); ok && !d.datagram {
			d.receive(id, s)
			return
		}
	}
	if rst := tcp.Refuse(s); rst != nil {
		rst.SrcPort, rst.DstPort = s.DstPort, s.SrcPort
		l.send(&wire.Path{Own: l.own, Next: e.Src}, ip.Dst, ip.Src, rst)
	}
}

func (l *link) takeDatagram(ip *wire.IP, u *wire.UDP) {
	t := tupleOf(netip.AddrPortFrom(ip.Dst, u.DstPort), netip.AddrPortFrom(ip.Src, u.SrcPort))
	for _, d := range l.drivers {
		if id, ok := d.find(&t); ok && d.datagram {
			d.receiveDatagram(id, u.Payload)
			return
		}
	}
}

func (l *link) takeRejection(r *wire.Rejection) {
	t := tupleOf(netip.AddrPortFrom(r.Src, r.SrcPort), netip.AddrPortFrom(r.Dst, r.DstPort))
	for _, d := range l.drivers {
		if id, ok := d.find(&t); ok && d.datagram == (r.Protocol == wire.ProtocolUDP) {
			d.rejected(id, r)
			return
		}
	}
}

// holder returns who has a connection with a 5-tuple, among the drivers of one's own protocol.
func (l *link) holder(d *driver, t *tuple) (other *driver, id connID, taken bool) {
	for _, other = range l.drivers {
		if other.datagram != d.datagram {
			continue
		}
		if id, taken = other.find(t); taken {
			return other, id, true
		}
	}
	return nil, 0, false
}

// answer tells a neighbour that a source is here. The program takes only questions for those that no interface has.
func (l *link) answer(question *wire.Neighbour) {
	for _, d := range l.drivers {
		if d.answersFor(question.Target) {
			if frame := l.device.Buffer(); frame != nil {
				l.commit(question.PutAnswer(frame, l.own))
			}
			return
		}
	}
}

// send sends a segment that nobody sends again, if there is room for it now.
func (l *link) send(path *wire.Path, from, to netip.Addr, s *wire.TCP) {
	if frame := l.device.Buffer(); frame != nil {
		l.commit(wire.PutTCP(frame, path, from, to, s))
	}
}

func (l *link) commit(n int) {
	if n > 0 {
		l.device.Commit(n)
		l.attached.Wake()
	}
}

func nameOf(index int) string {
	if nic, err := net.InterfaceByIndex(index); err == nil {
		return nic.Name
	}
	return strconv.Itoa(index)
}
