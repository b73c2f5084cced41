package rules

import (
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
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
		Traffic: t, packets: newPackets(t.Sizes, plan.Protocol == "udp", t.Verify), core: c, loss: int64(t.LossTimeout),
		pace: paceOf(c.Job(), t.Throughput, t.Sizes), memory: 1, names: engine.Names{}, sessions: map[int64]*session{},
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

// traffic has in a connection's Left the bytes of its packet that the driver has not taken yet.
type traffic struct {
	*Traffic
	packets
	pace
	core     *engine.Core
	loss     int64 // ns without an echo that lose a connection
	memory   int   // packets of a session of which it is known when they were due
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
	s.slot = t.first(s.number, now)
	t.rearm(s)
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
		t.complete(s, now).Unheard = s.unheard
	case s.waiting && s.told.Class != class.None:
		t.lose(s, now, s.told)
	case s.waiting:
		t.lose(s, now, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoEcho})
	default:
		t.lose(s, now, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoFIN})
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
		if s.shut {
			fault.Err = engine.ReasonClosedShut
		}
	}
	t.lose(s, now, fault)
}

// outlasts reports whether a UDP flow goes on although a datagram was rejected, such as by ICMP. The rejection counts as silence, which ends the
// flow if no echo comes in time. A flow that never had an echo has failed.
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
func (t *traffic) complete(s *session, now int64) *engine.Packets {
	known := t.known(s, class.None)
	t.core.Complete(s.key, now).Packets = known
	return known
}

// known is what is known of the packets of a connection that ends.
func (t *traffic) known(s *session, end class.Class) *engine.Packets {
	known := s.Packets
	known.Retransmits = int64(t.core.Retransmits(s.key))
	if end == class.NoReply || end != class.None && end == s.told.Class {
		known.Missed = t.job.Since(s.since)
	}
	if t.datagram || end == class.NoReply {
		known.Stuck, known.Passed, known.Worked = s.sizes.stuckAt(t.datagram)
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
		s := t.of(key)
		if end != class.None {
			known := t.complete(s, now)
			if s.waiting {
				known.Awaited = time.Duration(now - s.since)
			}
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
	case t.HalfClose && !s.shut:
		if !s.waiting && !t.send(s, now) { // with nothing on its way, a peer that just closes would look well
			return
		}
		if t.core.Outgoing(s.key).Left == 0 {
			s.shut = true
			t.core.Shut(s.key)
		}
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
