package rules

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
)

const (
	// HelloSize is how much of a stream's beginning an echo server of ctraffic's overwrites with its host name.
	HelloSize = 64
	// StampSize is the end of a datagram, where it carries its sequence number.
	StampSize = 8
	// MaxPacketSize is the largest packet, in bytes.
	MaxPacketSize = 1 << 20

	// patternStarts is the number of places at which a packet's bytes can begin. It is a prime, so that packets which are sent in
	// turn begin at all of them.
	patternStarts = 65521
)

// pattern has the bytes of packets whose echoes are compared with what was sent.
var pattern = sync.OnceValue(func() []byte {
	bytes := make([]byte, patternStarts+MaxPacketSize)
	random := rand.NewChaCha8([32]byte{'m', 'c', 'o', 'n', 'n', 'e', 'c', 't'})
	_, _ = random.Read(bytes) // never fails
	return bytes
})

// packets says what the packets of sessions are, and what their echoes must be.
type packets struct {
	sizes    []int // in turn
	datagram bool
	verify   bool   // echoes are compared
	buffer   []byte // for the packet that is being sent
}

func newPackets(sizes []int, datagram, verify bool) packets {
	return packets{sizes: sizes, datagram: datagram, verify: verify, buffer: make([]byte, slices.Max(sizes))}
}

// size returns the size of a packet, as an index. The first packet of a connection is a small one, so that its host is known.
func (p *packets) size(s *session, sequence uint64) int {
	if sequence == s.first {
		return slices.Index(p.sizes, slices.Min(p.sizes))
	}
	return int((sequence - s.first - 1) % uint64(len(p.sizes))) // #nosec G115 -- an index
}

// pattern returns the bytes of a packet that are compared, from one place in it to another. They differ from those of the packets before
// and after it, and of other sessions.
func (p *packets) pattern(s *session, sequence uint64, from, to int) []byte {
	start := int((uint64(s.number)*7919 + sequence) % patternStarts) // #nosec G115 -- connections count from 0
	return pattern()[start+from : start+to]
}

// bytes returns a packet, valid until the next call. It begins with zeros where the server writes its name, which is in each datagram, and in
// the first packet of a stream.
func (p *packets) bytes(s *session, sequence uint64) []byte {
	size := p.sizes[p.size(s, sequence)]
	if p.verify && !p.datagram && sequence > s.first {
		return p.pattern(s, sequence, 0, size)
	}
	if p.verify {
		copy(p.buffer[HelloSize:size], p.pattern(s, sequence, HelloSize, size))
	}
	if p.datagram {
		binary.BigEndian.PutUint64(p.buffer[size-StampSize:], sequence)
	}
	return p.buffer[:size]
}

// differs reports whether a part of an echo, from a place in it on, is not what was sent. The server's name is left out.
func (p *packets) differs(s *session, sequence uint64, at int, part []byte) bool {
	if !p.verify {
		return false
	}
	if at < HelloSize && (p.datagram || sequence == s.first) {
		skip := min(HelloSize-at, len(part))
		at, part = at+skip, part[skip:]
	}
	return !bytes.Equal(part, p.pattern(s, sequence, at, at+len(part)))
}

// stamped returns the sequence number that a datagram carries, and what comes before it; ok is false if it is too short.
func stamped(datagram []byte) (sequence uint64, body []byte, ok bool) {
	end := len(datagram) - StampSize
	if end < HelloSize {
		return 0, nil, false
	}
	return binary.BigEndian.Uint64(datagram[end:]), datagram[:end], true
}
