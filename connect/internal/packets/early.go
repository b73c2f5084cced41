package packets

import (
	"bytes"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// Bounds of what arrives early. A connection has no more on its way to it than its window, unless somebody makes that up.
const (
	mostEarlySegments = 128      // of a connection
	mostEarlyBytes    = 16 << 20 // of a driver
	earlyOverhead     = 128      // of a segment, besides its text: many small ones take memory, too
)

// early are segments that came before what is missing in front of them (RFC 9293, section 3.10.7.4, seventh). A connection has some only
// while something is missing, so they are no part of it. The zero value is empty.
type early struct {
	of    map[connID][]wire.TCP // by sequence number
	bytes int
}

func earlyCost(s *wire.TCP) int { return earlyOverhead + len(s.Payload) }

// keep keeps a segment until what is missing has come. Without room it is not kept: the peer sends it again.
func (e *early) keep(id connID, s *wire.TCP) {
	segments := e.of[id]
	if len(segments) == mostEarlySegments || e.bytes+earlyCost(s) > mostEarlyBytes {
		return
	}
	at, known := slices.BinarySearchFunc(segments, s.Seq, func(kept wire.TCP, number uint32) int {
		return int(int32(kept.Seq - number)) // #nosec G115 -- a difference modulo 2^32, as in package tcp
	})
	if known && segments[at].Length() >= s.Length() {
		return
	}
	if e.of == nil {
		e.of = map[connID][]wire.TCP{}
	}
	kept := *s
	kept.Payload = bytes.Clone(s.Payload)
	e.of[id] = slices.Insert(segments, at, kept)
	e.bytes += earlyCost(&kept)
}

// next takes out the first segment of a connection, if nothing is missing before it any more.
func (e *early) next(id connID, missing func(*wire.TCP) bool) (s wire.TCP, ok bool) {
	segments := e.of[id]
	if len(segments) == 0 || missing(&segments[0]) {
		return s, false
	}
	s = segments[0]
	e.bytes -= earlyCost(&s)
	if e.of[id] = segments[1:]; len(segments) == 1 {
		delete(e.of, id)
	}
	return s, true
}

// forget drops what a connection has.
func (e *early) forget(id connID) {
	for i := range e.of[id] {
		e.bytes -= earlyCost(&e.of[id][i])
	}
	delete(e.of, id)
}
