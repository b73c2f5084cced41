package wire

import (
	"encoding/binary"
	"net/netip"
)

// Protocol is what an IP packet carries.
type Protocol uint8

// The protocols that are read.
const (
	ProtocolICMP   Protocol = 1
	ProtocolTCP    Protocol = 6
	ProtocolUDP    Protocol = 17
	ProtocolICMPv6 Protocol = 58
)

const (
	ipv4Size = 20
	ipv6Size = 40
	hopLimit = 64
)

// IP is a packet of either version. It is whole: fragments are not parsed, and this host does not make any.
type IP struct {
	Src, Dst netip.Addr
	Protocol Protocol
	HopLimit uint8
	Payload  []byte
}

// Parse reads the IP packet in an Ethernet frame.
func (e *Ethernet) Parse() (ip IP, ok bool) {
	switch e.Type {
	case TypeIPv4:
		return parseIPv4(e.Payload)
	case TypeIPv6:
		return parseIPv6(e.Payload)
	}
	return IP{}, false
}

// parseIPv4 reads a packet of RFC 791. Options are skipped.
func parseIPv4(b []byte) (ip IP, ok bool) {
	if len(b) < ipv4Size || b[0]>>4 != 4 {
		return IP{}, false
	}
	header, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Size || total < header || total > len(b) {
		return IP{}, false
	}
	const moreFragments, offset = 0x2000, 0x1fff
	if binary.BigEndian.Uint16(b[6:])&(moreFragments|offset) != 0 || sum(0).of(b[:header]).fold() != 0xffff {
		return IP{}, false
	}
	return IP{
		Src: netip.AddrFrom4([4]byte(b[12:16])), Dst: netip.AddrFrom4([4]byte(b[16:20])),
		Protocol: Protocol(b[9]), HopLimit: b[8], Payload: b[header:total],
	}, true
}

// parseIPv6 reads a packet of RFC 8200. Extension headers are not read: the packet is then of a protocol that nobody knows.
func parseIPv6(b []byte) (ip IP, ok bool) {
	if len(b) < ipv6Size || b[0]>>4 != 6 {
		return IP{}, false
	}
	total := ipv6Size + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return IP{}, false
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	if src.Is4In6() || dst.Is4In6() { // would be taken for IPv4
		return IP{}, false
	}
	return IP{Src: src, Dst: dst, Protocol: Protocol(b[6]), HopLimit: b[7], Payload: b[ipv6Size:total]}, true
}

// headers returns how many bytes come before the transport's header.
func headers(dst netip.Addr) int {
	if dst.Is4() {
		return ethernetSize + ipv4Size
	}
	return ethernetSize + ipv6Size
}

// putHeaders writes Ethernet's and IP's headers before a transport segment of so many bytes.
func putHeaders(frame []byte, path *Path, src, dst netip.Addr, protocol Protocol, hops uint8, length int) {
	b := frame[ethernetSize:]
	if dst.Is4() {
		putEthernet(frame, path, TypeIPv4)
		const version4, dontFragment = 0x45, 0x4000
		binary.BigEndian.PutUint32(b, version4<<24|uint32(ipv4Size+length)) // #nosec G115 -- shorter than a frame
		binary.BigEndian.PutUint32(b[4:], dontFragment)
		binary.BigEndian.PutUint32(b[8:], uint32(hops)<<24|uint32(protocol)<<16)
		s, d := src.As4(), dst.As4()
		copy(b[12:], s[:])
		copy(b[16:], d[:])
		binary.BigEndian.PutUint16(b[10:], sum(0).of(b[:ipv4Size]).checksum())
		return
	}
	putEthernet(frame, path, TypeIPv6)
	const version6 = 0x60
	binary.BigEndian.PutUint32(b, version6<<24)
	binary.BigEndian.PutUint32(b[4:], uint32(length)<<16|uint32(protocol)<<8|uint32(hops)) // #nosec G115 -- shorter than a frame
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
}
