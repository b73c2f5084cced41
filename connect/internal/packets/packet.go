package packets

import (
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// packet is what is understood of a frame: one of a segment, a datagram, and an ICMP error.
type packet struct {
	ip        wire.IP
	tuple     tuple // of the connection that it belongs to, or is about
	segment   wire.TCP
	datagram  wire.UDP
	rejection wire.Rejection
}

// parse returns false for what is none of these, or not as it should be.
func (p *packet) parse(outer *wire.Ethernet, checksums wire.Checksums) (ok bool) {
	if p.ip, ok = outer.Parse(); !ok {
		return false
	}
	var local, remote uint16
	switch p.ip.Protocol {
	case wire.ProtocolTCP:
		p.segment, ok = p.ip.TCP(checksums)
		local, remote = p.segment.DstPort, p.segment.SrcPort
	case wire.ProtocolUDP:
		p.datagram, ok = p.ip.UDP(checksums)
		local, remote = p.datagram.DstPort, p.datagram.SrcPort
	case wire.ProtocolICMP, wire.ProtocolICMPv6:
		r, ok := p.ip.Rejection()
		p.rejection, p.tuple = r, tupleOf(netip.AddrPortFrom(r.Src, r.SrcPort), netip.AddrPortFrom(r.Dst, r.DstPort))
		return ok
	default:
		return false
	}
	p.tuple = tupleOf(netip.AddrPortFrom(p.ip.Dst, local), netip.AddrPortFrom(p.ip.Src, remote))
	return ok
}

// isUDP reports whether the packet belongs to a UDP flow, or is about one.
func (p *packet) isUDP() bool {
	switch p.ip.Protocol {
	case wire.ProtocolICMP, wire.ProtocolICMPv6:
		return p.rejection.Protocol == wire.ProtocolUDP
	}
	return p.ip.Protocol == wire.ProtocolUDP
}
