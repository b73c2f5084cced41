package rules

import (
	"math"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// session is one of the connections that traffic keeps up, and makes again and again.
type session struct {
	number   int64
	failed   int    // dials, and connections without any echo, in a row
	lives    int64  // connections that were established so far
	sequence uint64 // of the last packet, over all lives
	life
}

// life is what is known of a session's present connection, and of the packets on it.
type life struct {
	engine.Packets
	key   uint32
	first uint64 // sequence number of its first packet
	slot  int64  // when the next packet is due

	waiting bool    // for an echo
	since   int64   // when the packet was sent that is waited for, or an echo came last
	unheard int64   // packets sent since an echo came last
	due     []int64 // when the last packets were due, by sequence number; 0 if the echo has come
	toCome  int     // of a stream: bytes of the last packet that are still to come back
	spoilt  bool    // of a stream: some that have come were others than were sent

	told  engine.Fault // what has been told about a UDP flow since an echo came last, such as by ICMP
	hello []byte       // the beginning of a stream, until it is complete
	moved bool         // another host went on to answer
	shut  bool         // the sending side has ended
	sizes sizeFates    // of packets; nil if all have the same
}

// begin takes note of a new connection. Echoes of the previous one, which come if that had the same port, are ignored.
func (s *session) begin(key uint32) {
	s.sizes.reset()
	s.lives++
	s.life = life{key: key, first: s.sequence + 1, due: s.due, sizes: s.sizes}
}

// dueAt is where it is noted when a packet was due.
func (s *session) dueAt(sequence uint64) *int64 { return &s.due[sequence%uint64(len(s.due))] }

// await waits for an echo, from now on unless it does already.
func (s *session) await(now int64) {
	if !s.waiting {
		s.waiting, s.since = true, now
	}
}

// awaits reports whether the echo of a packet may still come.
func (s *session) awaits(sequence uint64) bool {
	return s.first <= sequence && sequence <= s.sequence && s.sequence-sequence < uint64(len(s.due)) && *s.dueAt(sequence) != 0
}

// unheardPart is how many packets without an echo in a row lose a UDP session that has no pace.
const unheardPart = 4

// lacksLast reports whether a UDP session is well although it still waits for an echo when the call has ended. Datagrams may get lost, and no
// further ones are sent that would show whether the flow is alive. A few echoes may always be missing. More may be missing if so many were lost
// before that chance explains it.
func (s *session) lacksLast() bool {
	const hardlyEver = 1e-6
	sent := s.Sent - s.unheard
	lost := sent - s.Received
	byChance := lost >= s.unheard && math.Pow(float64(lost)/float64(sent), float64(s.unheard)) > hardlyEver
	return s.Received > 0 && (s.unheard < unheardPart || byChance)
}

// backoff is how long to wait before something is dialed again that has failed so often. It is ctraffic's.
func backoff(failed int) time.Duration {
	const first, most, doublings = 100 * time.Millisecond, time.Second, 10
	return min(first<<min(failed, doublings), most)
}
