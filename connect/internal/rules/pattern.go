package rules

import (
	"math/rand/v2"
	"sync"
)

const (
	// patternStarts is the number of places at which a packet's bytes can begin. It is a prime, so that packets which are sent in
	// turn begin at all of them.
	patternStarts = 65521
	// MaxPacketSize is the largest packet, in bytes.
	MaxPacketSize = 1 << 20
)

// pattern is what packets are cut from that are to be compared with their echoes.
var pattern = sync.OnceValue(func() []byte {
	bytes := make([]byte, patternStarts+MaxPacketSize)
	random := rand.NewChaCha8([32]byte{'m', 'c', 'o', 'n', 'n', 'e', 'c', 't'})
	_, _ = random.Read(bytes) // never fails
	return bytes
})

// patternOf is where the bytes of a session's packet begin: different for the packets before and after it, and for other sessions'.
func patternOf(number int64, sequence uint64) int {
	return int((uint64(number)*7919 + sequence) % patternStarts) // #nosec G115 -- connections count from 0
}

func patternAt(start, size int) []byte { return pattern()[start : start+size] }
