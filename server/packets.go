package server

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/packets"
)

// checkPackets checks what can't be had with Packets.
func (o *Options) checkPackets() error {
	if o.Packets == "" {
		return nil
	}
	switch {
	case o.ProxyProtocol:
		return &OptionError{"Packets", o.Packets, "not with a PROXY header, for which something has to be kept of each connection"}
	case o.TLSCert != "" || o.TLSKey != "" || o.TLS != nil:
		return &OptionError{"Packets", o.Packets, "not with TLS, for which something has to be kept of each connection"}
	}
	for _, a := range []struct{ option, address string }{{"Address", o.Address}, {"Echo", o.Echo}} {
		if a.address == "" {
			continue
		}
		if _, err := packetAddress(a.address); err != nil {
			return &OptionError{a.option, a.address, "answering from packets needs an IP address, or none for all of the interface, and a port: " + err.Error()}
		}
	}
	return nil
}

// packetAddress reads an address that clients' packets are sent to.
func packetAddress(text string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return netip.AddrPort{}, err //nolint:wrapcheck // by the caller
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return netip.AddrPort{}, strconv.ErrRange
	}
	if host == "" {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(number)), nil
	}
	addr, err := netip.ParseAddr(host)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), err //nolint:wrapcheck // by the caller
}

// servePackets takes a port for the packet server, which is started once all ports are known.
func (s *Server) servePackets(p port) (tcpAddr, udpAddr netip.AddrPort, err error) {
	addr, err := packetAddress(p.address)
	if err != nil {
		return tcpAddr, udpAddr, &ListenError{p.option, p.address, err}
	}
	count := p.tally.newPart()
	service := packets.Service{
		Addr: addr, TCP: p.tcp, OnAccept: s.options.OnAccept,
		Count: packets.Counters{
			Accepted: &count.accepted, Left: &count.left, Replies: &count.replies, Received: &count.received, Sent: &count.sent,
			Datagrams: &count.datagrams, DatagramsAnswered: &count.datagramsAnswered,
		},
	}
	switch role := p.role.(type) {
	case responder:
		service.Greet = role.appendAnswer
	case echo:
		service.Mark = role.mark
	}
	if p.tcp {
		tcpAddr = addr
	}
	if p.udp {
		udpAddr = addr
		service.Datagram = func(datagram []byte, client netip.AddrPort) []byte {
			if !s.takesDatagram(client) {
				return nil
			}
			return p.role.answer(datagram, client)
		}
		s.twins.add(addr.Port())
	}
	s.fromPackets = append(s.fromPackets, service)
	return tcpAddr, udpAddr, nil
}

// openPackets starts the packet server, if asked for.
func (s *Server) openPackets() error {
	if s.options.Packets == "" || len(s.fromPackets) == 0 {
		return nil
	}
	p, err := packets.Start(s.options.Packets, s.options.Frames, s.fromPackets)
	if err != nil {
		return &ListenError{"Packets", s.options.Packets, err}
	}
	s.services = append(s.services, packetService{p})
	s.log.Info("Answer from packets on interface "+s.options.Packets+", over "+p.Name(), "interface", s.options.Packets, "frames", p.Name())
	return nil
}

// packetService is the packet server as a service.
type packetService struct{ *packets.Server }

// drain does nothing: nothing is kept of clients who would have to be waited for.
func (packetService) drain() {}

func (p packetService) close() { p.Close() }
