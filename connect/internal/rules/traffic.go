package rules

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
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

	mu    sync.Mutex
	total PacketCounts // of all cores
}

// Echo is a packet that came back.
type Echo struct {
	Number    int64         // of the connection within its call, from 0
	At        time.Duration // when it came, since the call's start
	RoundTrip time.Duration // from the instant when the packet was due
}

// PacketCounts counts what happens to packets and sessions.
type PacketCounts struct {
	Connected, Reconnected, Lost, Moved int64       // connections, and sessions
	Sent, Received, Dropped, Corrupted  int64       // packets
	GaveUp                              int64       // sessions that are not dialed any more
	BySize                              []SizeCount // packets, in the order of their sizes' turns
}

// take takes over what another one has counted.
func (c *PacketCounts) take(from *PacketCounts) {
	c.Connected += from.Connected
	c.Reconnected += from.Reconnected
	c.Lost += from.Lost
	c.Moved += from.Moved
	c.Sent += from.Sent
	c.Received += from.Received
	c.Dropped += from.Dropped
	c.Corrupted += from.Corrupted
	c.GaveUp += from.GaveUp
	for i, n := range from.BySize {
		c.BySize[i].Sent += n.Sent
		c.BySize[i].Received += n.Received
	}
	clear(from.BySize)
	*from = PacketCounts{BySize: from.BySize}
}

// SizeCount is what has become of the packets of one size.
type SizeCount struct {
	Size     int   `json:"size"` // bytes
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
}

func newSizeCounts(sizes []int) []SizeCount {
	counts := make([]SizeCount, len(sizes))
	for i, size := range sizes {
		counts[i].Size = size
	}
	return counts
}

// Counts returns what has happened so far.
func (t *Traffic) Counts() PacketCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.total
	counts.BySize = slices.Clone(counts.BySize)
	return counts
}

// Init prepares the rules for a job. It must be called once, before New.
func (t *Traffic) Init(j *engine.Job) {
	t.total.BySize = newSizeCounts(t.Sizes)
	t.Echoes.Wake = j.Outcomes.Wake
}

// New returns the rules of one core.
func (t *Traffic) New(c *engine.Core) engine.Rules {
	const echoBatch = 1 << 10
	plan := &c.Job().Plan
	r := &traffic{
		Traffic: t, packets: newPackets(t.Sizes, plan.Protocol == "udp", t.Verify), core: c, job: c.Job(), loss: int64(t.LossTimeout),
		interval: t.interval(plan.Connections), memory: 1, names: engine.Names{}, sessions: map[int64]*session{},
		counts: PacketCounts{BySize: make([]SizeCount, len(t.Sizes))}, echoes: t.Echoes.NewBatch(echoBatch),
	}
	if r.datagram {
		const least, most = 64, 4096
		r.memory = least
		if r.interval > 0 {
			r.memory = int(min(max(r.loss/r.interval+1, least), most))
		}
	}
	return r
}

// interval is the time between two packets of a session, in ns; 0 sends the next packet when the last one has come back.
func (t *Traffic) interval(connections int64) int64 {
	if t.Throughput == 0 {
		return 0
	}
	const kilobyte = 1024
	const never = 100 * 365 * 24 * time.Hour // does not pass while the process lives, and does not overflow when it is added to the time
	sum := 0
	for _, size := range t.Sizes {
		sum += size
	}
	perSecond := t.Throughput * kilobyte * float64(len(t.Sizes)) / float64(sum) / float64(connections)
	return max(int64(math.Min(float64(time.Second)/perSecond, float64(never))), 1)
}

// traffic has in a connection's Left the bytes of its packet that the driver has not taken yet.
type traffic struct {
	*Traffic
	packets
	core     *engine.Core
	job      *engine.Job
	loss     int64 // ns without an echo that lose a connection
	interval int64
	memory   int // packets of a session of which it is known when they were due
	names    engine.Names
	sessions map[int64]*session // by number
	draining bool               // sends no more, and waits for what is on its way

	counts PacketCounts // since they were added to the other cores'
	echoes engine.Batch[Echo]
}

func (t *traffic) session(number int64) *session {
	s := t.sessions[number]
	if s == nil {
		s = &session{number: number}
		t.sessions[number] = s
	}
	return s
}

func (t *traffic) of(key uint32) *session { return t.sessions[int64(t.core.Conn(key).Number)] }

// Connected implements engine.Rules.
func (t *traffic) Connected(key uint32, now int64) {
	t.core.LeaveLane(key)
	s := t.session(int64(t.core.Conn(key).Number))
	s.begin(key)
	s.Local = t.core.Local(key)
	t.counts.Connected++
	if s.lives > 1 {
		t.counts.Reconnected++
	}
	t.core.Report(key, now, engine.NewsEstablished)
	if t.interval == 0 {
		t.send(s, now)
		return
	}
	s.slot = t.firstSlot(s, now)
	t.rearm(s)
}

// firstSlot is when the first packet of a session is due. Sessions are spread over the interval by the golden ratio, which is even for
// any number of them, so that they never send in step.
func (t *traffic) firstSlot(s *session, now int64) int64 {
	const goldenRatio = 0.618033988749895
	_, part := math.Modf(float64(s.number) * goldenRatio)
	first := t.job.Start() + int64(part*float64(t.interval))
	if now > first {
		first += ((now-first)/t.interval + 1) * t.interval
	}
	return first
}

// rearm sets the connection's deadline to what comes first.
func (t *traffic) rearm(s *session) {
	next := int64(engine.Never)
	if !t.draining {
		next = s.slot
	}
	if s.waiting || s.shut {
		next = min(next, s.since+t.loss)
	}
	t.core.Deadline(s.key, next)
}

// Expired implements engine.Rules: an echo is late, or a packet is due.
func (t *traffic) Expired(key uint32, seen int64) {
	if s := t.of(key); (s.waiting || s.shut) && seen >= s.since+t.loss {
		t.late(s, seen)
	} else {
		t.next(s, seen)
	}
}

// late ends a session that has waited in vain.
func (t *traffic) late(s *session, now int64) {
	switch {
	case t.draining && t.datagram && s.lacksLast():
		t.complete(s, now)
	case s.waiting && s.told.Class != class.None:
		t.lose(s, now, s.told)
	case s.waiting:
		t.lose(s, now, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoEcho})
	default:
		t.lose(s, now, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoFIN})
	}
}

// next sends the packet that is due. Those that were due in the meantime are dropped, and so is this one where the last echo is late.
func (t *traffic) next(s *session, now int64) {
	if t.interval == 0 {
		t.send(s, now)
		return
	}
	due, dropped := s.slot, (now-s.slot)/t.interval
	s.slot += (dropped + 1) * t.interval
	isLate := s.waiting && !t.datagram
	if isLate {
		dropped++
	}
	s.Dropped += dropped
	t.counts.Dropped += dropped
	if isLate {
		t.rearm(s)
		return
	}
	t.send(s, due)
}

// send sends a packet. The time for its echo begins when it has been sent: this process may pause before.
func (t *traffic) send(s *session, due int64) {
	packet := t.bytes(s, s.sequence+1)
	n, at, fault := t.core.Send(s.key, packet)
	if t.outlasts(s, fault) { // the message was about a datagram before
		s.told = fault
		n, at, fault = t.core.Send(s.key, packet)
	}
	switch {
	case t.outlasts(s, fault):
		s.told = fault
		t.drop(s, at)
	case fault.Class != class.None:
		t.lose(s, at, fault)
		return
	case t.datagram && n == 0: // this host's queue is full
		s.Dropped++
		t.counts.Dropped++
	default:
		t.sent(s, due, at)
		t.core.Outgoing(s.key).Left = uint32(len(packet) - n) // #nosec G115 -- a packet is short
	}
	switch {
	case t.interval > 0: // the slot is
	case t.datagram:
		s.slot = at + t.loss/unheardPart
	default:
		s.slot = engine.Never
	}
	t.rearm(s)
}

// drop takes note of a packet that this host does not send. It is waited for all the same, as for one that is lost on the way.
func (t *traffic) drop(s *session, now int64) {
	s.Dropped++
	t.counts.Dropped++
	if !s.waiting {
		s.waiting, s.since = true, now
	}
}

// sent takes note of the next packet.
func (t *traffic) sent(s *session, due, now int64) {
	s.sequence++
	size := t.size(s, s.sequence)
	s.Sent++
	t.counts.Sent++
	t.counts.BySize[size].Sent++
	if len(t.sizes) > 1 {
		if s.sizes == nil {
			s.sizes = newSizeFates(t.sizes)
		}
		s.sizes[size].Sent++
		s.sizes[size].unheard++
	}
	if s.due == nil {
		s.due = make([]int64, t.memory)
	}
	*s.dueAt(s.sequence) = due
	s.toCome, s.spoilt = t.sizes[size], false
	s.unheard++
	if !s.waiting {
		s.waiting, s.since = true, now
	}
}

// Writable implements engine.Rules.
func (t *traffic) Writable(key uint32, now int64) {
	out, s := t.core.Outgoing(key), t.of(key)
	packet := t.bytes(s, s.sequence)
	n, _, fault := t.core.Send(key, packet[len(packet)-int(out.Left):])
	if fault.Class != class.None {
		t.lose(s, now, fault)
		return
	}
	out.Left -= uint32(n) // #nosec G115 -- at most what is left
	if t.draining {
		t.drain(s, now)
	}
}

// Data implements engine.Rules.
func (t *traffic) Data(key uint32, data []byte, now int64) {
	if s := t.of(key); t.datagram {
		t.tookDatagram(s, data, now)
	} else {
		t.tookStream(s, data, now)
	}
}

// tookDatagram takes a datagram, which may be no echo, or one that has come before.
func (t *traffic) tookDatagram(s *session, data []byte, now int64) {
	sequence, body, ok := stamped(data)
	if !ok || !s.awaits(sequence) || len(data) != t.sizes[t.size(s, sequence)] {
		return
	}
	t.name(s, body[:min(len(body), reply.MaxLength+1)], now)
	if sequence == s.sequence {
		s.waiting = false
	}
	t.echoed(s, sequence, t.differs(s, sequence, 0, body), now)
}

// tookStream takes a part of the last packet's echo.
func (t *traffic) tookStream(s *session, data []byte, now int64) {
	out := t.core.Outgoing(s.key)
	if len(data) > s.toCome-int(out.Left) {
		t.lose(s, now, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooMuch})
		return
	}
	size := t.sizes[t.size(s, s.sequence)]
	s.spoilt = t.differs(s, s.sequence, size-s.toCome, data) || s.spoilt
	if before := t.core.Received(s.key) - int64(len(data)); before < HelloSize {
		s.hello = append(s.hello, data[:min(len(data), HelloSize-len(s.hello))]...)
		if len(s.hello) == HelloSize {
			t.name(s, s.hello, now)
			s.hello = nil
		}
	}
	if s.toCome -= len(data); s.toCome == 0 {
		s.waiting = false
		t.echoed(s, s.sequence, s.spoilt, now)
	}
}

// name takes note of who answers. A plain echo server tells no name.
func (t *traffic) name(s *session, packet []byte, now int64) {
	name, ok := reply.Parse(packet)
	if !ok || string(name) == s.Host {
		return
	}
	before := s.Host
	s.Host = t.names.Intern(name)
	if before != "" && s.Host != before && !s.moved {
		s.moved = true
		t.counts.Moved++
		t.core.Report(s.key, now, engine.NewsMoved).Host = before
	}
}

// echoed takes note of a packet that came back, and goes on with the session.
func (t *traffic) echoed(s *session, sequence uint64, corrupted bool, now int64) {
	size, due := t.size(s, sequence), s.dueAt(sequence)
	*t.echoes.Add(now) = Echo{Number: s.number, At: t.job.Since(now), RoundTrip: time.Duration(now - *due)}
	*due = 0
	s.since, s.unheard, s.failed, s.told = now, 0, 0, engine.Fault{}
	if s.LastEcho = t.job.Since(now); s.Received == 0 {
		s.Answered = s.LastEcho
	}
	s.Received++
	t.counts.Received++
	t.counts.BySize[size].Received++
	if s.sizes != nil {
		s.sizes[size].Received++
		s.sizes[size].unheard = 0
	}
	if corrupted {
		s.Corrupted++
		t.counts.Corrupted++
	}
	switch {
	case t.draining:
		t.drain(s, now)
	case t.interval == 0 && !s.waiting:
		t.send(s, now)
	default:
		t.rearm(s)
	}
}

// Ended implements engine.Rules. After the sending side was shut down, a close is what should come.
func (t *traffic) Ended(key uint32, fault engine.Fault, now int64) {
	s := t.of(key)
	if t.outlasts(s, fault) {
		s.told = fault
		return
	}
	if fault.Class == class.None {
		if s.shut && !s.waiting {
			t.complete(s, now)
			return
		}
		fault = engine.Fault{Class: class.Closed, Err: engine.ReasonClosed}
	}
	t.lose(s, now, fault)
}

// outlasts reports whether a UDP flow goes on: what is told of its datagrams, such as by ICMP, is as good as silence, which ends the flow if no echo
// comes in time. One that never had an echo has failed.
func (t *traffic) outlasts(s *session, fault engine.Fault) bool {
	return t.datagram && isTold(fault.Class) && s.Received > 0
}

// lose ends a connection that has failed, and dials anew. A proxy accepts connections whether it has a backend or not, so one without
// any echo is a failed dial, too.
func (t *traffic) lose(s *session, now int64, fault engine.Fault) {
	if s.Received == 0 {
		s.failed++
	}
	known := t.known(s, fault.Class)
	t.core.Fail(s.key, now, fault).Packets = known
	t.counts.Lost++
	t.again(s, now)
}

// complete ends a connection that lasted to the end.
func (t *traffic) complete(s *session, now int64) {
	known := t.known(s, class.None)
	t.core.Complete(s.key, now).Packets = known
}

// known is what is known of the packets of a connection that ends.
func (t *traffic) known(s *session, end class.Class) *engine.Packets {
	known := s.Packets
	known.Retransmits = int64(t.core.Retransmits(s.key))
	if end == class.NoReply || end != class.None && end == s.told.Class {
		known.Missed = t.job.Since(s.since)
	}
	if t.datagram || end == class.NoReply {
		known.Stuck, known.Passed, known.Worked = s.stuckAt(t.datagram)
	}
	return &known
}

// Failed implements engine.Rules.
func (t *traffic) Failed(c engine.Claim, now int64) {
	s := t.session(c.Number)
	s.failed++
	t.again(s, now)
}

// again dials a session anew, after a while, if that is wanted.
func (t *traffic) again(s *session, now int64) {
	if t.NoReconnect {
		t.counts.GaveUp++
		return
	}
	t.core.Redial(s.number, now+int64(backoff(max(s.failed-1, 0))))
}

// TimeUp implements engine.Rules: what is up has lasted, whatever is on its way.
func (t *traffic) TimeUp(now int64) { t.Stop(now, class.Aborted) }

// Stop implements engine.Rules. It lets what is on its way come back, unless the call is stopped from outside. Either way the
// connections have lasted.
func (t *traffic) Stop(now int64, end class.Class) {
	t.draining = true
	t.core.Each(func(key uint32) {
		if s := t.of(key); end != class.None {
			t.complete(s, now)
		} else {
			t.drain(s, now)
		}
	})
}

// drain ends a session on which nothing is on its way, if need be by shutting down its sending side.
func (t *traffic) drain(s *session, now int64) {
	switch {
	case !t.HalfClose && !s.waiting:
		t.complete(s, now)
		return
	case t.HalfClose && !s.shut && t.core.Outgoing(s.key).Left == 0:
		s.shut = true
		if !s.waiting {
			s.since = now
		}
		t.core.Shut(s.key)
	}
	t.rearm(s)
}

// Turn implements engine.Rules.
func (t *traffic) Turn(now int64) (wake int64) {
	t.mu.Lock()
	t.total.take(&t.counts)
	t.mu.Unlock()
	return t.echoes.DeliverDue(now, t.core.Open() == 0)
}
