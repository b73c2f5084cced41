package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	icmpHeader = 8
	portsSize  = 8 // as much of the transport's header as every ICMP error has
)

// Rejection is an ICMP error about a TCP segment or a UDP datagram that this host has sent (RFC 792, RFC 4443).
type Rejection struct {
	From       netip.Addr // who has sent the error
	Type, Code uint8
	V6         bool

	Protocol         Protocol // of the packet that it is about
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Seq              uint32 // of TCP
}

// Rejection reads the error in a packet: destination unreachable, time exceeded, and over IPv6 packet too big.
func (ip *IP) Rejection() (r Rejection, ok bool) {
	b := ip.Payload
	if len(b) < icmpHeader {
		return Rejection{}, false
	}
	r = Rejection{From: ip.Src, Type: b[0], Code: b[1], V6: ip.Protocol == ProtocolICMPv6}
	check := sum(0)
	switch {
	case r.V6 && ip.Src.Is6():
		check = check.pseudo(ip.Src, ip.Dst, ip.Protocol, len(b))
		ok = b[0] >= 1 && b[0] <= 3
	case ip.Protocol == ProtocolICMP && ip.Src.Is4():
		const unreachable, timeExceeded = 3, 11
		ok = b[0] == unreachable || b[0] == timeExceeded
	}
	if !ok || check.of(b).fold() != 0xffff {
		return Rejection{}, false
	}
	ok = r.about(b[icmpHeader:])
	return r, ok
}

// about reads the beginning of the packet that was sent, as far as the error has it.
func (r *Rejection) about(b []byte) (ok bool) {
	header := ipv6Size
	if !r.V6 {
		if len(b) < ipv4Size || b[0]>>4 != 4 {
			return false
		}
		header = int(b[0]&0xf) * 4
	}
	if header < ipv4Size || len(b) < header+portsSize {
		return false
	}
	if r.V6 {
		r.Src, r.Dst, r.Protocol = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40])), Protocol(b[6])
	} else {
		r.Src, r.Dst, r.Protocol = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20])), Protocol(b[9])
	}
	b = b[header:]
	r.SrcPort, r.DstPort, r.Seq = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	return r.Protocol == ProtocolTCP || r.Protocol == ProtocolUDP
}
