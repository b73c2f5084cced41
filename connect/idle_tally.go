package connect

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// idleTally adds up what becomes of the connections of a search for the timeout.
type idleTally struct {
	tally
	reply   stats.Times
	failed  map[int64]Failure // connections that did not answer; the control connection is one of the first
	control int64             // its number is below this
}

func newIdleTally(plan *IdlePlan) *idleTally {
	return &idleTally{
		tally: newTally(&plan.Plan, stats.MaxTimes), reply: stats.Times{Limit: stats.MaxTimes}, failed: map[int64]Failure{}, control: plan.Connections,
	}
}

func (t *idleTally) add(batch []Outcome) {
	for i := range batch {
		o := &batch[i]
		switch {
		case o.Event == Established:
			t.dialEnded(o)
		case o.Event == Echoed:
			t.reply.Add(o.Reply)
		case o.Event != Ended:
		case !o.Connected:
			t.dialEnded(o)
			t.fail(o)
		case o.Class != ClassNone && !o.Closed:
			t.fail(o)
			if o.Number < t.control {
				t.failed[o.Number] = t.plan.failure(o)
			}
		}
	}
}

func (t *idleTally) result(c *idleCall) *IdleResult {
	found := c.rules.Found()
	states := c.job.Counters.States()
	r := &IdleResult{
		How: found.How, AtLeast: found.AtLeast, Finished: found.Done, Spoken: found.Spoken, Early: found.Early,
		Connections: c.plan.Connections, Dialed: states.Total() - states.NotInitiated,
		Control:        IdleControl{Answered: found.Control.Answered, Time: found.Control.Time, Host: found.Control.Host},
		FailedConnects: t.failedConnects, States: states, Errors: t.byClass(), First: t.firsts(),
		StartTime: loop.Time(c.job.Start()), TimeLimit: c.plan.Timeout, Duration: c.job.Length(),
		ConnectTime: t.connect.Summary(), ReplyTime: t.reply.Summary(), ErrorTime: t.error.Summary(), RTT: t.rtt.Summary(),
		SYNRetransmits: t.synRetransmits,
		From:           c.plan.From, To: c.plan.To, Precision: c.plan.Precision,
	}
	r.OnlyOnce = found.How == rules.HowSilently && found.AtLeast == 0 && c.plan.Reply == nil && c.plan.Protocol() != "udp"
	r.AtOnce = found.Bounded && found.How != rules.HowSilently && found.AtMost < min(c.plan.From, atOnce)
	if fault := found.Control.Fault; fault.Class != class.None {
		failure := t.failed[found.Control.Number]
		r.Control.Error, r.Control.Failure, r.Control.Message = fault.Class, &failure, failure.Error()
	}
	if found.Bounded {
		r.AtMost, r.Timeout = atMost(&found), new(found.AtLeast+(found.AtMost-found.AtLeast)/2)
	}
	if c.plan.Expect > 0 {
		r.Expected = &IdleExpected{Silence: c.plan.Expect, Measured: found.Expected.Silence, How: found.Expected.How}
	}
	return r
}

// atOnce is how soon after an answer a connection ends if the peer wanted to give that answer only. No idle timeout is so short.
const atOnce = 100 * time.Millisecond

// atMost is the silence that is known to be too long, nil if none is.
func atMost(f *rules.Found) *time.Duration {
	if !f.Bounded {
		return nil
	}
	return new(f.AtMost)
}
