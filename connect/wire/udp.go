package wire

import (
	"encoding/binary"
	"net/netip"
)

const udpSize = 8

// UDP is a datagram.
type UDP struct {
	SrcPort, DstPort uint16
	Payload          []byte
}

// UDP reads the datagram in a packet.
func (ip *IP) UDP(c Checksums) (u UDP, ok bool) {
	b := ip.Payload
	if ip.Protocol != ProtocolUDP || len(b) < udpSize {
		return UDP{}, false
	}
	length, check := int(binary.BigEndian.Uint16(b[4:])), binary.BigEndian.Uint16(b[6:])
	if length < udpSize || length > len(b) {
		return UDP{}, false
	}
	whole := *ip
	whole.Payload = b[:length]
	if none := check == 0 && ip.Src.Is4(); !none && !c.verify(&whole, check) { // RFC 768: 0 is no checksum; not so over IPv6
		return UDP{}, false
	}
	return UDP{SrcPort: binary.BigEndian.Uint16(b), DstPort: binary.BigEndian.Uint16(b[2:]), Payload: b[udpSize:length]}, true
}

// PutUDP writes the frame of a datagram and returns how long it is; 0 if there is no room.
func PutUDP(frame []byte, path *Path, src, dst netip.Addr, u *UDP) int {
	at, length := headers(dst), udpSize+len(u.Payload)
	end := at + length
	if end > len(frame) {
		return 0
	}
	putHeaders(frame, path, src, dst, ProtocolUDP, hopLimit, length)
	b := frame[at:end]
	copy(b[udpSize:], u.Payload)
	binary.BigEndian.PutUint16(b, u.SrcPort)
	binary.BigEndian.PutUint16(b[2:], u.DstPort)
	binary.BigEndian.PutUint32(b[4:], uint32(length)<<16) // #nosec G115 -- shorter than a frame
	check := sum(0).pseudo(src, dst, ProtocolUDP, length).of(b).checksum()
	if check == 0 { // which would mean that there is none
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[6:], check)
	return end
}

// MostUDP is the largest payload of a datagram to dst that needs no fragments on a link with that MTU.
func MostUDP(dst netip.Addr, mtu int) int {
	return min(mtu, mostMTU) + ethernetSize - headers(dst) - udpSize
}

const mostMTU = 1500
