package connect

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// simulatedIdle is a search for the timeout of silent connections, and what is known of it as a whole.
type simulatedIdle struct {
	*simulatedCall
	call      *idleCall
	want      *simulatedWant
	end       simulated.IdleEnd
	timeout   time.Duration // the silence after which connections are forgotten
	delay     time.Duration // of answers, at most
	accidents int           // connections in a hundred to which something else happens
	spoilt    int64         // the only one to which it does, if accidents is 0; -1 is none
	greets    bool
	hasTime   bool // as much as it should need

	told         map[int64]*idleTold
	first        int64 // when the first connection was established
	alive        []int64
	dead         []int64          // silences that connections have survived, and those that they have not
	ends         []int64          // of these, those of connections that have ended by themselves
	ways         map[IdleHow]bool // in which they have ended
	spent        int64            // the shortest silence that was too long to learn from it
	lackingSince int64
	wasKnown     bool // that the timeout is, at some time
}

// idleTold is what was told of a connection, and what became of it.
type idleTold struct {
	answers int
	pending []idleAnswer // of which nobody has been told yet
	fate    fate
	conn    *simulated.Conn
}

// idleAnswer is a right answer.
type idleAnswer struct {
	at, took int64
	host     string
}

// idle makes the call a search for a timeout.
func (c *simulatedCall) idle(plan Plan) engine.NewRules {
	r := c.world.Random
	i := &simulatedIdle{simulatedCall: c, told: map[int64]*idleTold{}, ways: map[IdleHow]bool{}, first: simulated.Never, spent: simulated.Never}
	ip := i.randomPlan(r, plan)
	call, err := c.engine.newIdle(ip)
	if err != nil {
		panic(err) // the plan is this test's
	}
	i.call = call
	c.kind, c.plan, c.job, c.tally = "idle", &call.plan.Plan, call.job, call.tally
	longest := int64(max(call.plan.To, call.plan.Expect))
	i.timeout, i.end = time.Duration(1+r.Int64N(longest*3/2)), simulated.IdleEnd(r.IntN(4)) // #nosec G115 -- small
	if r.IntN(3) == 0 {                                                                     // about what was asked for: people know their devices
		about := []time.Duration{call.plan.From, call.plan.To, cmp.Or(call.plan.Expect, call.plan.From)}[r.IntN(3)]
		i.timeout = max(about+time.Duration(r.Int64N(3*i.slack(about)))-about/100, 1)
	}
	if plan.Network == "udp" {
		if i.end = simulated.IdleSwallows; i.want.Any() && r.IntN(2) == 0 { // else another host can't be told
			i.end = simulated.IdleMoves
		}
	}
	i.greets = r.IntN(3) == 0
	i.delay = []time.Duration{30 * time.Millisecond, 400 * time.Millisecond}[r.IntN(2)]
	i.accidents, i.spoilt = max(0, r.IntN(4)-1)*r.IntN(30), -1
	if i.accidents == 0 && r.IntN(2) == 0 {
		i.spoilt = r.Int64N(2 * plan.Connections)
	}
	c.script, c.lasts = i.scripted, 2*call.plan.To
	c.truth, c.overdue, c.event, c.ended, c.finish, c.looked = i.truth, i.overdue, i.event, i.gone, i.finish, i.looked
	c.answered = i.answered
	return call.rules.New
}

// randomPlan is that of a search.
func (i *simulatedIdle) randomPlan(r *rand.Rand, plan Plan) IdlePlan {
	plan.Connections, plan.Rate, plan.Timeout, plan.ConnectTimeout = 1+r.Int64N([]int64{4, 30, 30}[r.IntN(3)]), 0, 0, 0
	ip := IdlePlan{Plan: plan, From: time.Duration(200+r.IntN(2000)) * time.Millisecond}
	ip.To = ip.From + time.Duration(r.IntN([]int{2000, 20_000}[r.IntN(2)]))*time.Millisecond
	if r.IntN(3) == 0 {
		ip.Expect = time.Duration(200+r.IntN(20_000)) * time.Millisecond
	}
	if r.IntN(3) == 0 {
		ip.Precision = time.Duration(20+r.IntN(1000)) * time.Millisecond
	}
	if i.hasTime = r.IntN(6) > 0; !i.hasTime {
		ip.Timeout = time.Duration(1+r.IntN(20_000)) * time.Millisecond
	}
	if r.IntN(6) == 0 {
		ip.ConnectTimeout = time.Duration(100+r.IntN(3000)) * time.Millisecond
	}
	i.want = &simulatedWant{right: texts("alive"), wrong: texts("also")}
	if r.IntN(3) == 0 {
		i.want = &simulatedWants[r.IntN(len(simulatedWants))]
		ip.Reply = &i.want.Want
	}
	return ip
}

// scripted decides what happens to a connection.
func (i *simulatedIdle) scripted(number int64, s *simulated.Script) {
	r, datagrams := i.world.Random, i.job.Plan.Protocol == "udp"
	right := i.want.says(r, true)
	*s = simulated.Script{
		Handshake: r.Int64N(int64(10 * time.Millisecond)), End: simulated.Never, RTT: uint32(1 + r.IntN(1000)), Judge: i.judge(datagrams),
		Answers: simulated.Answers{Any: right, Delay: r.Int64N(int64(i.delay))},
		Idle:    int64(i.timeout), IdleEnd: i.end,
	}
	if datagrams {
		s.Answers.Moved = []byte("moved")
		if i.call.plan.Reply == nil && r.IntN(2) == 0 { // the same host, which sees another source
			s.Answers.Any, s.Answers.Moved = []byte("web-5\t192.0.2.7:1000"), []byte("web-5\t192.0.2.7:2000")
		}
	} else {
		s.Segment, s.Drain = max(0, r.IntN(100)-60), r.Int64N(int64(10*time.Millisecond))
		if !i.want.OneRead() {
			s.Answers.Pieces = r.IntN(4)
		}
		if i.greets { // in time, or what comes is taken for an answer
			s.Greeting = []simulated.Said{{After: r.Int64N(int64(150 * time.Millisecond)), Data: more}}
		}
		if r.IntN(4) == 0 {
			s.Bye = []byte("421 timeout")
		}
	}
	if r.IntN(100) < i.accidents || number == i.spoilt {
		i.accident(s)
	}
}

// judge is how an answer is judged. Over UDP, an answer that is not asked to be anything may name a host, too.
func (i *simulatedIdle) judge(datagrams bool) func(heard []byte) simulated.Verdict {
	if i.call.plan.Reply != nil {
		return i.want.judge
	}
	return func(heard []byte) simulated.Verdict {
		v := simulated.Verdict{Complete: true, Right: true}
		if datagrams {
			v.Host = names[string(heard)]
			_, v.Source, _ = strings.Cut(string(heard), "\t")
		}
		return v
	}
}

// accident is something else that happens to a connection.
func (i *simulatedIdle) accident(s *simulated.Script) {
	r := i.world.Random
	switch n := r.IntN(9); {
	case n == 0:
		shake(r, s, i.plan.ConnectTimeout)
	case n == 1:
		leave(r, s, time.Duration(1+r.Int64N(int64(i.call.plan.To))))
	case n == 2:
		s.Answers.Until = 1 + r.IntN(4)
	case n == 3:
		s.Answers.WrongAt, s.Answers.Wrong = 1+r.IntN(3), i.want.says(r, false)
	case n == 4:
		s.Answers.Any = nil
	case n == 5:
		s.Answers.SendFail = []Class{ClassReset, ClassHostUnreachable}[r.IntN(2)]
	case n == 6:
		s.Answers.CloseAt = 1 + r.IntN(3)
	case n == 7 && i.job.Plan.Protocol == "tcp":
		s.Greeting = []simulated.Said{{After: r.Int64N(int64(400 * time.Millisecond)), Data: more}}
	default:
		s.Full, s.Answers.Lose = r.IntN(4), r.IntN(4)
		s.Answers.Delay = r.Int64N(int64(time.Second))
	}
}

// isOver reports whether the search has ended, for a reason of its own.
func (i *simulatedIdle) isOver() bool {
	found := i.call.rules.Found()
	return found.Done || found.Control.Fault.Class != ClassNone
}

// isKnown reports whether the timeout may be known.
func (i *simulatedIdle) isKnown() bool {
	found := i.call.rules.Found()
	return found.Bounded || found.How == IdleNever
}

// rightAnswers is how many right answers a connection has given.
func rightAnswers(conn *simulated.Conn) int {
	if conn.Answers > 0 && conn.Answered && !conn.Verdict.Right {
		return conn.Answers - 1
	}
	return conn.Answers
}

// patience is how long a connection has to answer, at least and at most.
func (i *simulatedIdle) patience(conn *simulated.Conn) (least, most int64) {
	most = int64(i.plan.ConnectTimeout)
	switch {
	case rightAnswers(conn) == 0, i.call.rules.Patience > 0:
		return most, most
	}
	return min(int64(time.Second), most), most
}

const greetingTime = int64(200 * time.Millisecond)

func (i *simulatedIdle) overdue(conn *simulated.Conn, seen int64) string {
	_, patience := i.patience(conn)
	switch {
	case conn.PeerEnded:
		return "still established after the peer has ended it"
	case conn.Answered && conn.Answers > 0 && !conn.Verdict.Right, conn.Moved:
		return "still established after a wrong answer"
	case seen >= i.job.Start()+int64(i.plan.Timeout):
		return "still established after the time for the call"
	case i.backlogged(conn):
	case conn.SentFirst != 0 && seen >= conn.SentFirst+patience:
		return "no answer in its time"
	case conn.Packets+conn.NotTaken == 0 && seen >= conn.Established+greetingTime:
		return "not used in its time"
	}
	return ""
}

// event checks what is told of a connection that is open, or was.
func (i *simulatedIdle) event(conn *simulated.Conn, o *Outcome) error {
	told := i.toldOf(conn)
	switch o.Event {
	case Established:
		i.first = min(i.first, conn.Established)
		return match(o.At == i.job.Since(conn.Established), "established at %v", i.job.Since(conn.Established))
	case Echoed:
		told.answers++
		if len(told.pending) == 0 {
			return errors.New("there was no such answer")
		}
		want := told.pending[0]
		told.pending = told.pending[1:]
		return match(o.At == i.job.Since(want.at) && int64(o.Reply) == want.took && o.Host == want.host,
			"an answer at %v, after %v, of host %q", i.job.Since(want.at), time.Duration(want.took), want.host)
	}
	return errors.New("not an event of a search")
}

// answered takes note of an answer.
func (i *simulatedIdle) answered(conn *simulated.Conn) {
	if !conn.Verdict.Right {
		return
	}
	asked := conn.LastAnswer - conn.Took
	if i.job.Plan.Protocol == "tcp" && conn.Answers == 1 && conn.Established <= i.first && asked < conn.Established+greetingTime && conn.FirstTold > asked {
		i.world.Fail(fmt.Errorf("connection %d: used before the peer has had its time to speak first", conn.Number))
	}
	told := i.toldOf(conn)
	told.pending = append(told.pending, idleAnswer{conn.LastAnswer, conn.Took, conn.Verdict.Host})
	switch {
	case conn.Moved:
		i.dead = append(i.dead, conn.Silence)
	case conn.Answers > 1:
		i.alive = append(i.alive, conn.Silence)
	}
}

func (i *simulatedIdle) toldOf(conn *simulated.Conn) *idleTold {
	told := i.told[conn.Number]
	if told == nil {
		told = &idleTold{conn: conn}
		i.told[conn.Number] = told
	}
	return told
}

// gone checks that all was told.
func (i *simulatedIdle) gone(conn *simulated.Conn, _ *Outcome) error {
	told := i.toldOf(conn)
	told.fate = i.fates[len(i.fates)-1]
	return match(told.answers == rightAnswers(conn), "told of %d answers, but there were %d", told.answers, rightAnswers(conn))
}

// truth is how a connection of a search must have ended.
func (i *simulatedIdle) truth(conn *simulated.Conn) (fate, error) {
	if conn.Established == 0 {
		return i.dialTruth(conn, ClassNone)
	}
	f, works := fate{connected: true}, rightAnswers(conn) > 0
	least, _ := i.patience(conn)
	timeUp := conn.SeenThen >= i.job.Start()+int64(i.plan.Timeout)
	switch {
	case conn.Moved:
		f.class, f.why = ClassBadReply, ReasonElsewhere
	case conn.Answers > 0 && conn.Answered && !conn.Verdict.Right:
		f.class = ClassBadReply
	case conn.SendFault != ClassNone:
		f.class, f.closed = conn.SendFault, works && conn.SendFault == ClassReset
	case conn.PeerEnded && works:
		f.class, f.closed = conn.EndFault, conn.EndFault == ClassNone || conn.EndFault == ClassReset
	case conn.PeerEnded && conn.EndFault == ClassNone:
		f.class, f.why = ClassClosed, ReasonClosedUnanswered
	case conn.PeerEnded:
		f.class = conn.EndFault
	case conn.EndedIn == simulated.Stopping, conn.EndedIn == simulated.CheckingTime && timeUp:
		return f, nil
	case conn.EndedIn == simulated.Delivering && conn.Packets == 0 && i.world.Now() >= i.job.Start()+int64(i.plan.Timeout): // another core has seen that first
		return f, nil
	case conn.EndedIn == simulated.Expiring && conn.SentFirst != 0 && conn.Ended >= conn.SentFirst+least && works:
		f.class, f.why = ClassNoReply, ReasonForgotten
	case conn.EndedIn == simulated.Expiring && conn.SentFirst != 0 && conn.Ended >= conn.SentFirst+least:
		f.class, f.why = ClassNoReply, ReasonNoAnswer
	default:
		return f, i.completed(conn)
	}
	if works {
		i.isDead(conn)
		i.ways[wayOf(f)] = true
	}
	return f, nil
}

// wayOf is in which way a connection ended that was used after a silence.
func wayOf(f fate) IdleHow {
	switch {
	case f.class == ClassNone, f.class == ClassBadReply && f.why == nil:
		return IdleFIN
	case f.class == ClassBadReply, f.class == ClassNoReply:
		return IdleSilently
	}
	return IdleRST
}

// isDead takes note of the silence that a connection has not survived.
func (i *simulatedIdle) isDead(conn *simulated.Conn) {
	switch {
	case conn.Moved: // its answer has told
	case conn.SentFirst != 0 || conn.Answered && !conn.Verdict.Right || conn.SendFault != ClassNone:
		i.dead = append(i.dead, conn.Silence)
		if conn.SendFault != ClassNone {
			i.dead = append(i.dead, conn.Ended-conn.LastTold)
		}
	default: // by itself, maybe after some last words
		i.ends = append(i.ends, conn.Ended-conn.LastTold, conn.Gap)
		i.dead = append(i.dead, conn.Ended-conn.LastTold, conn.Gap)
	}
}

// completed checks that a connection which was well was not needed any more.
func (i *simulatedIdle) completed(conn *simulated.Conn) error {
	datagrams := i.job.Plan.Protocol == "udp"
	switch {
	case i.isOver(): // in the next look, or when it has just been established
		return match(conn.EndedIn == simulated.Dialing || conn.EndedIn == simulated.Delivering && conn.Packets == 0 || datagrams && rightAnswers(conn) > 1, "an end when all is known")
	case conn.EndedIn == simulated.Delivering && datagrams && rightAnswers(conn) > 1:
		return nil // each silence is a flow of its own
	case conn.EndedIn == simulated.Dialing && i.call.plan.Expect > 0 && (i.wasKnown || i.isKnown()):
		return nil // all was known but what is expected, which may since have shown that it was not
	case conn.EndedIn == simulated.Dialing && rightAnswers(conn) > 0:
		i.spent = min(i.spent, conn.Ended-conn.LastTold) // silent for too long to learn from it
		return nil
	}
	return fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
}

// isDetermined reports whether nothing but the timeout has happened, or something to one connection, so that the search must have found it.
func (i *simulatedIdle) isDetermined() bool {
	for _, t := range i.plan.Targets {
		if t.Err != nil {
			return false
		}
	}
	const enough = 8 // connections, to tell a flow that has moved from one that gets the same host by chance
	if i.end == simulated.IdleMoves && i.plan.Connections < enough {
		return false
	}
	if i.spoilt >= 0 && i.spoilt == i.call.rules.Found().Control.Number {
		return false
	}
	return i.accidents == 0 && int64(i.timeout) > 2*greetingTime && !i.pauses && !i.scarce && i.stopAt == 0 && i.hasTime && i.call.rules.Patience == 0
}

// looked checks that all connections are of use: what has ended is made again, and so is what has been silent for too long.
func (i *simulatedIdle) looked(d *simulated.Driver) error {
	i.wasKnown = i.wasKnown || i.isKnown()
	if err := i.useless(d); err != nil {
		return err
	}
	var open int64
	room := true
	for _, d := range i.drivers {
		open += d.Dialing + d.Established
		room = room && d.Dialing < int64(d.Lanes) && !d.More
	}
	if !room || open >= i.plan.Connections || i.spoilt >= 0 || !i.isDetermined() || i.call.plan.Expect > 0 || i.isOver() || !i.call.rules.Found().Control.Answered {
		i.lackingSince = 0
		return nil
	}
	if i.lackingSince == 0 {
		i.lackingSince = i.world.Now()
	}
	return match(i.world.Now() < i.lackingSince+int64(time.Millisecond), "%d connections, but there are %d since %v", i.plan.Connections, open, time.Duration(i.world.Now()-i.lackingSince))
}

// useless finds a connection that is kept although it has been silent for longer than any can be, and none is used that may refute that.
func (i *simulatedIdle) useless(d *simulated.Driver) error {
	found := i.call.rules.Found()
	if !found.Bounded || i.end <= simulated.IdleResets || i.accidents > 0 || i.pauses || i.isOver() {
		return nil
	}
	inUse := false
	for _, of := range i.drivers {
		of.Each(func(conn *simulated.Conn) { inUse = inUse || conn.SentFirst != 0 && conn.Answers > 0 })
	}
	most := int64(found.AtMost) + i.slack(found.AtMost)
	if len(i.drivers) > 1 {
		const poll = 50 * time.Millisecond // so often a core looks what the others have found out
		most += int64(poll)
	}
	var err error
	d.Each(func(conn *simulated.Conn) {
		if silence := i.world.Now() - conn.LastTold; !inUse && rightAnswers(conn) > 0 && silence > most {
			err = fmt.Errorf("connection %d is kept after a silence of %v, although %v is too long", conn.Number, time.Duration(silence), found.AtMost)
		}
	})
	return err
}

// finish checks what the search has found.
func (i *simulatedIdle) finish() error {
	r := i.call.tally.result(i.call)
	classes, failedConnects := map[Class]int64{}, int64(0)
	for _, f := range i.fates {
		if f.class != ClassNone && !f.closed {
			classes[f.class]++
		}
		if !f.connected {
			failedConnects++
		}
	}
	err := errors.Join(
		match(fmt.Sprint(r.Errors) == fmt.Sprint(classes), "errors %v, but they are %v", r.Errors, classes),
		match(r.FailedConnects == failedConnects && r.Dialed == int64(len(i.fates)), "%d failed connects of %d, but they are %d of %d", r.FailedConnects, r.Dialed, failedConnects, len(i.fates)),
		i.control(r), i.expected(r), i.seen(r), i.determined(r))
	if err != nil {
		return fmt.Errorf("silences from %v to %v, %v and %v, of which %v is too long (%d); found %v to %v, %q, %+v: %w",
			r.From, r.To, i.call.plan.Expect, i.call.plan.Precision, i.timeout, i.end, r.AtLeast, r.AtMost, r.How, r.Control, err)
	}
	return nil
}

// control checks what is told of the connection that was used at once.
func (i *simulatedIdle) control(r *IdleResult) error {
	found := i.call.rules.Found().Control
	told := i.told[found.Number]
	switch {
	case i.first == simulated.Never:
		return match(!r.Control.Answered && r.Control.Error == ClassNone && !r.Finished, "no control connection, as none was established")
	case told == nil || told.conn.Established != i.first:
		return fmt.Errorf("connection %d is the control connection, but it is not the first one", found.Number)
	case told.answers > 0:
		return match(r.Control.Answered && r.Control.Error == ClassNone, "the control connection to have answered")
	}
	const pauses = 4 * time.Second
	ended := i.job.Since(told.conn.Ended)
	return errors.Join(
		match(!r.Control.Answered && r.Control.Error == told.fate.class, "the control connection to have failed with %q", told.fate.class),
		match(told.fate.class == ClassNone || i.job.Length() <= ended+i.plan.ConnectTimeout+pauses, "an end soon after that of the control connection, at %v, but it was at %v", ended, i.job.Length()))
}

// expected checks what is told of the connection that was silent for as long as should be well.
func (i *simulatedIdle) expected(r *IdleResult) error {
	if r.Expected == nil || r.Expected.How == IdleUnknown {
		return match(r.Expected == nil || r.Expected.Measured == 0, "nothing measured")
	}
	among := i.dead
	if r.Expected.How == IdleNever {
		among = i.alive
	}
	return match(isAmong(r.Expected.Measured, among, 1), "a silence of %v, but they were %v", r.Expected.Measured, among)
}

// seen checks that the result says nothing but what was seen.
func (i *simulatedIdle) seen(r *IdleResult) error {
	if (r.AtMost == nil) != (r.Timeout == nil) || r.Finished && !r.Control.Answered {
		return fmt.Errorf("a timeout if there is a bound: %v to %v, finished: %v", r.AtLeast, r.AtMost, r.Finished)
	}
	if r.How == IdleNever {
		longest := slices.Max(append(i.ends, append(i.alive, 0)...))
		return match(r.AtMost == nil && r.AtLeast == r.To && longest >= int64(r.To)-i.slack(r.To), "one to be alive after %v, but none was longer than %v", r.To, time.Duration(longest))
	}
	if r.AtMost == nil {
		return match(r.How == IdleUnknown && (r.AtLeast == 0 || i.wasSeen(r.AtLeast)), "alive after %v (%s), but connections were after %v", r.AtLeast, r.How, i.alive)
	}
	return errors.Join(
		match(i.spent == simulated.Never || slices.Min(append(i.dead, simulated.Never)) <= i.spent+i.slack(time.Duration(i.spent)), "only silences that are too long to be given up, but one was %v", time.Duration(i.spent)),
		match(r.AtLeast <= *r.AtMost && *r.Timeout == (r.AtLeast+*r.AtMost)/2, "%v between %v and %v", *r.Timeout, r.AtLeast, *r.AtMost),
		match(i.ways[r.How], "one of the ways %v to end, but %q", i.ways, r.How),
		match(r.AtLeast == 0 || i.wasSeen(r.AtLeast), "alive after %v, but connections were after %v, and not after %v", r.AtLeast, i.alive, i.dead),
		match(isAmong(*r.AtMost, i.dead, i.slack(*r.AtMost)), "forgotten after %v, but connections were after %v", *r.AtMost, i.dead))
}

// wasSeen reports whether a connection has survived a silence, or has ended by itself right after it.
func (i *simulatedIdle) wasSeen(silence time.Duration) bool {
	return isAmong(silence, i.alive, i.slack(silence)) || isAmong(silence, i.dead, i.slack(silence))
}

// slack is how far silences may be from what was asked for.
func (i *simulatedIdle) slack(silence time.Duration) int64 {
	precision := int64(i.call.plan.Precision)
	if precision == 0 {
		precision = int64(silence) / 20
	}
	return max(precision/3, int64(3*time.Millisecond))
}

func isAmong(silence time.Duration, all []int64, slack int64) bool {
	for _, of := range all {
		if d := int64(silence) - of; -slack <= d && d <= slack {
			return true
		}
	}
	return false
}

// determined checks the timeout if nothing else has happened.
func (i *simulatedIdle) determined(r *IdleResult) error {
	if !i.isDetermined() {
		return nil
	}
	precision := 3 * time.Duration(i.slack(max(i.timeout, i.call.plan.From)))
	const grace = 100 * time.Millisecond // in which the connection is used, and answered
	switch {
	case !r.Finished:
		return fmt.Errorf("the search has not ended, although there was time: %v to %v", r.AtLeast, r.AtMost)
	case i.timeout > r.To+precision+grace:
		return match(r.How == IdleNever && r.AtLeast == r.To, "no timeout up to %v, but it is %v to %v, %s", r.To, r.AtLeast, r.AtMost, r.How)
	case i.timeout > r.To-precision-grace:
		return nil // either
	case i.timeout < r.From+precision && r.AtLeast == 0:
		return match(r.AtMost != nil && *r.AtMost >= i.timeout-grace && *r.AtMost <= r.From+precision+grace, "a timeout of about %v, but at most %v", r.From, r.AtMost)
	case i.timeout < r.From:
		return match(r.AtMost != nil && *r.AtMost <= r.From+precision, "a timeout below %v, but at most %v", r.From, r.AtMost)
	}
	how := map[simulated.IdleEnd]IdleHow{simulated.IdleCloses: IdleFIN, simulated.IdleResets: IdleRST, simulated.IdleRejects: IdleRST}[i.end]
	if how == IdleUnknown {
		how = IdleSilently
	}
	return errors.Join(
		match(r.How == how, "connections to end by %s, but %s", how, r.How),
		match(r.AtMost != nil && r.AtLeast <= i.timeout+grace && *r.AtMost >= i.timeout-grace && *r.AtMost-r.AtLeast <= precision+grace, "a timeout of %v, but it is %v to %v", i.timeout, r.AtLeast, r.AtMost))
}
