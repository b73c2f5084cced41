package wire

import "encoding/binary"

// MAC is an Ethernet address.
type MAC [6]byte

// Broadcast is every station of a link.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// EtherType says what an Ethernet frame carries.
type EtherType uint16

// The types that are read.
const (
	TypeIPv4 EtherType = 0x0800
	TypeARP  EtherType = 0x0806
	TypeIPv6 EtherType = 0x86dd
)

const ethernetSize = 14

// Ethernet is a frame as a network card hands it over: without preamble, check sequence and VLAN tag.
type Ethernet struct {
	Dst, Src MAC
	Type     EtherType
	Payload  []byte
}

// ParseEthernet reads a frame.
func ParseEthernet(frame []byte) (e Ethernet, ok bool) {
	if len(frame) < ethernetSize {
		return Ethernet{}, false
	}
	return Ethernet{
		Dst: MAC(frame[0:6]), Src: MAC(frame[6:12]), Type: EtherType(binary.BigEndian.Uint16(frame[12:])), Payload: frame[ethernetSize:],
	}, true
}

func putEthernet(frame []byte, path *Path, kind EtherType) {
	copy(frame[0:6], path.Next[:])
	copy(frame[6:12], path.Own[:])
	binary.BigEndian.PutUint16(frame[12:], uint16(kind))
}

// Path is how frames leave this host: from a network card's own address to that of the next hop.
type Path struct {
	Own, Next MAC
}
