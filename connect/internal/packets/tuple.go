package packets

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
)

// tuple is what tells connections of one protocol apart: a 5-tuple without the protocol.
type tuple struct {
	local, remote netip.AddrPort
	hash          uint64
}

// seed makes hashes, and initial sequence numbers, unpredictable (RFC 6528).
var seed = maphash.MakeSeed()

func tupleOf(local, remote netip.AddrPort) tuple {
	var b [36]byte
	binary.NativeEndian.PutUint16(b[:], local.Port())
	binary.NativeEndian.PutUint16(b[2:], remote.Port())
	n := 4
	if from, to := local.Addr(), remote.Addr(); from.Is4() && to.Is4() {
		f, t := from.As4(), to.As4()
		n += copy(b[n:], f[:])
		n += copy(b[n:], t[:])
	} else {
		f, t := from.As16(), to.As16()
		n += copy(b[n:], f[:])
		n += copy(b[n:], t[:])
	}
	return tuple{local, remote, maphash.Bytes(seed, b[:n])}
}

// owner is the end, of so many, that has a connection whose port was chosen for that.
func (t *tuple) owner(ends int) int {
	const bits = 16                                           // of which flows makes the least
	return int(t.hash & (1<<bits - 1) * uint64(ends) >> bits) // #nosec G115 -- below ends
}
