package rules

import (
	"cmp"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Fill keeps connections open, to see how many of them the peer serves. It reports for each when the peer speaks first, when it answers, and
// when it has had its time to do so; a later answer still counts.
type Fill struct {
	Exchange               // what is sent after Patience, in which the peer may speak first; no Payload asks for nothing
	Patience time.Duration // until a connection has had its time, and again for the answer
	Linger   time.Duration // how long a connection keeps others from being dialed until the peer speaks, at most
	Enough   int64         // after so many slow failures no more is dialed; 0 is no bound
	Slow     time.Duration // how long a dial takes that fails slowly, at least

	failures atomic.Int64 // slow ones, of all cores
}

// New returns the rules of one core.
func (f *Fill) New(c *engine.Core) engine.Rules {
	return &fill{Fill: f, exchanges: newExchanges(c, &f.Exchange), core: c}
}

// fill has in a connection's Mark when it was asked, or 0 if it does not owe an answer.
type fill struct {
	*Fill
	exchanges
	core    *engine.Core
	halting bool
}

// Connected implements engine.Rules.
func (f *fill) Connected(key uint32, now int64) {
	if f.Linger == 0 {
		f.core.LeaveLane(key)
	}
	f.core.Deadline(key, now+int64(min(cmp.Or(f.Linger, f.Patience), f.Patience)))
	f.core.Report(key, now, engine.NewsEstablished)
}

// Data implements engine.Rules.
func (f *fill) Data(key uint32, data []byte, now int64) {
	conn := f.core.Conn(key)
	if len(data) > 0 && conn.Received == int64(len(data)) {
		f.core.LeaveLane(key)
		f.core.Report(key, now, engine.NewsSpoke)
	}
	if conn.Mark == 0 {
		return
	}
	_, done, fault := f.take(key, data)
	switch {
	case fault.Class != class.None:
		f.forget(key)
		f.core.Fail(key, now, fault)
	case done:
		f.forget(key)
		f.core.Deadline(key, engine.Never)
		f.core.Report(key, now, engine.NewsEchoed).Reply = time.Duration(now - conn.Mark)
		conn.Mark = 0
	}
}

// Expired implements engine.Rules: the peer has not spoken first, or has not answered in its time.
func (f *fill) Expired(key uint32, seen int64) {
	f.core.LeaveLane(key)
	conn := f.core.Conn(key)
	if patience := conn.Since + int64(f.Patience); seen < patience {
		f.core.Deadline(key, patience)
		return
	}
	if f.exchanges.Payload == nil || conn.Mark != 0 {
		f.core.Report(key, seen, engine.NewsWaited)
		return
	}
	at, fault := f.send(key)
	if fault.Class != class.None && fault.Err != engine.ReasonNotSent { //nolint:errorlint // a value, not a chain
		f.Ended(key, fault, at)
		return
	}
	conn.Mark = at
	f.core.Deadline(key, at+int64(f.Patience))
}

// Writable implements engine.Rules.
func (f *fill) Writable(key uint32, _ int64) {
	if f.core.Conn(key).Left == 0 {
		return
	}
	if at, fault := f.goOn(key); fault.Class != class.None {
		f.Ended(key, fault, at)
	}
}

// Ended implements engine.Rules. A peer that closes or resets does not fail.
func (f *fill) Ended(key uint32, fault engine.Fault, now int64) {
	f.forget(key)
	if fault.Class != class.None && fault.Class != class.Reset {
		f.core.Fail(key, now, fault)
		return
	}
	f.core.PeerClosed(key, now, fault)
}

// Failed implements engine.Rules. Each slow failure has kept others from being dialed, so there is a bound to these.
func (f *fill) Failed(c engine.Claim, now int64) {
	if f.halting || f.Enough == 0 || now-c.Planned < int64(f.Slow) {
		return
	}
	f.failures.Add(1)
	f.halt(now)
}

// halt dials no more once there were enough slow failures. What is established stays.
func (f *fill) halt(now int64) {
	if f.Enough == 0 || f.core.Stopped() || f.failures.Load() < f.Enough {
		return
	}
	f.halting = true
	f.core.Stop(now, class.Aborted, class.None)
	f.halting = false
}

// TimeUp implements engine.Rules. It changes nothing for established connections: the time is for dialing.
func (f *fill) TimeUp(int64) {}

// Stop implements engine.Rules.
func (f *fill) Stop(now int64, end class.Class) {
	if f.halting {
		return
	}
	f.core.Each(func(key uint32) {
		f.forget(key)
		if end != class.None {
			f.core.Fail(key, now, engine.Fault{Class: end, Err: engine.ReasonHoldStopped})
			return
		}
		f.core.Complete(key, now)
	})
}

// Turn implements engine.Rules.
func (f *fill) Turn(now int64) (wake int64) {
	f.halt(now)
	return engine.Never
}
