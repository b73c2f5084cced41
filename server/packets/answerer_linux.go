package packets

import (
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// answerer answers what arrives on a queue, on an event loop of its own.
type answerer struct {
	server   *Server
	queue    frames.Queue
	loop     *loop.Loop
	attached *loop.Attachment
	watch    *frames.Watch
	flusher  frames.Flusher
	buffer   [2048]byte
}

func newAnswerer(s *Server, q frames.Queue) (a *answerer, err error) {
	a = &answerer{server: s, queue: q}
	if a.loop, err = loop.Start(); err != nil {
		return nil, err //nolint:wrapcheck // it says all
	}
	a.await(func() {
		a.attached = a.loop.Attach(a)
		a.watch = frames.NewWatch(q, a.attached, func() int { return q.Receive(a.take) })
	})
	return a, nil
}

func (a *answerer) close() {
	a.await(func() {
		a.watch.Close()
		a.attached.Detach()
	})
	a.loop.Stop()
}

func (a *answerer) await(task func()) {
	done := make(chan struct{})
	a.loop.Do(func() {
		task()
		close(done)
	})
	<-done
}

// Ready implements loop.Handler.
func (a *answerer) Ready(uint32, loop.Events) { a.watch.Ready() }

// Tick implements loop.Handler.
func (a *answerer) Tick(now int64) (wake int64) {
	return a.flusher.Flush(a.queue, now)
}

// take answers a frame.
func (a *answerer) take(frame []byte) {
	e, ok := wire.ParseEthernet(frame)
	if !ok {
		return
	}
	if question, ok := e.Neighbour(); ok {
		if a.server.answered[question.Target] {
			a.send(func(frame []byte) int { return question.PutAnswer(frame, a.server.own) })
		}
		return
	}
	ip, ok := e.Parse()
	if !ok {
		return
	}
	path := wire.Path{Own: a.server.own, Next: e.Src} // whoever has sent the packet knows the way back
	if in, ok := ip.TCP(a.server.checksums); ok {
		a.takeSegment(&path, &ip, &in)
	} else if in, ok := ip.UDP(a.server.checksums); ok {
		a.takeDatagram(&path, &ip, &in)
	}
}

func (a *answerer) takeSegment(path *wire.Path, ip *wire.IP, in *wire.TCP) {
	own, client := netip.AddrPortFrom(ip.Dst, in.DstPort), netip.AddrPortFrom(ip.Src, in.SrcPort)
	out, ok := wire.TCP{}, false
	if service := a.server.services[own]; service != nil && service.TCP {
		out, ok = service.Answer(in, client, own, wire.MSS(ip.Src, a.server.mtu), a.buffer[:0])
	} else if !in.Has(wire.RST) {
		out, ok = refuse(in), true
	}
	if ok {
		out.SrcPort, out.DstPort = in.DstPort, in.SrcPort
		a.send(func(frame []byte) int { return wire.PutTCP(frame, path, ip.Dst, ip.Src, &out) })
	}
}

func (a *answerer) takeDatagram(path *wire.Path, ip *wire.IP, in *wire.UDP) {
	service := a.server.services[netip.AddrPortFrom(ip.Dst, in.DstPort)]
	if service == nil || service.Datagram == nil {
		return
	}
	service.Count.Datagrams.Add(1)
	answer := service.Datagram(in.Payload, netip.AddrPortFrom(ip.Src, in.SrcPort))
	if answer == nil {
		return
	}
	out := wire.UDP{SrcPort: in.DstPort, DstPort: in.SrcPort, Payload: answer}
	if a.send(func(frame []byte) int { return wire.PutUDP(frame, path, ip.Dst, ip.Src, &out) }) {
		service.Count.DatagramsAnswered.Add(1)
	}
}

// send sends a frame. If there is no room for it, it is lost, as on the wire.
func (a *answerer) send(put func(frame []byte) int) (ok bool) {
	frame := a.queue.Buffer()
	if frame == nil {
		return false
	}
	n := put(frame)
	if n > 0 {
		a.queue.Commit(n)
	}
	return n > 0
}
