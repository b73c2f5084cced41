package rules

import (
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

const (
	kilobyte = 1024
	// unheardPart is how many packets without an echo in a row lose a UDP session that has no pace.
	unheardPart = 4
	// echoBatch is how many echoes travel together to the collector.
	echoBatch = 1 << 10
	// flushNs is how long an echo waits at most for others to travel with.
	flushNs = 100e6
)

// Traffic keeps connections up, sends packets on them, and waits for their echoes.
type Traffic struct {
	Throughput  float64 // KB/s of all connections together; 0 sends a packet as soon as the last one has come back
	Sizes       []int   // of packets, in turn; bytes
	LossTimeout time.Duration
	NoReconnect bool // does not dial again what is lost
	Verify      bool // compares each echo with what was sent
	HalfClose   bool // at the end, shuts down the sending side, and waits for the peer's FIN

	Echoes engine.Outbox[Echo]

	counters trafficCounters
	bySize   []sizeCounter
}

// Echo is a packet that came back.
type Echo struct {
	Number    int64         // of the connection within its call, from 0
	At        time.Duration // when it came, since the call's start
	RoundTrip time.Duration // from the instant when the packet was due
}

// SizeCount is what has become of the packets of one size.
type SizeCount struct {
	Size     int   `json:"size"` // bytes
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

type sizeCounter struct{ sent, received atomic.Int64 }

// Counts returns what has happened so far.
func (t *Traffic) Counts() PacketCounts { return t.counters.now() }

// BySize returns what has become of the packets of each size, in the order of Sizes.
func (t *Traffic) BySize() []SizeCount {
	counts := make([]SizeCount, len(t.bySize))
	for i, size := range t.Sizes {
		received := t.bySize[i].received.Load()
		counts[i] = SizeCount{Size: size, Sent: t.bySize[i].sent.Load(), Received: received}
	}
	return counts
}

// Init prepares the rules for a job. It must be called once, before New.
func (t *Traffic) Init(j *engine.Job) {
	t.bySize = make([]sizeCounter, len(t.Sizes))
	t.Echoes.Wake = j.Outcomes.Wake
}

// New returns the rules of one core.
func (t *Traffic) New(c *engine.Core) engine.Rules {
	return &traffic{Traffic: t, core: c, pace: newPace(c.Job(), t), loss: int64(t.LossTimeout), indexOf: map[int64]uint32{}, bySize: make([]SizeCount, len(t.Sizes)), echoDue: engine.Never}
}

// traffic has in a connection's Tag the index of its session, and in Left the bytes of its packet that the driver has not taken yet.
type traffic struct {
	*Traffic
	pace
	core     *engine.Core
	loss     int64 // ns without an echo that lose a connection
	sessions []*sessionAt
	indexOf  map[int64]uint32 // of a connection's number, in sessions
	draining bool             // sends no more, and waits for what is on its way

	counts  PacketCounts
	bySize  []SizeCount
	echoes  []Echo
	echoDue int64 // when echoes are delivered at the latest
}

// sessionAt is a session and its connection.
type sessionAt struct {
	session
	key    uint32 // of its connection, if it is up
	up     bool
	shut   bool  // has ended its sending side
	giveUp int64 // of UDP without a pace: when the packet on its way is given up; 0 if there is none
}

func (t *traffic) sessionOf(number int64) (at uint32, s *sessionAt) {
	at, known := t.indexOf[number]
	if !known {
		at = uint32(len(t.sessions)) // #nosec G115 -- at most as many as connections
		t.indexOf[number] = at
		t.sessions = append(t.sessions, &sessionAt{session: session{number: number}})
	}
	return at, t.sessions[at]
}

func (t *traffic) of(key uint32) *sessionAt { return t.sessions[t.core.Conn(key).Tag] }

// Connected implements engine.Rules.
func (t *traffic) Connected(key uint32, now int64) {
	conn := t.core.Conn(key)
	t.core.LeaveLane(key)
	at, s := t.sessionOf(conn.Number)
	conn.Tag = at
	s.begin(t.core.Local(key))
	s.key, s.up, s.shut, s.giveUp = key, true, false, 0
	t.counts.Connected++
	if s.lives > 1 {
		t.counts.Reconnected++
	}
	t.core.Report(key, now, engine.NewsEstablished)
	if t.interval == 0 {
		t.send(s, now)
		return
	}
	s.slot = t.firstSlot(&s.session, now)
	t.rearm(s)
}

// rearm sets the connection's deadline to what comes first.
func (t *traffic) rearm(s *sessionAt) {
	next := int64(engine.Never)
	if t.interval > 0 && !t.draining {
		next = s.slot
	}
	if s.waiting != 0 || s.shut {
		next = min(next, s.since+t.loss)
	}
	if s.giveUp != 0 {
		next = min(next, s.giveUp)
	}
	t.core.Deadline(s.key, next)
}

// Failed implements engine.Rules.
func (t *traffic) Failed(c engine.Claim, now int64) {
	_, s := t.sessionOf(c.Number)
	s.failed++
	t.again(s, now)
}

// again dials a session anew, after a while, if that is wanted.
func (t *traffic) again(s *sessionAt, now int64) {
	if t.NoReconnect {
		t.counts.GaveUp++
		return
	}
	t.core.Redial(s.number, now+int64(s.backoff()))
}

// send sends a packet that was due at planned. The time for its echo begins when it has been sent: this process may pause before.
func (t *traffic) send(s *sessionAt, planned int64) {
	k := t.packetOf(&s.session, s.sequence+1)
	packet := t.bytes(&s.session, k, s.sequence+1)
	n, at, fault := t.core.Send(s.key, packet)
	if fault.Class != class.None {
		t.lose(s, at, fault)
		return
	}
	switch {
	case t.datagram && n == 0: // this host's queue is full
		s.dropped++
		t.counts.Dropped++
	default:
		t.sending(&s.session, k, planned, at)
		t.core.Conn(s.key).Left = uint32(len(packet) - n) // #nosec G115 -- a packet is short
		t.counts.Sent++
		t.bySize[k.size].Sent++
	}
	if t.datagram && t.interval == 0 && s.giveUp == 0 {
		s.giveUp = at + t.loss/unheardPart
	}
	t.rearm(s)
}

// Writable implements engine.Rules.
func (t *traffic) Writable(key uint32, now int64) {
	conn := t.core.Conn(key)
	if conn.Left == 0 {
		return
	}
	s := t.of(key)
	packet := t.bytes(&s.session, s.echo, s.sequence)
	n, _, fault := t.core.Send(key, packet[len(packet)-int(conn.Left):])
	if fault.Class != class.None {
		t.lose(s, now, fault)
		return
	}
	conn.Left -= uint32(n) // #nosec G115 -- at most what is left
	if conn.Left == 0 && t.draining {
		t.shutDown(s, now)
	}
}

// Data implements engine.Rules.
func (t *traffic) Data(key uint32, data []byte, now int64) {
	s := t.of(key)
	if t.datagram {
		if e, ok := t.tookDatagram(&s.session, data, now); ok {
			t.echoed(s, &e, now)
		}
		return
	}
	switch e, done, ok := t.tookStream(&s.session, data, int(t.core.Conn(key).Left), now); {
	case !ok:
		t.lose(s, now, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooMuch})
	case done:
		t.echoed(s, &e, now)
	}
}

// echoed takes note of a packet that came back, and goes on with the session.
func (t *traffic) echoed(s *sessionAt, e *echoed, now int64) {
	t.note(s, e, now)
	if s.waiting == 0 {
		s.giveUp = 0
	}
	if s.shut {
		s.since = now
	}
	switch {
	case t.draining && s.waiting == 0 && !t.HalfClose:
		t.complete(s, now)
	case t.interval == 0 && s.waiting == 0 && !t.draining:
		t.send(s, now)
	default:
		t.rearm(s)
	}
}

// note counts an echo and reports it.
func (t *traffic) note(s *sessionAt, e *echoed, now int64) {
	t.counts.Received++
	t.bySize[e.size].Received++
	if e.corrupted {
		t.counts.Corrupted++
	}
	if e.moved {
		t.counts.Moved++
		t.core.Report(s.key, now, engine.NewsMoved).Host = e.from
	}
	if t.echoes == nil {
		t.echoes = make([]Echo, 0, echoBatch)
	}
	if t.echoDue == engine.Never {
		t.echoDue = now + flushNs
	}
	t.echoes = append(t.echoes, Echo{Number: s.number, At: time.Duration(now - t.start), RoundTrip: time.Duration(now - e.planned)})
	if len(t.echoes) == cap(t.echoes) {
		t.deliverEchoes()
	}
}

func (t *traffic) deliverEchoes() {
	if len(t.echoes) > 0 {
		t.echoes = t.Echoes.Deliver(t.echoes)
	}
	t.echoDue = engine.Never
}

// Expired implements engine.Rules: an echo is late, a UDP packet is given up, or the next one is due.
func (t *traffic) Expired(key uint32, seen int64) {
	s := t.of(key)
	switch {
	case (s.waiting != 0 || s.shut) && seen >= s.since+t.loss:
		t.late(s, seen)
		return
	case s.giveUp != 0 && seen >= s.giveUp:
		if s.giveUp = 0; !t.draining {
			t.send(s, seen)
			return
		}
	case t.interval > 0 && !t.draining && seen >= s.slot:
		planned, dropped, ok := t.takeSlots(&s.session, seen)
		t.counts.Dropped += dropped
		if ok {
			t.send(s, planned)
			return
		}
	}
	t.rearm(s)
}

// late ends a session that has waited in vain.
func (t *traffic) late(s *sessionAt, now int64) {
	switch {
	case t.draining && t.lacksLast(&s.session):
		t.complete(s, now)
	case s.waiting == 0:
		t.lose(s, now, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoFIN})
	default:
		t.lose(s, now, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoEcho})
	}
}

// Ended implements engine.Rules. After the sending side was shut down, a close is what should come.
func (t *traffic) Ended(key uint32, fault engine.Fault, now int64) {
	s := t.of(key)
	if fault.Class == class.None {
		if s.shut && s.waiting == 0 {
			t.complete(s, now)
			return
		}
		fault = engine.Fault{Class: class.Closed, Err: engine.ReasonClosed}
	}
	t.lose(s, now, fault)
}

// lose ends a connection that has failed, and dials anew.
func (t *traffic) lose(s *sessionAt, now int64, fault engine.Fault) {
	packets := t.leave(s)
	if fault.Class == class.NoReply {
		packets.Missed = time.Duration(s.since - t.start)
	}
	if fault.Class == class.NoReply || t.datagram {
		packets.Stuck, packets.Passed = t.stuck(&s.session)
	}
	s.lost()
	t.core.Fail(s.key, now, fault).Packets = packets
	t.counts.Lost++
	t.again(s, now)
}

// complete ends a connection that lasted to the end.
func (t *traffic) complete(s *sessionAt, now int64) {
	packets := t.leave(s)
	if t.datagram {
		packets.Stuck, packets.Passed = t.stuck(&s.session)
	}
	t.core.Complete(s.key, now).Packets = packets
}

// leave returns what is known of the packets of a connection that ends.
func (t *traffic) leave(s *sessionAt) *engine.Packets {
	s.up = false
	p := &engine.Packets{
		Sent: s.sent, Received: s.received, Dropped: s.dropped, Corrupted: s.corrupted,
		Retransmits: int64(t.core.Retransmits(s.key)),
		Local:       s.local, Host: s.host,
	}
	if s.received > 0 {
		p.Answered, p.LastEcho = time.Duration(s.answered-t.start), time.Duration(s.lastEcho-t.start)
	}
	return p
}

// TimeUp implements engine.Rules: what is up has lasted, whatever is on its way.
func (t *traffic) TimeUp(now int64) { t.Stop(now, class.Aborted) }

// Stop implements engine.Rules. It lets what is on its way come back, unless the call is stopped from outside. Either way the
// connections have lasted.
func (t *traffic) Stop(now int64, end class.Class) {
	t.draining = true
	for _, s := range t.sessions {
		switch {
		case !s.up:
		case end != class.None || s.waiting == 0 && !t.HalfClose:
			t.complete(s, now)
		case t.HalfClose && t.core.Conn(s.key).Left == 0:
			t.shutDown(s, now)
		default:
			t.rearm(s)
		}
	}
}

// shutDown ends the sending side of a connection, if that is wanted.
func (t *traffic) shutDown(s *sessionAt, now int64) {
	if !t.HalfClose || s.shut {
		return
	}
	s.shut = true
	if s.waiting == 0 {
		s.since = now
	}
	t.core.Shut(s.key)
	t.rearm(s)
}

// Turn implements engine.Rules.
func (t *traffic) Turn(now int64) (wake int64) {
	t.counters.count(&t.counts)
	for i := range t.bySize {
		if n := &t.bySize[i]; n.Sent+n.Received > 0 {
			t.Traffic.bySize[i].sent.Add(n.Sent)
			t.Traffic.bySize[i].received.Add(n.Received)
			*n = SizeCount{}
		}
	}
	if now >= t.echoDue || t.core.Open() == 0 {
		t.deliverEchoes()
	}
	return t.echoDue
}
