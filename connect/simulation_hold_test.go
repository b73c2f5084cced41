package connect

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// hold makes the call a hold.
func (c *simulatedCall) hold(plan Plan) engine.NewRules {
	r := c.world.Random
	maybeRate(&plan, r)
	hp := HoldPlan{Plan: plan, Duration: time.Duration(1+r.IntN(2000)) * time.Millisecond}
	if r.IntN(3) > 0 {
		hp.Keepalive = time.Duration(30+r.IntN(500)) * time.Millisecond
	}
	hp = hp.withDefaults()
	if err := hp.validate(); err != nil {
		panic(err) // the plan is this test's
	}
	h := c.engine.newHold(hp)
	want := &simulatedWants[r.IntN(len(simulatedWants))]
	if h.rules.Any = r.IntN(2) == 0; h.rules.Any {
		want = &simulatedWant{right: texts("alive"), wrong: texts("also")}
		if h.job.Plan.Protocol == "udp" { // no name, which would be another host's
			want.wrong = texts("\xff")
		}
	}
	h.rules.Want = want.Want
	pause := hp.Keepalive // until an answer must have come
	if r.IntN(3) == 0 {
		h.rules.Patience = time.Duration(20+r.IntN(600)) * time.Millisecond
		pause = h.rules.Patience
	}
	if r.IntN(4) > 0 {
		c.stopAs = ClassNone
		if r.IntN(2) == 0 {
			c.cut = h.rules.Cut
		}
	}
	c.kind, c.plan, c.job, c.tally = "hold", &hp.Plan, h.job, h.tally
	patience := c.plan.ConnectTimeout
	segment, drain := max(0, r.IntN(8)-4), r.Int64N(1+int64(r.IntN(2))*int64(800*time.Millisecond))
	datagrams, room := c.job.Plan.Protocol == "udp", int64(1<<30)
	if r.IntN(3) == 0 {
		room = r.Int64N(20) // a target that closes what it has no room for, but greets it before
	}
	c.script = func(_ int64, s *simulated.Script) {
		*s = simulated.Script{Segment: segment, Drain: drain, Judge: want.judge}
		shake(r, s, patience)
		if c.ups.Now >= room {
			s.Greeting, s.End = []simulated.Said{{Data: more}}, 0
			return
		}
		if r.IntN(2) == 0 {
			want.greet(r, s, patience, datagrams)
		}
		leave(r, s, 2*time.Second)
		if r.IntN(5) > 0 {
			s.Answers = simulated.Answers{Any: want.says(r, true), Wrong: want.says(r, false), Delay: r.Int64N(int64(30 * time.Millisecond)), Pieces: r.IntN(4)}
			s.Answers.Early = segment > 0 && r.IntN(4) > 0
			if want.OneRead() {
				s.Answers.Pieces = 0
			}
			s.Full = max(0, r.IntN(30)-20)
			switch r.IntN(8) {
			case 0, 1:
				s.Answers.Until = 1 + r.IntN(5)
			case 2:
				s.Answers.SendFail = ClassReset
			case 3:
				s.Answers.SendFail = ClassNetUnreachable
			case 4:
				s.Answers.WrongAt = 1 + r.IntN(4)
			}
		}
	}
	type told struct {
		spoken, moved bool
		echoed        int
		host          string // that was told first
	}
	all, established := make([]told, hp.Connections), int64(0)
	c.truth = func(conn *simulated.Conn) (fate, error) {
		if h.rules.Any && all[conn.Number].moved {
			conn.LastHost = "alive" // which all answers are
		}
		return c.holdTruth(conn, &hp, h.rules.Any || want.Any(), int64(pause))
	}
	c.overdue = func(conn *simulated.Conn, seen int64) string {
		awaited := conn.SentFirst != 0
		switch {
		case conn.PeerEnded && !c.outlasts(conn, conn.EndFault):
			return "still established after the peer has ended it"
		case !awaited && seen >= c.job.Start()+int64(hp.Duration):
			return "still established after the duration, and owes no answer"
		case c.stopAt != 0 && (!awaited || c.cut != nil || c.stopAs != ClassNone):
			return "still established after the call was stopped"
		case hp.Keepalive == 0 || c.backlogged(conn):
		case awaited && seen >= conn.SentFirst+int64(pause):
			return "no answer to a keepalive in its time"
		case awaited && datagrams && seen >= conn.LastPacket+int64(hp.Keepalive):
			return "no further keepalive after one without an answer"
		case !awaited && seen >= max(conn.Established+int64(hp.Keepalive), conn.LastPacket+int64(hp.Keepalive), conn.LastAnswer):
			return "no keepalive in its time"
		}
		return ""
	}
	c.event = func(conn *simulated.Conn, o *Outcome) error {
		about := &all[o.Number]
		switch o.Event {
		case Established:
			established++
			return match(o.At == c.job.Since(conn.Established), "established at %v", c.job.Since(conn.Established))
		case Spoke:
			if about.spoken {
				return errors.New("it speaks first for the second time")
			}
			about.spoken, about.host = true, o.Host
			return match(conn.FirstData != nil, "it has said nothing")
		case Echoed:
			about.echoed++
			return match(o.Reply > 0 && hp.Keepalive > 0 && o.Reply <= pause+2*time.Second, "an answer in its time")
		case Moved:
			isFirst := !about.moved
			about.moved = true
			return match(datagrams && isFirst && conn.Answers > 0 && o.Host != "" && o.Reply > 0, "one host only to have answered a stream, or a move to have been told")
		}
		if o.Event == Named {
			about.host = o.Host
			return match(o.Host != "" && conn.Answers > 0, "a host that an answer has named")
		}
		return errors.New("not an event of a hold")
	}
	c.ended = func(conn *simulated.Conn, o *Outcome) error {
		answers := conn.Answers
		if answers > 0 && conn.Answered && !conn.Verdict.Right {
			answers--
		}
		return errors.Join(
			match(!datagrams || o.Host == cmp.Or(all[o.Number].host, o.Host) || all[o.Number].moved, "told of a move from %q", all[o.Number].host),
			match(all[o.Number].spoken == (conn.FirstData != nil), "told that it has spoken: %v", conn.FirstData != nil),
			match(all[o.Number].echoed == answers, "told of %d answers, but there were %d", all[o.Number].echoed, answers))
	}
	c.finish = func() error {
		close(h.ended)
		return c.holdResult(h.Result(), established)
	}
	return h.rules.New
}

// holdTruth is how a held connection must have ended. byFirst means that whatever it says first may be its name.
func (c *simulatedCall) holdTruth(conn *simulated.Conn, plan *HoldPlan, byFirst bool, patience int64) (fate, error) {
	if conn.Established == 0 {
		return c.dialTruth(conn, ClassAborted)
	}
	f := fate{connected: true, host: holdHost(conn, byFirst)}
	switch {
	case conn.Answers > 0 && conn.Answered && !conn.Verdict.Right:
		f.class = ClassBadReply
	case conn.EndedIn == simulated.Expiring && conn.SentFirst != 0 && conn.Ended >= conn.SentFirst+patience && c.outlasts(conn, conn.Rejected):
		f.class = conn.Rejected
	case conn.SendFault == ClassReset || conn.PeerEnded && (conn.EndFault == ClassNone || conn.EndFault == ClassReset):
		f.closed, f.class = true, conn.EndFault
		if conn.SendFault == ClassReset {
			f.class = conn.SendFault
		}
	case conn.SendFault != ClassNone && !c.outlasts(conn, conn.SendFault):
		f.class = conn.SendFault
	case conn.PeerEnded && !c.outlasts(conn, conn.EndFault):
		f.class = conn.EndFault
	case conn.EndedIn == simulated.Stopping && (conn.SentFirst == 0 || c.cut != nil || c.stopAs != ClassNone):
		if f.class = c.stopAs; f.class != ClassNone {
			f.why = ReasonHoldStopped
		}
	case conn.EndedIn == simulated.CheckingTime && conn.SentFirst == 0 && conn.SeenThen >= c.job.Start()+int64(plan.Duration):
	case conn.EndedIn == simulated.Delivering && conn.Answered && conn.Verdict.Right && (c.stopAt != 0 || conn.Ended >= c.job.Start()+int64(plan.Duration)): // the answer that it owed
	case conn.EndedIn == simulated.Expiring && conn.SentFirst != 0 && conn.Ended >= conn.SentFirst+patience:
		f.class, f.why = ClassNoReply, unanswered(conn.Begun, ReasonKeepalive)
	default:
		return f, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return f, nil
}

// outlasts reports whether a UDP flow goes on though something has been told of its datagrams: it has been answered before.
func (c *simulatedCall) outlasts(conn *simulated.Conn, told Class) bool {
	return c.job.Plan.Protocol == "udp" && conn.Received > 0 && (told == ClassHostUnreachable || told == ClassNetUnreachable)
}

// holdHost is the host that a connection's first data names, or its last answer that names one.
func holdHost(conn *simulated.Conn, byFirst bool) string {
	host := ""
	if byFirst {
		name, isWhole := names[string(conn.FirstData)]
		if host = name; !isWhole {
			if parsed, ok := reply.Parse(conn.FirstData); ok {
				host = string(parsed)
			}
		}
	}
	if conn.LastHost != "" && conn.LastHost != UnknownHost {
		host = conn.LastHost
	}
	return host
}

// holdResult checks what the hold says in the end.
func (c *simulatedCall) holdResult(r *HoldResult, established int64) error {
	classes := map[Class]int64{}
	var failedConnects, connected int64
	for _, f := range c.fates {
		if f.class != ClassNone && !f.closed {
			classes[f.class]++
		}
		if f.connected {
			connected++
		} else {
			failedConnects++
		}
	}
	if fmt.Sprint(r.Errors) != fmt.Sprint(classes) {
		return fmt.Errorf("errors %v, but they are %v", r.Errors, classes)
	}
	if r.EstablishedMax < r.EstablishedAtClose || r.EstablishedMax > r.EstablishedTotal {
		return fmt.Errorf("at most %d established, of %d, but %d at the end", r.EstablishedMax, r.EstablishedTotal, r.EstablishedAtClose)
	}
	return match(r.FailedConnects == failedConnects && r.EstablishedTotal == connected && connected == established && r.States.Total() == c.plan.Connections,
		"%d failed connects and %d established, but they are %d and %d (%d told)", r.FailedConnects, r.EstablishedTotal, failedConnects, connected, established)
}
