package rules

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Fill keeps connections open, to see how many of them the peer serves. It reports for each when the peer speaks first, when it answers, and
// when it has had its time to do so; a later answer still counts.
type Fill struct {
	Exchange               // what is sent after Patience, in which the peer may speak first; no Payload asks for nothing
	Patience time.Duration // until a connection has had its time, and again for the answer
	Linger   time.Duration // how long, at most, a connection keeps its lane until the peer speaks
	Enough   int64         // after so many slow failures no more is dialed; 0 is no bound
	Slow     time.Duration // how long a dial has taken, at least, whose failure is a slow one

	failures atomic.Int64 // slow ones, of all cores
	again    atomic.Pointer[Again]
}

// Again asks connections once more that have answered before. Several Fills share one.
type Again struct {
	Patience time.Duration // until a connection must have answered, counted from the last answer of any
	heard    atomic.Int64  // when that came
}

// Again makes the next stop ask the connections that have answered once more. Those that answer again complete, the others fail.
func (f *Fill) Again(a *Again) { f.again.Store(a) }

// New returns the rules of one core.
func (f *Fill) New(c *engine.Core) engine.Rules {
	return &fill{kept: newKept(c, &f.Exchange), shared: f}
}

type fill struct {
	kept
	shared  *Fill
	halting bool
	again   *Again // once connections are asked again
}

// Connected implements engine.Rules.
func (f *fill) Connected(key uint32, now int64) {
	if f.shared.Linger == 0 {
		f.core.LeaveLane(key)
	}
	f.core.Deadline(key, now+int64(min(cmp.Or(f.shared.Linger, f.shared.Patience), f.shared.Patience)))
	f.core.Report(key, now, engine.NewsEstablished)
}

// Data implements engine.Rules.
func (f *fill) Data(key uint32, data []byte, now int64) {
	if f.isFirst(key, data) {
		if fault := f.greeted(key, data, f.Payload != nil, nil); fault.Class != class.None {
			f.fail(key, now, fault)
			return
		}
		if name, ok := reply.Parse(data); ok {
			f.know(f.names.Intern(name))
		}
		f.core.LeaveLane(key)
		f.core.Report(key, now, engine.NewsSpoke)
	}
	if f.Payload == nil || f.core.Outgoing(key).Mark == 0 {
		return
	}
	if _, done := f.answered(key, data, now); done {
		f.core.Deadline(key, engine.Never)
		f.echoed(key, now)
		if f.again != nil {
			f.again.heard.Store(now)
			f.complete(key, now)
		}
	}
}

// Expired implements engine.Rules: the peer has not spoken first, or has not answered in its time.
func (f *fill) Expired(key uint32, seen int64) {
	f.core.LeaveLane(key)
	conn := f.core.Conn(key)
	switch patience := conn.Since + int64(f.shared.Patience); {
	case f.again != nil:
		if due := f.again.heard.Load() + int64(f.again.Patience); seen < due {
			f.core.Deadline(key, due)
			return
		}
		f.fail(key, seen, f.late(key, engine.ReasonForgotten))
	case seen < patience:
		f.core.Deadline(key, patience)
	case f.Payload == nil || f.core.Outgoing(key).Mark != 0:
		f.core.Report(key, seen, engine.NewsWaited)
	default:
		f.ask(key, seen, int64(f.shared.Patience))
	}
}

// Failed implements engine.Rules. It bounds slow failures, since each has kept others from being dialed.
func (f *fill) Failed(c engine.Claim, now int64) {
	if f.halting || f.shared.Enough == 0 || now-c.Planned < int64(f.shared.Slow) {
		return
	}
	f.shared.failures.Add(1)
	f.halt(now)
}

// halt dials no more once there were enough slow failures. What is established stays.
func (f *fill) halt(now int64) {
	if f.shared.Enough == 0 || f.core.Stopped() || f.shared.failures.Load() < f.shared.Enough {
		return
	}
	f.halting = true
	f.core.Stop(now, class.Aborted, class.None)
	f.halting = false
}

// Stop implements engine.Rules.
func (f *fill) Stop(now int64, end class.Class) {
	if f.halting {
		return
	}
	if again := f.shared.again.Load(); again != nil && f.again == nil && end == class.None {
		f.askAgain(again, now)
		return
	}
	f.kept.Stop(now, end)
}

// askAgain asks the connections that have answered once more, and completes the others.
func (f *fill) askAgain(again *Again, now int64) {
	f.again = again
	again.heard.Store(now)
	f.core.Each(func(key uint32) {
		if out := f.core.Outgoing(key); out.Sent == 0 || out.Mark != 0 {
			f.complete(key, now)
			return
		}
		f.ask(key, now, int64(again.Patience))
	})
}

// Turn implements engine.Rules.
func (f *fill) Turn(now int64) (wake int64) {
	f.halt(now)
	return engine.Never
}
