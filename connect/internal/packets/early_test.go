package packets

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// What comes early is taken in its turn, whatever the order was, and across the end of the sequence numbers.
func TestEarly(t *testing.T) {
	t.Parallel()
	const first = math.MaxUint32 - 1
	var e early
	for _, at := range []uint32{4, 2, 6, 2, 0} {
		e.keep(7, &wire.TCP{Seq: first + at, Payload: []byte("ab")})
	}
	e.keep(9, &wire.TCP{Seq: 1, Payload: []byte("of another")})
	assert.Equal(t, 5*earlyOverhead+8+len("of another"), e.bytes, "the same once")
	due := uint32(0)
	missing := func(s *wire.TCP) bool { return s.Seq-first > due }
	var got []uint32
	for due = range uint32(4) {
		for s, ok := e.next(7, missing); ok; s, ok = e.next(7, missing) {
			got = append(got, s.Seq-first)
		}
	}
	assert.Equal(t, []uint32{0, 2}, got)
	e.forget(7)
	assert.Equal(t, earlyOverhead+len("of another"), e.bytes)
	e.forget(9)
	assert.Empty(t, e.of)
	assert.Zero(t, e.bytes)
}

// Whoever sends what is never complete takes no more memory than is set aside.
func TestEarlyIsBounded(t *testing.T) {
	t.Parallel()
	var e early
	for i := range uint32(2 * mostEarlySegments) {
		e.keep(1, &wire.TCP{Seq: i, Payload: []byte("x")})
	}
	assert.Len(t, e.of[1], mostEarlySegments)
	text := []byte(strings.Repeat("x", 1<<14))
	for id := range connID(4 * mostEarlyBytes >> 14) {
		e.keep(id+2, &wire.TCP{Payload: text})
	}
	assert.LessOrEqual(t, e.bytes, mostEarlyBytes)
	assert.Greater(t, e.bytes, mostEarlyBytes/2)

	e = early{}
	for id := range connID(2 * mostEarlyBytes / earlyOverhead) {
		e.keep(id, &wire.TCP{Flags: wire.FIN | wire.ACK})
	}
	assert.LessOrEqual(t, len(e.of), mostEarlyBytes/earlyOverhead, "segments without text take memory, too")
}
