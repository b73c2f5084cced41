package server

import "net/netip"

// ParseHeader reads a PROXY header with a parser of its own.
func ParseHeader(data []byte, own netip.AddrPort) (source netip.AddrPort, rest []byte, whole bool, err error) {
	return newHeaderParser().parse(data, own)
}
