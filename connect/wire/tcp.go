package wire

import (
	"encoding/binary"
	"net/netip"
)

// Flags are the control bits of a TCP segment (RFC 9293, section 3.1).
type Flags uint8

// The control bits.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
)

const (
	tcpSize   = 20
	optionEnd = 0
	optionNop = 1
	optionMSS = 2
	mssSize   = 4
	// DefaultMSS is what a peer takes that does not say (RFC 9293, section 3.7.1).
	DefaultMSS = 536
)

// TCP is a segment.
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            Flags
	Window           uint16
	MSS              uint16 // the option; 0 is none
	Payload          []byte
}

// Has reports whether all of these bits are set.
func (t *TCP) Has(bits Flags) bool { return t.Flags&bits == bits }

// Length is what the segment takes of the sequence space.
func (t *TCP) Length() uint32 {
	n := uint32(len(t.Payload)) // #nosec G115 -- shorter than a frame
	if t.Has(SYN) {
		n++
	}
	if t.Has(FIN) {
		n++
	}
	return n
}

// TCP reads the segment in a packet.
func (ip *IP) TCP(c Checksums) (t TCP, ok bool) {
	b := ip.Payload
	if ip.Protocol != ProtocolTCP || len(b) < tcpSize {
		return TCP{}, false
	}
	header := int(b[12]>>4) * 4
	if header < tcpSize || header > len(b) || !c.verify(ip, binary.BigEndian.Uint16(b[16:])) {
		return TCP{}, false
	}
	t = TCP{
		SrcPort: binary.BigEndian.Uint16(b), DstPort: binary.BigEndian.Uint16(b[2:]),
		Seq: binary.BigEndian.Uint32(b[4:]), Ack: binary.BigEndian.Uint32(b[8:]),
		Flags: Flags(b[13]) & (FIN | SYN | RST | PSH | ACK), Window: binary.BigEndian.Uint16(b[14:]), Payload: b[header:],
	}
	if t.Has(SYN) {
		t.MSS = mssOf(b[tcpSize:header])
	}
	return t, true
}

// mssOf finds the option in a SYN. Options that end too early are no options.
func mssOf(options []byte) uint16 {
	for len(options) > 1 {
		size := int(options[1])
		switch {
		case options[0] == optionEnd:
			return 0
		case options[0] == optionNop:
			size = 1
		case size < 2 || size > len(options):
			return 0
		case options[0] == optionMSS && size == mssSize:
			return binary.BigEndian.Uint16(options[2:])
		}
		options = options[size:]
	}
	return 0
}

// PutTCP writes the frame of a segment, whose payload may be in the frame already, and returns how long it is; 0 if there is no room.
func PutTCP(frame []byte, path *Path, src, dst netip.Addr, t *TCP) int {
	at, header := headers(dst), tcpSize
	if t.MSS != 0 {
		header += mssSize
	}
	end := at + header + len(t.Payload)
	if end > len(frame) {
		return 0
	}
	putHeaders(frame, path, src, dst, ProtocolTCP, hopLimit, header+len(t.Payload))
	b := frame[at:end]
	copy(b[header:], t.Payload)
	binary.BigEndian.PutUint16(b, t.SrcPort)
	binary.BigEndian.PutUint16(b[2:], t.DstPort)
	binary.BigEndian.PutUint32(b[4:], t.Seq)
	binary.BigEndian.PutUint32(b[8:], t.Ack)
	b[12], b[13] = byte(header/4)<<4, byte(t.Flags)
	binary.BigEndian.PutUint16(b[14:], t.Window)
	binary.BigEndian.PutUint32(b[16:], 0) // checksum, urgent pointer
	if t.MSS != 0 {
		binary.BigEndian.PutUint32(b[tcpSize:], optionMSS<<24|mssSize<<16|uint32(t.MSS))
	}
	binary.BigEndian.PutUint16(b[16:], sum(0).pseudo(src, dst, ProtocolTCP, len(b)).of(b).checksum())
	return end
}

// MSS is the largest payload of a TCP segment to dst on a link with that MTU.
func MSS(dst netip.Addr, mtu int) uint16 {
	most := mtu + ethernetSize - headers(dst) - tcpSize
	return uint16(min(max(most, DefaultMSS), mostMSS)) // #nosec G115 -- within bounds
}

// mostMSS fits Ethernet's usual MTU, and so a frame of a device.
const mostMSS = 1460
