// Package reply is the format in which a server tells its host name: the one thing that client and server must agree on.
package reply

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// MaxLength is the longest host name accepted, in bytes.
const MaxLength = 255

// Parse returns the host name in what one read of a connection gave: everything up to the first NUL, CR or LF. It must
// be 1 to MaxLength bytes of printable UTF-8; ok is false otherwise. The name is a part of data, not a copy.
func Parse(data []byte) (name []byte, ok bool) {
	if end := bytes.IndexAny(data, "\x00\r\n"); end >= 0 {
		data = data[:end]
	}
	return data, Valid(data)
}

// Valid reports whether a name can be told and understood: 1 to MaxLength bytes of printable UTF-8.
func Valid(name []byte) bool {
	if len(name) == 0 || len(name) > MaxLength {
		return false
	}
	for rest := name; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
			return false
		}
		rest = rest[size:]
	}
	return true
}
