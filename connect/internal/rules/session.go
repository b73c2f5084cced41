package rules

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

const (
	// HelloSize is how much of a stream's beginning an echo server of ctraffic's overwrites with its host name.
	HelloSize = 64
	// StampSize is the end of a datagram, where it carries its sequence number.
	StampSize = 8

	minRing, maxRing = 64, 4096
)

// session is one of the connections that traffic keeps up: what is known of the present one, and of the packets on it.
type session struct {
	number int64
	failed int   // dials, and connections without any echo, in a row
	lives  int64 // connections that were established so far
	slot   int64 // when the next packet is due

	waiting int64  // when the oldest packet was due that has no echo yet; 0 if there is none
	since   int64  // when that was sent, or an echo came last
	echo    packet // of a stream: the one whose echo is waited for
	toCome  int    // bytes of it that are still to come

	sequence uint64  // of the last packet, over all lives
	first    uint64  // the first one of this life
	ring     []int64 // of datagrams: when the last ones were due, by sequence; 0 if the echo has come

	sent, received, dropped, corrupted int64 // packets
	unheard                            int64 // packets sent since an echo came last
	answered, lastEcho                 int64 // when the first and the last echo came; 0 if none has
	local                              netip.AddrPort
	host                               string
	hello                              []byte      // the beginning of the stream, until it is complete
	greeted                            bool        // the beginning of the stream has come
	moved                              bool        // another host went on to answer
	sizes                              []SizeCount // of packets; nil if all have the same
}

// packet is one packet: its size, as an index into the sizes, and where in the pattern its bytes begin.
type packet struct {
	size    int
	pattern int
	spoilt  bool // an echo of it has had another byte
}

// begin takes note of a new connection. Echoes of the previous connection, which come if that had the same port, are ignored.
func (s *session) begin(local netip.AddrPort) {
	clear(s.sizes)
	*s = session{
		number: s.number, failed: s.failed, lives: s.lives + 1, local: local, sequence: s.sequence, first: s.sequence + 1, ring: s.ring, sizes: s.sizes,
	}
}

// lost takes note that the connection has failed.
func (s *session) lost() {
	if s.received == 0 {
		s.failed++ // a proxy accepts connections whether it has a backend or not
	}
}

// took takes note of an echo.
func (s *session) took(now int64) {
	if s.received++; s.received == 1 {
		s.answered = now
	}
	s.lastEcho, s.unheard, s.failed = now, 0, 0
}

// Back-off of dials, as ctraffic's.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = time.Second
)

// backoff is how long to wait before the session is dialed again.
func (s *session) backoff() time.Duration {
	return min(firstBackoff<<min(max(s.failed-1, 0), 10), maxBackoff)
}

// pace says when packets are due, what they are, and judges what comes back.
type pace struct {
	start    int64 // of the call
	interval int64 // between two packets of a session, in ns; 0 sends the next packet when the last one has come back
	sizes    []int // of packets, in turn
	smallest int   // index in sizes
	largest  int   // bytes
	datagram bool
	verify   bool
	ring     int // datagrams that may be on their way
	names    engine.Names
	packet   []byte // the one that is being sent
}

func newPace(j *engine.Job, t *Traffic) pace {
	p := pace{
		start: j.Start(), sizes: t.Sizes, largest: slices.Max(t.Sizes), smallest: slices.Index(t.Sizes, slices.Min(t.Sizes)),
		datagram: j.Plan.Protocol == "udp", verify: t.Verify, ring: minRing, names: engine.Names{},
	}
	p.packet = make([]byte, p.largest)
	if t.Throughput > 0 {
		sum := 0
		for _, size := range p.sizes {
			sum += size
		}
		perSecond := t.Throughput * kilobyte * float64(len(p.sizes)) / float64(sum) / float64(j.Plan.Connections)
		p.interval = max(int64(math.Min(float64(time.Second)/perSecond, float64(never))), 1)
		inFlight := min(int64(t.LossTimeout)/p.interval+1, maxRing)
		p.ring = max(1<<bits.Len(uint(inFlight-1)), minRing) // #nosec G115 -- from 1 to maxRing
	}
	return p
}

// never is an interval that does not pass while the process lives, and does not overflow when it is added to the time.
const never = 100 * 365 * 24 * time.Hour

// firstSlot is when the first packet of a session is due. Sessions are spread over the interval by the golden ratio, which is even for
// any number of them, so that they never send in step.
func (p *pace) firstSlot(s *session, now int64) int64 {
	const goldenRatio = 0.618033988749895
	_, part := math.Modf(float64(s.number) * goldenRatio)
	first := p.start + int64(part*float64(p.interval))
	if now > first {
		first += ((now-first)/p.interval + 1) * p.interval
	}
	return first
}

// takeSlots moves a session on to the first slot after now, and returns when the packet is due that is to be sent instead of the
// slots in between. All that can't be used count as dropped; ok is false if none can.
func (p *pace) takeSlots(s *session, now int64) (planned, dropped int64, ok bool) {
	planned = s.slot
	dropped = (now - s.slot) / p.interval
	s.slot += (dropped + 1) * p.interval
	if s.waiting != 0 && !p.datagram {
		dropped++ // the echo is late
	} else {
		ok = true
	}
	s.dropped += dropped
	return planned, dropped, ok
}

// packetOf is the packet of a session that has a sequence number. The first one of a connection is a small one, so that its host is
// known.
func (p *pace) packetOf(s *session, sequence uint64) packet {
	k := packet{size: p.smallest}
	if sequence > s.first {
		k.size = int((sequence - s.first - 1) % uint64(len(p.sizes))) // #nosec G115 -- an index
	}
	if p.verify {
		k.pattern = patternOf(s.number, sequence)
	}
	return k
}

// bytes are those of a packet, valid until the next call. Its beginning is zeros where the server writes its name, which is in each
// datagram, and in the first packet of a stream.
func (p *pace) bytes(s *session, k packet, sequence uint64) []byte {
	size := p.sizes[k.size]
	if p.verify && !p.datagram && sequence > s.first {
		return patternAt(k.pattern, size)
	}
	if p.verify {
		copy(p.packet[HelloSize:size], patternAt(k.pattern+HelloSize, size-HelloSize))
	}
	if p.datagram {
		binary.BigEndian.PutUint64(p.packet[size-StampSize:], sequence)
	}
	return p.packet[:size]
}

// sending takes note of the next packet, which is being sent.
func (p *pace) sending(s *session, k packet, planned, now int64) {
	s.sequence++
	s.sent++
	s.unheard++
	if len(p.sizes) > 1 {
		if s.sizes == nil {
			s.sizes = make([]SizeCount, len(p.sizes))
		}
		s.sizes[k.size].Sent++
	}
	if s.waiting == 0 {
		s.waiting, s.since = planned, now
	}
	if p.datagram {
		if s.ring == nil {
			s.ring = make([]int64, p.ring)
		}
		s.ring[s.sequence%uint64(p.ring)] = planned // #nosec G115 -- at most maxRing
	} else {
		s.echo, s.toCome = k, p.sizes[k.size]
	}
}

// lacksLast reports whether a session is well though it waits for an echo when the call has ended: datagrams may get lost, and no
// further ones are sent that would show it.
func (p *pace) lacksLast(s *session) bool {
	return p.datagram && s.received > 0 && s.unheard < unheardPart
}

// stuckPart is how many datagrams of a size must be without an echo for the size to be the cause: others get lost by chance.
const stuckPart = 8

// stuck returns the smallest size of packets that have been sent on a connection in vain though smaller ones, of passed bytes at most, have
// come back; 0 if there is none.
func (p *pace) stuck(s *session) (stuck, passed int) {
	least := int64(1)
	if p.datagram {
		least = stuckPart
	}
	for i, n := range s.sizes {
		if n.Received > 0 {
			passed = max(passed, p.sizes[i])
		}
	}
	for i, n := range s.sizes {
		if size := p.sizes[i]; passed > 0 && size > passed && n.Sent >= least && (stuck == 0 || size < stuck) {
			stuck = size
		}
	}
	if stuck == 0 {
		passed = 0
	}
	return stuck, passed
}

// echoed is a packet that has come back.
type echoed struct {
	planned   int64
	size      int    // index in sizes
	corrupted bool   // with other bytes
	moved     bool   // from another host than before, for the first time on this connection
	from      string // that host
}

// tookStream takes what came on a stream, while so many bytes of the packet are still to be sent. done says that this completes an echo;
// ok is false if more came than was sent.
func (p *pace) tookStream(s *session, data []byte, unsent int, now int64) (e echoed, done, ok bool) {
	if len(data) > s.toCome-unsent {
		return echoed{}, false, false
	}
	if p.verify {
		s.echo.spoilt = s.echo.spoilt || p.differs(s, data)
	}
	p.greet(s, data)
	if s.toCome -= len(data); s.toCome > 0 {
		return echoed{}, false, true
	}
	e = echoed{planned: s.waiting, size: s.echo.size, corrupted: s.echo.spoilt}
	s.waiting = 0
	p.took(s, &e, now)
	return e, true, true
}

func (p *pace) took(s *session, e *echoed, now int64) {
	s.took(now)
	if s.sizes != nil {
		s.sizes[e.size].Received++
	}
	if e.corrupted {
		s.corrupted++
	}
}

// differs reports whether a part of a stream's echo is not what was sent. The server's name is left out.
func (p *pace) differs(s *session, data []byte) bool {
	at := p.sizes[s.echo.size] - s.toCome
	if s.sequence == s.first && at < HelloSize {
		skip := min(HelloSize-at, len(data))
		at, data = at+skip, data[skip:]
	}
	return !bytes.Equal(data, patternAt(s.echo.pattern+at, len(data)))
}

// greet looks for the server's name in the first bytes of a stream.
func (p *pace) greet(s *session, data []byte) {
	if s.greeted {
		return
	}
	if len(s.hello) > 0 || len(data) < HelloSize {
		s.hello = append(s.hello, data[:min(len(data), HelloSize-len(s.hello))]...)
		data = s.hello
	}
	if len(data) >= HelloSize {
		s.greeted, s.hello = true, nil
		p.name(s, data[:HelloSize])
	}
}

// name notes who answers. A plain echo server tells no name.
func (p *pace) name(s *session, packet []byte) {
	if host, ok := reply.Parse(packet); ok && string(host) != s.host {
		s.host = p.names.Intern(host)
	}
}

// tookDatagram takes a datagram that came; ok is false if that is not the echo of a packet of this connection, or a second one.
func (p *pace) tookDatagram(s *session, data []byte, now int64) (e echoed, ok bool) {
	if len(data) < HelloSize+StampSize {
		return echoed{}, false
	}
	end := len(data) - StampSize
	sequence := binary.BigEndian.Uint64(data[end:])
	if sequence < s.first || sequence > s.sequence || s.sequence-sequence >= uint64(p.ring) { // #nosec G115 -- at most maxRing
		return echoed{}, false
	}
	k := p.packetOf(s, sequence)
	due := &s.ring[sequence%uint64(p.ring)] // #nosec G115 -- as above
	if *due == 0 || len(data) != p.sizes[k.size] {
		return echoed{}, false
	}
	e = echoed{planned: *due, size: k.size, corrupted: p.verify && !bytes.Equal(data[HelloSize:end], patternAt(k.pattern+HelloSize, end-HelloSize))}
	*due = 0
	p.took(s, &e, now)
	if sequence == s.sequence {
		s.waiting = 0
	} else {
		s.since = now
	}
	before := s.host
	p.name(s, data[:min(end, reply.MaxLength+1)])
	if e.moved = !s.moved && before != "" && s.host != before; e.moved {
		s.moved, e.from = true, before
	}
	return e, true
}
