package packets

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// Server answers on an interface, with an event loop for each of its receive queues.
type Server struct {
	device    frames.Device
	answerers []*answerer

	own       wire.MAC
	mtu       int
	checksums wire.Checksums
	services  map[netip.AddrPort]*Service
	answered  map[netip.Addr]bool // addresses that no interface has
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
	virtual := frames.IsVirtual(nic)
	if virtual {
		s.checksums = wire.PartialChecksums
	}
	if s.device, err = frames.Open(frames.Options{Index: a.Index, AnyRemote: true, Virtual: virtual, Way: way}); err != nil {
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

func (s *Server) run(filter *frames.Filter) error {
	for _, q := range s.device.Queues() {
		a, err := newAnswerer(s, q)
		if err != nil {
			s.Close()
			return err
		}
		s.answerers = append(s.answerers, a)
	}
	if err := s.device.Take(filter); err != nil {
		s.Close()
		return fmt.Errorf("answering from packets: %w", err)
	}
	return nil
}

// Name is how its frames travel, such as "AF_XDP, generic mode".
func (s *Server) Name() string { return s.device.Name() }

// Close ends the server, and waits for its end. Clients are told nothing.
func (s *Server) Close() {
	for _, a := range s.answerers {
		a.close()
	}
	_ = s.device.Close()
}
