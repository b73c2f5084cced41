package rules

import (
	"cmp"
	"sync/atomic"
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

	unasked atomic.Int64
	cut     atomic.Bool
}

// Cut makes the next stop complete all connections at once, also those that owe an answer.
func (h *Hold) Cut() { h.cut.Store(true) }

// Unasked counts reads that came while no answer was owed, beyond the first of a connection.
func (h *Hold) Unasked() int64 { return h.unasked.Load() }

// New returns the rules of one core.
func (h *Hold) New(c *engine.Core) engine.Rules {
	r := &hold{
		shared: h, kept: newKept(c, &h.Exchange), expected: h.Expected, interval: int64(h.Interval), patience: int64(cmp.Or(h.Patience, h.Interval)),
		others: map[uint32]other{},
	}
	if r.datagram {
		r.told, r.again = map[uint32]engine.Fault{}, r.interval
	}
	return r
}

type hold struct {
	kept
	shared             *Hold
	expected           map[string]float64
	interval, patience int64
	draining           bool             // asks no more, and waits for the answers that are owed
	others             map[uint32]other // of UDP flows that another host has answered, or may have
}

// Connected implements engine.Rules.
func (h *hold) Connected(key uint32, now int64) {
	delete(h.others, key) // what is known of a flow before, whose key it has
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
	first := h.isFirst(key, data)
	if first && !h.spoke(key, data, now) {
		return
	}
	if h.interval == 0 || h.core.Outgoing(key).Mark == 0 {
		if !first {
			h.shared.unasked.Add(1)
		}
		return
	}
	host, done := h.answered(key, data, now)
	if !done {
		return
	}
	h.answeredBy(key, host, data, now)
	h.nextKeepalive(key, max(h.core.Outgoing(key).Mark, now-h.interval))
	h.echoed(key, now)
	if h.draining {
		h.complete(key, now)
	}
}

// spoke takes note of the first bytes of a peer, and reports whether the connection goes on.
func (h *hold) spoke(key uint32, data []byte, now int64) (goesOn bool) {
	if fault := h.greeted(key, data, h.interval > 0, h.expected); fault.Class != class.None {
		h.fail(key, now, fault)
		return false
	}
	if name, ok := reply.Parse(data); ok && h.wantsAny() { // else an answer names the host, not a greeting
		h.name(h.core.Conn(key), h.names.Intern(name))
		if h.Any && h.datagram && h.core.Outgoing(key).Mark == 0 { // a greeting, from which answers may well differ
			h.others[key] = other{settled: true}
		}
	}
	h.report(key, now, engine.NewsSpoke)
	return true
}

// answeredBy takes note of the host that has answered, "" if the answer need not tell it.
func (h *hold) answeredBy(key uint32, host string, answer []byte, now int64) {
	conn := h.core.Conn(key)
	switch {
	case host == "" && h.datagram:
		h.mayMove(key, answer, now)
	case host == "" || host == engine.UnknownHost:
	case conn.Tag == 0:
		h.name(conn, host)
		h.report(key, now, engine.NewsNamed)
	case h.datagram:
		h.move(key, host, now)
	default:
		h.name(conn, host)
	}
}

// Expired implements engine.Rules: a connection is asked for a sign of life, unless it has owed one for too long. Then it is dead.
func (h *hold) Expired(key uint32, seen int64) {
	asked := h.core.Outgoing(key).Mark
	if asked == 0 || seen < asked+h.patience {
		h.ask(key, seen, h.patience)
		return
	}
	fault, told := h.told[key]
	if !told {
		fault = h.late(key, engine.ReasonKeepalive)
	}
	h.fail(key, seen, fault).Reply = time.Duration(seen - asked)
}

// Stop implements engine.Rules. A connection that owes an answer still has its time for that. Otherwise a target that has just fallen silent would
// be taken for a healthy one.
func (h *hold) Stop(now int64, end class.Class) {
	if end != class.None || h.shared.cut.Load() {
		h.kept.Stop(now, end)
		return
	}
	h.draining = true
	h.core.Each(func(key uint32) {
		if h.core.Outgoing(key).Mark == 0 {
			h.complete(key, now)
		}
	})
}
