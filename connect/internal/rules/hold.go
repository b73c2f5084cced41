package rules

import (
	"cmp"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Hold keeps connections open, notices when the peer closes them, and asks for signs of life if there is an interval for that.
type Hold struct {
	Exchange                    // the keepalive and its answer
	Interval time.Duration      // between keepalives; 0 sends none
	Patience time.Duration      // until a keepalive must have been answered; 0 means Interval
	Expected map[string]float64 // names that hosts are expected to have
}

// New returns the rules of one core.
func (h *Hold) New(c *engine.Core) engine.Rules {
	return &hold{
		kept: newKept(c, &h.Exchange), expected: h.Expected, interval: int64(h.Interval), patience: int64(cmp.Or(h.Patience, h.Interval)),
		told: map[uint32]engine.Fault{},
	}
}

type hold struct {
	kept
	expected           map[string]float64
	interval, patience int64
	told               map[uint32]engine.Fault // of UDP flows that owe an answer: what has been told about them since, such as by ICMP
}

// Connected implements engine.Rules.
func (h *hold) Connected(key uint32, now int64) {
	delete(h.told, key) // what was told of a connection before, whose key it has
	h.core.LeaveLane(key)
	h.nextKeepalive(key, now)
	h.core.Report(key, now, engine.NewsEstablished)
}

func (h *hold) nextKeepalive(key uint32, from int64) {
	if h.interval > 0 {
		h.core.Deadline(key, from+h.interval)
	}
}

// Data implements engine.Rules.
func (h *hold) Data(key uint32, data []byte, now int64) {
	conn := h.core.Conn(key)
	if h.isFirst(key, data) {
		if fault := h.greeted(key, data, h.interval > 0, h.expected); fault.Class != class.None {
			h.fail(key, now, fault)
			return
		}
		if name, ok := reply.Parse(data); ok && h.wantsAny() { // else an answer names the host, not a greeting
			h.name(conn, h.names.Intern(name))
		}
		h.report(key, now, engine.NewsSpoke)
	}
	if h.interval == 0 || h.core.Outgoing(key).Mark == 0 {
		return
	}
	host, done := h.answered(key, data, now)
	if !done {
		return
	}
	if host != "" && host != engine.UnknownHost {
		isNew := conn.Tag == 0
		if h.name(conn, host); isNew {
			h.report(key, now, engine.NewsNamed)
		}
	}
	delete(h.told, key)
	h.nextKeepalive(key, max(h.core.Outgoing(key).Mark, now-h.interval))
	h.echoed(key, now)
}

// Expired implements engine.Rules: a connection is asked for a sign of life, unless it has owed one for too long. Then it is dead.
func (h *hold) Expired(key uint32, seen int64) {
	asked := h.core.Outgoing(key).Mark
	if asked == 0 || seen < asked+h.patience {
		h.ask(key, seen)
		return
	}
	fault, told := h.told[key]
	if !told {
		fault = h.late(key, engine.ReasonKeepalive)
	}
	h.fail(key, seen, fault).Reply = time.Duration(seen - asked)
}

// ask sends the payload, which must be answered within patience. A datagram may get lost, so a flow that owes an answer is asked again after
// an interval; one that this host does not take is as good as lost.
func (h *hold) ask(key uint32, now int64) {
	at, fault := h.send(key, now)
	if h.outlasts(key, fault) { // the message was about a datagram before
		at, fault = h.send(key, at)
	}
	switch {
	case h.outlasts(key, fault):
		h.told[key] = fault
	case isFailed(fault):
		h.Ended(key, fault, at)
		return
	}
	out := h.core.Outgoing(key)
	if out.Mark == 0 {
		out.Mark = at
	}
	due := out.Mark + h.patience
	if h.datagram {
		due = min(due, at+h.interval)
	}
	h.core.Deadline(key, due)
}

// TooLarge implements engine.Resender.
func (h *hold) TooLarge(key uint32, now int64) {
	if h.core.Outgoing(key).Mark == 0 {
		return
	}
	if at, fault := h.send(key, now); isFailed(fault) {
		h.Ended(key, fault, at)
	}
}

// Ended implements engine.Rules.
func (h *hold) Ended(key uint32, fault engine.Fault, now int64) {
	if !h.outlasts(key, fault) {
		h.kept.Ended(key, fault, now)
		return
	}
	if h.core.Outgoing(key).Mark != 0 {
		h.told[key] = fault
	}
}

// outlasts reports whether a UDP flow goes on: what is told of its datagrams, such as by ICMP, is as good as silence, which ends the flow if no
// answer comes in time. One on which nothing has ever come has failed.
func (h *hold) outlasts(key uint32, fault engine.Fault) bool {
	return h.datagram && isTold(fault.Class) && h.core.Received(key) > 0
}
