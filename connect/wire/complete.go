package wire

import "encoding/binary"

// CompleteChecksum makes the checksum of a frame's TCP segment or UDP datagram, if the kernel has put only the pseudo-header's sum there: of segments that it has
// put together, or that have come from a virtual machine's host.
func CompleteChecksum(frame []byte) {
	e, ok := ParseEthernet(frame)
	if !ok {
		return
	}
	ip, ok := e.Parse()
	if !ok {
		return
	}
	field := ip.checksumField()
	if field == nil {
		return
	}
	made := sum(0).of(ip.Payload).checksum()
	if made == 0 && ip.Protocol == ProtocolUDP {
		made = 0xffff // zero means that there is none (RFC 768)
	}
	binary.BigEndian.PutUint16(field, made)
}

// checksumField is where a TCP segment or UDP datagram has its checksum, nil if it has none.
func (ip *IP) checksumField() []byte {
	at := 16
	switch ip.Protocol {
	case ProtocolTCP:
	case ProtocolUDP:
		at = 6
	default:
		return nil
	}
	if len(ip.Payload) < at+2 {
		return nil
	}
	return ip.Payload[at : at+2]
}
