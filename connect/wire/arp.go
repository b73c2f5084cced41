package wire

import (
	"encoding/binary"
	"net/netip"
)

const arpSize = 28

// Neighbour is a question who has an IP address: an ARP request (RFC 826), or a neighbour solicitation (RFC 4861).
type Neighbour struct {
	Asker   MAC        // who is answered
	Address netip.Addr // of the asker; over IPv6 unspecified if it looks whether its own address is taken
	Target  netip.Addr // the address in question
}

// Neighbour reads a question in a frame.
func (e *Ethernet) Neighbour() (n Neighbour, ok bool) {
	switch e.Type {
	case TypeARP:
		return parseARP(e.Payload)
	case TypeIPv6:
		ip, ok := parseIPv6(e.Payload)
		if !ok {
			return Neighbour{}, false
		}
		return parseSolicitation(&ip, e.Src)
	}
	return Neighbour{}, false
}

const (
	arpEthernetIPv4 = 0x0001_0800
	arpRequest      = 0x0604_0001 // of addresses of 6 and 4 bytes
	arpReply        = 0x0604_0002
)

func parseARP(b []byte) (n Neighbour, ok bool) {
	if len(b) < arpSize || binary.BigEndian.Uint32(b) != arpEthernetIPv4 || binary.BigEndian.Uint32(b[4:]) != arpRequest {
		return Neighbour{}, false
	}
	return Neighbour{Asker: MAC(b[8:14]), Address: netip.AddrFrom4([4]byte(b[14:18])), Target: netip.AddrFrom4([4]byte(b[24:28]))}, true
}

// PutAnswer writes the frame that says that this link's own address has the target, and returns how long it is; 0 if there is no room.
func (n *Neighbour) PutAnswer(frame []byte, own MAC) int {
	path := Path{Own: own, Next: n.Asker}
	if !n.Target.Is4() {
		return n.putAdvertisement(frame, &path)
	}
	const end = ethernetSize + arpSize
	if len(frame) < end {
		return 0
	}
	putEthernet(frame, &path, TypeARP)
	b := frame[ethernetSize:end]
	target, asker := n.Target.As4(), n.Address.As4()
	binary.BigEndian.PutUint32(b, arpEthernetIPv4)
	binary.BigEndian.PutUint32(b[4:], arpReply)
	copy(b[8:], own[:])
	copy(b[14:], target[:])
	copy(b[18:], n.Asker[:])
	copy(b[24:], asker[:])
	return end
}
