package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	solicitation     = 135
	advertisement    = 136
	solicitationSize = 24
	// onLink is the hop limit of messages that no router has passed on (RFC 4861, section 7.1.1).
	onLink        = 255
	targetAddress = 2 // the option that has the link-layer address
)

// allNodes is who hears the answer to a station that has no address yet.
var allNodes = netip.AddrFrom16([16]byte{0: 0xff, 1: 2, 15: 1})

// parseSolicitation reads a message of RFC 4861, section 4.3.
func parseSolicitation(ip *IP, asker MAC) (n Neighbour, ok bool) {
	b := ip.Payload
	if ip.Protocol != ProtocolICMPv6 || ip.HopLimit != onLink || len(b) < solicitationSize || b[0] != solicitation || b[1] != 0 {
		return Neighbour{}, false
	}
	target := netip.AddrFrom16([16]byte(b[8:24]))
	if sum(0).pseudo(ip.Src, ip.Dst, ip.Protocol, len(b)).of(b).fold() != 0xffff || target.IsMulticast() || target.Is4In6() {
		return Neighbour{}, false
	}
	return Neighbour{Asker: asker, Address: ip.Src, Target: target}, true
}

// putAdvertisement writes a message of RFC 4861, section 4.4.
func (n *Neighbour) putAdvertisement(frame []byte, path *Path) int {
	const length = solicitationSize + 8
	const end = ethernetSize + ipv6Size + length
	if len(frame) < end {
		return 0
	}
	const solicited, override = 1 << 30, 1 << 29
	to, flags := n.Address, uint32(solicited|override)
	if to.IsUnspecified() {
		to, flags = allNodes, override
	}
	putHeaders(frame, path, n.Target, to, ProtocolICMPv6, onLink, length)
	b := frame[ethernetSize+ipv6Size : end]
	target := n.Target.As16()
	binary.BigEndian.PutUint32(b, advertisement<<24)
	binary.BigEndian.PutUint32(b[4:], flags)
	copy(b[8:], target[:])
	b[24], b[25] = targetAddress, 1
	copy(b[26:], path.Own[:])
	binary.BigEndian.PutUint16(b[2:], sum(0).pseudo(n.Target, to, ProtocolICMPv6, length).of(b).checksum())
	return end
}
