package connect

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// simulatedFill is a step of a search for a target's capacity, and what is known of it as a whole.
type simulatedFill struct {
	*simulatedCall
	rules *rules.Fill
	step  *step
	want  *simulatedWant
	told  []fillTold

	served  int64 // connections that were, while they lasted
	slow    int64 // dials that have failed slowly
	halted  map[*simulated.Driver]bool
	greeted map[int]bool // targets that have spoken first
	reached map[int]bool // targets to which a connection was established

	again *rules.Again // asks once more, at the end, what has answered; nil does not
	heard int64        // when the last answer to that came, or it began
}

// fillTold is what was told of a connection.
type fillTold struct {
	spoken, waited bool
	again          bool  // it is asked once more
	asked          int64 // when it was asked before
	heard          int64 // when any connection had answered once more, at its end
	echoes         int
	answers        [2]fillAnswer
	lateSince      int64 // since when it is overdue that it has had its time
}

// fillAnswer is when an answer came, and how long it took.
type fillAnswer struct{ at, took int64 }

// fill makes the call a step of capacity().
func (c *simulatedCall) fill(plan Plan) engine.NewRules {
	r := c.world.Random
	f := &simulatedFill{simulatedCall: c, halted: map[*simulated.Driver]bool{}, greeted: map[int]bool{}, reached: map[int]bool{}}
	if r.IntN(2) == 0 {
		plan.Payload = []byte("PING\r\n")
	}
	maybeRate(&plan, r)
	if plan.Rate > 0 {
		for i := range plan.Targets { // a connection that is rejected later than it was planned would count as slow
			plan.Targets[i] = Target{Name: plan.Targets[i].Name, Addr: simulatedAddr}
		}
	}
	plan = plan.withDefaults()
	f.rules = &rules.Fill{
		Exchange: exchange(&plan), Patience: time.Duration(30+r.IntN(500)) * time.Millisecond,
		Linger: time.Duration(r.IntN(3)*r.IntN(300)) * time.Millisecond, Slow: time.Duration(1+r.IntN(400)) * time.Millisecond,
	}
	if r.IntN(2) == 0 {
		f.rules.Enough = int64(plan.Concurrency)
	}
	f.want = &simulatedWants[r.IntN(len(simulatedWants))]
	if f.rules.Any = r.IntN(2) == 0; f.rules.Any {
		f.want = &simulatedWant{right: texts("alive"), wrong: texts("also")}
	}
	f.rules.Want = f.want.Want
	f.step = newStep(&plan, false)
	f.step.job = c.engine.newJob(&plan, func(p *engine.Plan) { p.Keeps = true })
	f.told = make([]fillTold, plan.Connections)
	c.kind, c.plan, c.job, c.tally = "fill", &plan, f.step.job, f.step
	c.lasts, c.endless, c.stopAs = 3*time.Second, true, []Class{ClassNone, ClassNone, ClassAborted}[r.IntN(3)]
	if f.asks() && plan.Protocol() == "tcp" && r.IntN(2) == 0 {
		f.again = &rules.Again{Patience: time.Duration(20+r.IntN(300)) * time.Millisecond}
		c.cut = f.askAgain
	}
	c.answered = f.hasAnswered
	c.script = f.scripts()
	c.busy, c.halts, c.over, c.lacked, c.looked = f.busy, f.halts, f.over, f.lacked, f.looked
	c.truth, c.overdue, c.event, c.ended, c.finish = f.truth, f.overdue, f.event, f.ended, f.finish
	return f.rules.New
}

// scripts decides what the target is like, and with that what happens to connections.
func (f *simulatedFill) scripts() func(_ int64, s *simulated.Script) {
	r := f.world.Random
	segment, datagrams, greets := max(0, r.IntN(8)-4), f.job.Plan.Protocol == "udp", r.IntN(2) == 0
	room, full := int64(1<<30), r.IntN(4)
	if r.IntN(2) == 0 {
		room = r.Int64N(30)
	}
	return func(_ int64, s *simulated.Script) {
		*s = simulated.Script{Segment: segment, Judge: f.want.judge}
		shake(r, s, f.plan.ConnectTimeout)
		if f.ups.Now >= room {
			switch full {
			case 0: // it closes what it has no room for
				s.End = 0
				return
			case 1: // its kernel takes no more
				s.Handshake = simulated.Never
				return
			case 2: // its kernel takes them, but nobody serves them
				return
			default:
				s.Refused = ClassRefused
				return
			}
		}
		if greets {
			f.want.greet(r, s, f.plan.ConnectTimeout, datagrams)
		}
		leave(r, s, 2*time.Second)
		if r.IntN(5) > 0 {
			f.answers(s)
		}
	}
}

// answers decides how a peer answers.
func (f *simulatedFill) answers(s *simulated.Script) {
	r := f.world.Random
	s.Answers = simulated.Answers{Any: f.want.says(r, true), Wrong: f.want.says(r, false), Delay: r.Int64N(int64(time.Second)), Pieces: r.IntN(4)}
	if f.want.OneRead() {
		s.Answers.Pieces = 0
	}
	s.Full = max(0, r.IntN(30)-20)
	switch r.IntN(8) {
	case 0:
		s.Answers.SendFail = ClassReset
	case 1:
		s.Answers.WrongAt = 1
	case 2:
		s.Answers.CloseAt = 1
	}
}

// lingers reports whether a connection keeps others from being dialed, since the peer may yet speak.
func (f *simulatedFill) lingers(conn *simulated.Conn, seen int64) bool {
	return conn.Established != 0 && conn.FirstData == nil && seen < conn.Established+int64(min(f.rules.Linger, f.rules.Patience))
}

// busy is how many established connections have a lane. exactly is false if there may be more, whose deadlines have not been told.
func (f *simulatedFill) busy(d *simulated.Driver) (n int64, exactly bool) {
	if f.rules.Linger == 0 {
		return 0, true
	}
	d.Each(func(conn *simulated.Conn) {
		if f.lingers(conn, d.Seen) {
			n++
		}
	})
	return n, !d.More
}

// over takes note of dials that have failed slowly, and of those that are given up since enough have.
func (f *simulatedFill) over(conn *simulated.Conn) {
	f.told[conn.Number].heard = f.heard
	if f.halts() && conn.Driver().Core.Stopped() {
		conn.Told = 1
	}
	if conn.Established == 0 {
		f.failed(conn.Number, conn.Dialed)
	}
}

// lacked takes note of a dial that found no descriptor.
func (f *simulatedFill) lacked(number int64) { f.failed(number, f.world.Now()) }

// failed takes note of a dial that has failed, if it was slow. Time counts from when it was planned.
func (f *simulatedFill) failed(number, dialed int64) {
	planned := dialed
	if f.plan.Rate > 0 {
		planned = f.job.Start() + int64(engine.Seconds(float64(number)/f.plan.Rate))
	}
	if f.world.Now()-planned >= int64(f.rules.Slow) {
		f.slow++
	}
}

// halts reports whether enough dials have failed slowly, so that no more is dialed.
func (f *simulatedFill) halts() bool { return f.rules.Enough > 0 && f.slow >= f.rules.Enough }

// looked checks that a driver which knows that enough dials have failed begins no more.
func (f *simulatedFill) looked(d *simulated.Driver) error {
	if f.halted[d] && (d.Dials > 0 || d.Dialing > 0) {
		return errors.New("it goes on to dial, although enough dials have failed slowly")
	}
	f.halted[d] = f.halts()
	return nil
}

// askAgain makes the call's end ask those that have answered once more.
func (f *simulatedFill) askAgain() {
	f.rules.Again(f.again)
	f.heard = f.world.Now()
	for _, d := range f.drivers {
		d.Each(func(conn *simulated.Conn) {
			if f.stopAs == ClassNone && conn.Answers > 0 {
				f.told[conn.Number].again, f.told[conn.Number].asked = true, conn.LastPacket
			}
		})
	}
}

// hasAnswered takes note of an answer.
func (f *simulatedFill) hasAnswered(conn *simulated.Conn) {
	told := &f.told[conn.Number]
	if told.again && conn.Verdict.Right {
		f.heard = f.world.Now()
	}
	if conn.Answers <= len(told.answers) {
		told.answers[conn.Answers-1] = fillAnswer{conn.LastAnswer, conn.Took}
	}
}

func (f *simulatedFill) asks() bool { return f.rules.Payload != nil }

func (f *simulatedFill) overdue(conn *simulated.Conn, seen int64) string {
	told, due := &f.told[conn.Number], conn.Established+int64(f.rules.Patience)
	isAsked := conn.Packets+conn.NotTaken > 0
	switch {
	case conn.PeerEnded:
		return "still established after the peer has ended it"
	case conn.Answers > 0 && !conn.Verdict.Right:
		return "still established after a wrong answer"
	case told.again && conn.Answers > 1:
		return "still established after it has answered again"
	case told.again && !f.backlogged(conn) && seen >= max(f.heard, conn.LastPacket)+int64(f.again.Patience):
		return "still established after its time to answer again"
	case f.stopAt != 0 && !told.again:
		return "still established after the call was stopped"
	case f.backlogged(conn) || told.waited || told.echoes > 0 || conn.Answers > 0:
		return ""
	case f.asks() && !isAsked && seen >= due:
		return "not asked in its time"
	case f.asks():
		due = max(due, conn.LastPacket) + int64(f.rules.Patience)
	}
	switch together := int64(100 * time.Millisecond); { // outcomes travel together
	case seen < due:
	case told.lateSince == 0:
		told.lateSince = seen
	case seen > told.lateSince+together:
		return "nobody was told that it has had its time"
	}
	return ""
}

// event checks what is told of a connection that is open, or was.
func (f *simulatedFill) event(conn *simulated.Conn, o *Outcome) error {
	told, at, target := &f.told[o.Number], f.job.Start()+int64(o.At), f.job.TargetOf(o.Number)
	switch o.Event {
	case Established:
		f.reached[target] = true
		return match(at == conn.Established, "established at %v", f.job.Since(conn.Established))
	case Spoke:
		if !f.asks() && !told.spoken {
			f.served++
		}
		f.greeted[target] = true
		again := told.spoken
		told.spoken = true
		return match(!again && conn.FirstData != nil && at == conn.FirstTold, "its first words, once, at %v", f.job.Since(conn.FirstTold))
	case Echoed:
		if told.echoes++; told.echoes == 1 {
			f.served++
		}
		if told.echoes > min(conn.Answers, len(told.answers)) || told.echoes == 2 && !told.again {
			return fmt.Errorf("%d answers were told, but %d came", told.echoes, conn.Answers)
		}
		answer := told.answers[told.echoes-1]
		return match(at == answer.at && int64(o.Reply) == answer.took, "an answer at %v, after %v", f.job.Since(answer.at), time.Duration(answer.took))
	case Waited:
		due, asked := conn.Established+int64(f.rules.Patience), conn.LastPacket
		if told.again {
			asked = told.asked
		}
		if f.asks() {
			due = asked + int64(f.rules.Patience)
		}
		again := told.waited || told.echoes > 0
		told.waited = true
		return match(!again && at >= due && (!f.asks() || asked >= conn.Established+int64(f.rules.Patience)), "its time to be over at %v, once", f.job.Since(due))
	}
	return errors.New("not an event of a step")
}

// ended checks that all was told.
func (f *simulatedFill) ended(conn *simulated.Conn, o *Outcome) error {
	told := f.told[o.Number]
	if told.echoes > 0 || told.spoken && !f.asks() {
		f.served--
	}
	answers := conn.Answers
	if answers > 0 && !conn.Verdict.Right {
		answers--
	}
	return errors.Join(
		match(told.spoken == (conn.FirstData != nil), "told that it has spoken: %v", conn.FirstData != nil),
		match(told.echoes == answers || !f.asks(), "%d right answers", answers))
}

// truth is how a connection of a step must have ended.
func (f *simulatedFill) truth(conn *simulated.Conn) (fate, error) {
	if conn.Established == 0 {
		if conn.Told > 0 && conn.DialFault == ClassNone && conn.EndedIn != simulated.Stopping && conn.EndedIn != simulated.CheckingTime {
			return fate{class: ClassAborted, why: ReasonStopped}, nil
		}
		return f.dialTruth(conn, ClassNone)
	}
	t, told := fate{connected: true}, &f.told[conn.Number]
	switch {
	case conn.Answers > 0 && !conn.Verdict.Right:
		t.class = ClassBadReply
	case conn.SendFault != ClassNone:
		t.closed, t.class = true, conn.SendFault
	case conn.PeerEnded && (conn.EndFault == ClassNone || conn.EndFault == ClassReset):
		t.closed, t.class = true, conn.EndFault
	case conn.PeerEnded:
		t.class = conn.EndFault
	case told.again && conn.Answers == 1 && conn.EndedIn == simulated.Expiring:
		if t.class, t.why = ClassNoReply, ReasonForgotten; conn.Begun {
			t.why = ReasonUnfinished
		}
		due := max(told.heard, conn.LastPacket) + int64(f.again.Patience)
		return t, match(conn.Ended >= due, "asked again until %v", f.job.Since(due))
	case told.again && conn.Answers == 2:
	case conn.EndedIn == simulated.Stopping && !told.again:
		if t.class = f.stopAs; t.class != ClassNone {
			t.why = ReasonHoldStopped
		}
	default:
		return t, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return t, nil
}

// finish checks what the step says, and the limit that follows.
func (f *simulatedFill) finish() error {
	st, want := f.step, evidence{errors: map[Class]int64{}, first: map[Class]Failure{}, local: map[Class]int64{}, protocol: f.plan.Protocol()}
	for _, t := range f.fates {
		switch {
		case t.closed:
			want.closed++
		case t.class != ClassNone:
			want.errors[t.class]++
			want.local[t.class]++
		}
		if t.connected || t.class == ClassNone {
			continue
		}
		want.failed++
		switch {
		case t.class == ClassTimeout && !errors.Is(t.why, ReasonTimeUp):
			want.dials.inVain++
			want.dials.total++
		case t.class == ClassRefused, t.class == ClassHostUnreachable:
			want.dials.total++
		}
	}
	got := evidence{errors: map[Class]int64{}, first: map[Class]Failure{}, local: map[Class]int64{}, protocol: f.plan.Protocol()}
	st.addTo(&got, false)
	want.passed = got.passed
	return errors.Join(
		match(st.due == 0 && got.established == 0 && got.served == 0 && f.served == 0, "nothing left, but %d open, %d due, %d served", got.established, st.due, got.served),
		match(got.closed == want.closed && got.failed == want.failed && got.dials.total == want.dials.total && got.dials.inVain == want.dials.inVain && fmt.Sprint(got.errors) == fmt.Sprint(want.errors),
			"%d closed, %d failed connects, %v of the target, errors %v; but they are %d, %d, %v, %v", got.closed, got.failed, got.dials, got.errors, want.closed, want.failed, want.dials, want.errors),
		match(st.isGreeted() == f.isGreeted(), "it greets: %v", f.isGreeted()),
		match(got.limit() == want.limit(), "limit %s, but it is %s", got.limit(), want.limit()))
}

// isGreeted reports whether all targets that were reached have spoken first.
func (f *simulatedFill) isGreeted() bool {
	for target := range f.reached {
		if !f.greeted[target] {
			return false
		}
	}
	return len(f.reached) > 0
}
