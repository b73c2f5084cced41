// Package reply is the format in which a server tells its host name: the one thing that client and server must agree on.
package reply

import (
	"bytes"
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// MaxLength is the longest host name accepted, in bytes.
const MaxLength = 255

// Separator ends the host name in an answer that also tells the client's address (mconnect-server -tell-source).
const Separator = '\t'

// maxSource is the longest address and port accepted, in bytes: an IPv6 address in full, in brackets, and five digits.
const maxSource = len("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535")

// Parse returns the host name in what one read of a connection gave: everything up to the first NUL, CR, LF or TAB. It must
// be 1 to MaxLength bytes of printable UTF-8; ok is false otherwise. The name is a part of data, not a copy.
func Parse(data []byte) (name []byte, ok bool) {
	for i, b := range data { // bytes.IndexAny takes twice the time, and each answer is parsed
		if b == 0 || b == '\r' || b == '\n' || b == Separator {
			data = data[:i]
			break
		}
	}
	return data, Valid(data)
}

// proxyHeaders are the beginnings of headers of the PROXY protocol (haproxy.org/download/3.2/doc/proxy-protocol.txt, sections 2.1 and 2.2).
var proxyHeaders = [][]byte{[]byte("PROXY TCP4 "), []byte("PROXY TCP6 "), []byte("PROXY UNKNOWN"), []byte("\r\n\r\n\x00\r\nQUIT\n")}

// IsProxyHeader reports whether an answer begins with a header of the PROXY protocol: something on the way has put it there, and no host
// is called so.
func IsProxyHeader(answer []byte) bool {
	if len(answer) == 0 || answer[0] != 'P' && answer[0] != '\r' { // almost all
		return false
	}
	return slices.ContainsFunc(proxyHeaders, func(header []byte) bool { return bytes.HasPrefix(answer, header) })
}

// Source returns the client's address and port as an answer tells them: what follows the TAB behind the host name, up to the next NUL,
// CR, LF or TAB, or the end. An IPv4-mapped address is returned as IPv4. ok is false if the answer tells none, or none that is valid: an
// address without a zone, in brackets if it is IPv6, a colon, and a port.
func Source(data []byte) (source netip.AddrPort, ok bool) {
	end := bytes.IndexAny(data, "\x00\r\n\t")
	if end < 0 || data[end] != Separator {
		return source, false
	}
	told := data[end+1:]
	if end := bytes.IndexAny(told, "\x00\r\n\t"); end >= 0 {
		told = told[:end]
	}
	if len(told) > maxSource {
		return source, false
	}
	source, err := netip.ParseAddrPort(string(told))
	if err != nil || source.Addr().Zone() != "" {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(source.Addr().Unmap(), source.Port()), true
}

// AppendSource appends what Source reads: the TAB, and the address and port in the form of netip.AddrPort, an IPv4-mapped address as
// IPv4 and without a zone. It allocates nothing if there is room for it.
func AppendSource(answer []byte, source netip.AddrPort) []byte {
	answer = append(answer, Separator)
	return netip.AddrPortFrom(source.Addr().Unmap().WithZone(""), source.Port()).AppendTo(answer)
}

// Valid reports whether a name can be told and understood: 1 to MaxLength bytes of printable UTF-8.
func Valid(name []byte) bool {
	if len(name) == 0 || len(name) > MaxLength {
		return false
	}
	for rest := name; len(rest) > 0; {
		if b := rest[0]; ' ' <= b && b <= '~' {
			rest = rest[1:]
			continue
		}
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 || !quote.Visible(r) {
			return false
		}
		rest = rest[size:]
	}
	return true
}
