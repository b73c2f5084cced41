package rules

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// next sends the packet that is due. Those that were due in the meantime are dropped, and so is this one where the last echo is late.
func (t *traffic) next(s *session, now int64) {
	if t.interval == 0 {
		t.send(s, now)
		return
	}
	due := s.slot
	next, missed := t.after(due, now)
	s.slot = next
	t.drop(s, missed)
	if s.waiting && !t.datagram {
		t.drop(s, 1)
		t.rearm(s)
		return
	}
	t.send(s, due)
}

// send sends a packet, and reports whether the session goes on. The time for its echo begins when it has been sent: this process may pause before.
func (t *traffic) send(s *session, due int64) (goesOn bool) {
	packet := t.bytes(s, s.sequence+1)
	n, at, fault := t.core.Send(s.key, packet)
	if t.outlasts(s, fault) { // the message was about a datagram before
		s.told = fault
		n, at, fault = t.core.Send(s.key, packet)
	}
	switch {
	case t.outlasts(s, fault):
		s.told = fault
		t.drop(s, 1)
		s.await(at) // as for one that is lost on the way
	case fault.Class != class.None:
		t.lose(s, at, fault)
		return false
	case t.datagram && n == 0: // this host's queue is full
		t.drop(s, 1)
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
	return true
}

// drop takes note of packets that this host does not send.
func (t *traffic) drop(s *session, n int64) {
	s.Dropped += n
	t.counts.Dropped += n
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
		s.sizes.sent(size)
	}
	if s.due == nil {
		s.due = make([]int64, t.memory)
	}
	*s.dueAt(s.sequence) = due
	s.toCome, s.spoilt = t.sizes[size], false
	s.unheard++
	s.await(now)
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
	switch {
	case !ok || sequence == 0 || sequence > s.sequence:
		t.counts.Foreign++
		return
	case !s.awaits(sequence):
		return
	case len(data) != t.sizes[t.size(s, sequence)]:
		t.counts.Foreign++
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
		s.sizes.received(size)
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
