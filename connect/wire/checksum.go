package wire

import (
	"encoding/binary"
	"net/netip"
)

// sum is the checksum of RFC 1071 on the way: the one's complement sum of 16-bit words, not yet folded.
type sum uint64

// of adds bytes that begin at an even offset.
func (s sum) of(b []byte) sum {
	for len(b) >= 8 {
		word := binary.BigEndian.Uint64(b)
		s += sum(word>>32) + sum(word&0xffffffff)
		b = b[8:]
	}
	for len(b) >= 2 {
		s += sum(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += sum(b[0]) << 8
	}
	return s
}

// pseudo adds the pseudo-header of RFC 9293, section 3.1, and RFC 8200, section 8.1.
func (s sum) pseudo(src, dst netip.Addr, protocol Protocol, length int) sum {
	s += sum(protocol) + sum(length) // #nosec G115 -- a length is not negative
	if src.Is4() {
		a, b := src.As4(), dst.As4()
		return s + sum(binary.BigEndian.Uint32(a[:])) + sum(binary.BigEndian.Uint32(b[:]))
	}
	a, b := src.As16(), dst.As16()
	return s.of(a[:]).of(b[:])
}

// fold returns the 16 bits of the sum.
func (s sum) fold() uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// checksum is what goes into the header.
func (s sum) checksum() uint16 { return ^s.fold() }

// Checksums says how much of a TCP or UDP checksum a device's packets have.
type Checksums uint8

const (
	// FullChecksums are wanted of packets that have been on a wire.
	FullChecksums Checksums = iota
	// PartialChecksums are accepted, too: the sum of the pseudo-header alone. The kernel at the other end of a virtual link leaves the
	// rest to a network card that is not there.
	PartialChecksums
)

// verify checks a transport segment whose checksum field has been read as field.
func (c Checksums) verify(ip *IP, field uint16) bool {
	pseudo := sum(0).pseudo(ip.Src, ip.Dst, ip.Protocol, len(ip.Payload))
	if pseudo.of(ip.Payload).fold() == 0xffff {
		return true
	}
	return c == PartialChecksums && field == pseudo.fold()
}
