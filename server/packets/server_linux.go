package packets

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// retryNs is when frames are sent again that the interface did not take.
const retryNs = 100e3

// Server answers on an interface, on an event loop.
type Server struct {
	device   frames.Device
	loop     *loop.Loop
	attached *loop.Attachment
	watch    *frames.Watch

	own      wire.MAC
	mtu      int
	services map[netip.AddrPort]*Service
	answered map[netip.Addr]bool // addresses that no interface has
	buffer   [2048]byte
}

// Start answers the services' clients on an interface, until Close. Everything else on it goes on as before.
func Start(name string, way frames.Way, services []Service) (*Server, error) {
	for _, need := range limits.PacketDriver() {
		if !need.OK {
			return nil, fmt.Errorf("answering from packets lacks something: %s", need)
		}
	}
	nic, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("looking for interface %q: %w", name, err)
	}
	a := nic.Attrs()
	s := &Server{mtu: a.MTU, services: map[netip.AddrPort]*Service{}, answered: map[netip.Addr]bool{}}
	switch {
	case len(a.HardwareAddr) == len(s.own):
		s.own = wire.MAC(a.HardwareAddr)
	case a.Flags&net.FlagLoopback == 0:
		return nil, fmt.Errorf("interface %q (%s) carries no Ethernet frames", name, nic.Type())
	}
	filter, err := s.listen(nic, services)
	if err != nil {
		return nil, err
	}
	if s.device, err = frames.Open(frames.Options{Index: a.Index, AnyRemote: true, Virtual: true, Way: way}); err != nil {
		return nil, fmt.Errorf("answering from packets on interface %q: %w", name, err)
	}
	return s, s.run(filter)
}

// listen fills in the services by address, and names the packets that are for them.
func (s *Server) listen(nic netlink.Link, services []Service) (*frames.Filter, error) {
	own, err := addressesOf(nil)
	if err != nil {
		return nil, err
	}
	here, err := addressesOf(nic)
	if err != nil {
		return nil, err
	}
	filter := &frames.Filter{}
	locals := map[netip.Addr]bool{}
	for i := range services {
		service := &services[i]
		addrs := here
		if given := service.Addr.Addr(); !given.IsUnspecified() {
			addrs = map[netip.Addr]bool{given: true}
		}
		port := service.Addr.Port()
		filter.Ports = append(filter.Ports, source.Ports{First: port, Last: port})
		for addr := range addrs {
			s.services[netip.AddrPortFrom(addr, port)] = service
			locals[addr] = true
		}
	}
	for addr := range locals {
		s.answered[addr] = !own[addr]
		filter.Locals = append(filter.Locals, frames.Local{Prefix: netip.PrefixFrom(addr, addr.BitLen()), Answer: !own[addr]})
	}
	return filter, nil
}

// addressesOf returns an interface's addresses; nil is all interfaces.
func addressesOf(nic netlink.Link) (map[netip.Addr]bool, error) {
	list, err := netlink.AddrList(nic, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("asking for this host's addresses: %w", err)
	}
	addrs := map[netip.Addr]bool{}
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			addrs[addr.Unmap()] = true
		}
	}
	return addrs, nil
}

func (s *Server) run(filter *frames.Filter) (err error) {
	if s.loop, err = loop.Start(); err != nil {
		_ = s.device.Close()
		return err //nolint:wrapcheck // it says all
	}
	s.await(s.attach)
	if err = s.device.Take(filter); err != nil {
		s.Close()
		return fmt.Errorf("answering from packets: %w", err)
	}
	return nil
}

func (s *Server) attach() {
	s.attached = s.loop.Attach(s)
	s.watch = frames.NewWatch(s.device, s.attached, s.take)
}

// Name is how its frames travel, such as "AF_XDP, generic mode".
func (s *Server) Name() string { return s.device.Name() }

// Close ends the server, and waits for its end. Clients are told nothing.
func (s *Server) Close() {
	s.await(func() {
		s.watch.Close()
		s.attached.Detach()
	})
	s.loop.Stop()
	_ = s.device.Close()
}

func (s *Server) await(task func()) {
	done := make(chan struct{})
	s.loop.Do(func() {
		task()
		close(done)
	})
	<-done
}

// Ready implements loop.Handler.
func (s *Server) Ready(uint32, loop.Events) { s.watch.Ready() }

// Tick implements loop.Handler.
func (s *Server) Tick(now int64) (wake int64) {
	s.device.Flush()
	if s.device.Pending() {
		return now + retryNs
	}
	return loop.Never
}

// take answers a frame.
func (s *Server) take(frame []byte) {
	e, ok := wire.ParseEthernet(frame)
	if !ok {
		return
	}
	if question, ok := e.Neighbour(); ok {
		if s.answered[question.Target] {
			s.send(func(frame []byte) int { return question.PutAnswer(frame, s.own) })
		}
		return
	}
	ip, ok := e.Parse()
	if !ok {
		return
	}
	path := wire.Path{Own: s.own, Next: e.Src} // whoever has sent the packet knows the way back
	if in, ok := ip.TCP(wire.PartialChecksums); ok {
		s.takeSegment(&path, &ip, &in)
	} else if in, ok := ip.UDP(wire.PartialChecksums); ok {
		s.takeDatagram(&path, &ip, &in)
	}
}

func (s *Server) takeSegment(path *wire.Path, ip *wire.IP, in *wire.TCP) {
	own, client := netip.AddrPortFrom(ip.Dst, in.DstPort), netip.AddrPortFrom(ip.Src, in.SrcPort)
	out, ok := wire.TCP{}, false
	if service := s.services[own]; service != nil && service.TCP {
		out, ok = service.Answer(in, client, own, wire.MSS(ip.Src, s.mtu), s.buffer[:0])
	} else if !in.Has(wire.RST) {
		out, ok = refuse(in), true
	}
	if ok {
		out.SrcPort, out.DstPort = in.DstPort, in.SrcPort
		s.send(func(frame []byte) int { return wire.PutTCP(frame, path, ip.Dst, ip.Src, &out) })
	}
}

func (s *Server) takeDatagram(path *wire.Path, ip *wire.IP, in *wire.UDP) {
	service := s.services[netip.AddrPortFrom(ip.Dst, in.DstPort)]
	if service == nil || service.Datagram == nil {
		return
	}
	service.Count.Datagrams.Add(1)
	answer := service.Datagram(in.Payload, netip.AddrPortFrom(ip.Src, in.SrcPort))
	if answer == nil {
		return
	}
	out := wire.UDP{SrcPort: in.DstPort, DstPort: in.SrcPort, Payload: answer}
	if s.send(func(frame []byte) int { return wire.PutUDP(frame, path, ip.Dst, ip.Src, &out) }) {
		service.Count.DatagramsAnswered.Add(1)
	}
}

// send sends a frame. If there is no room for it, it is lost, as on the wire.
func (s *Server) send(put func(frame []byte) int) (ok bool) {
	frame := s.device.Buffer()
	if frame == nil {
		return false
	}
	n := put(frame)
	if n > 0 {
		s.device.Commit(n)
	}
	return n > 0
}
