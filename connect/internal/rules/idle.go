package rules

import (
	"bytes"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Idle uses connections after they have been silent for so long, and finds out for how long they may be. Each is used once before, so that
// one that never works is not taken for one that was forgotten. Over UDP each silence is a flow of its own, as long as new ones are
// answered: connection tracking treats flows that go on in another way.
type Idle struct {
	Exchange
	From, To  time.Duration // silences that are tried
	Precision time.Duration // 0 is 5 % of the result
	Expect    time.Duration // one connection is silent for exactly so long; 0 is none
	Patience  time.Duration // until a silent connection must have answered; 0 is what answers have taken, and some more

	mu      sync.Mutex // for all that follows, which the cores share
	search  search
	probes  []*probe
	version int   // of the plan
	cores   int   // that take part
	next    int64 // number of the next connection, beyond those that were asked for

	first    *probe // the control connection's
	control  Control
	found    bool // the timeout is known
	over     bool // nothing is left to be found out, or there is no time
	expected Expected
	hosts    map[string]bool // that have answered over UDP
	greets   bool            // the peer speaks first
	reuse    bool            // over UDP, too
	slowest  int64           // answer
	owed     int             // connections that failed before the control connection had answered
	failed   int             // connections that did not work at all, in a row
}

// Control is the connection that is used at once.
type Control struct {
	Answered bool
	Time     time.Duration // until its answer
	Host     string        // that has answered, where it tells its name
	Number   int64
	Fault    engine.Fault // if it did not answer
}

// isKnown reports whether it is known what has become of it.
func (c *Control) isKnown() bool { return c.Answered || c.Fault.Class != class.None }

// Expected is the connection that was silent for exactly as long as is expected to be well.
type Expected struct {
	Silence time.Duration // 0 if none was used
	How     How           // what became of it; HowNever is that it answered

	taken bool // a connection is, or was, silent for it
}

// Found is what is known of the timeout.
type Found struct {
	How      How
	AtLeast  time.Duration // a connection that was silent for so long was well
	AtMost   time.Duration // one that was silent for so long was not
	Bounded  bool          // there is such a one
	Done     bool          // as closely as was asked for
	Control  Control
	Expected Expected
}

// Init prepares the rules for a job. It must be called once, before New.
func (f *Idle) Init(j *engine.Job) {
	const most = 2
	silent := int(j.Plan.Connections) // #nosec G115 -- few
	if f.Expect > 0 {
		silent-- // one has a silence of its own
	}
	f.search = search{
		evidence: newEvidence(int64(f.From), int64(f.To)), precision: int64(f.Precision), reserve: min(most, silent/2),
	}
	f.next, f.hosts = j.Plan.Connections, map[string]bool{}
}

// Found returns what is known so far.
func (f *Idle) Found() Found {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := Found{Control: f.control, Expected: f.expected, Done: f.isDone()}
	likely := f.search.likely
	found.AtLeast = time.Duration(likely.above)
	switch {
	case likely.above >= f.search.to:
		found.How, found.AtLeast = HowNever, f.To
	case likely.isBounded():
		found.How, found.AtMost, found.Bounded = f.search.how(), time.Duration(likely.upTo), true
		if first, last, ok := f.search.exact(); ok && found.How != HowSilently {
			found.AtLeast, found.AtMost = time.Duration(first), time.Duration(last)
		}
	}
	return found
}

// New returns the rules of one core.
func (f *Idle) New(c *engine.Core) engine.Rules {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cores++
	return &idle{Idle: f, exchanges: newExchanges(c, &f.Exchange), patience: int64(c.Job().Plan.ConnectTimeout), mine: map[uint32]*probe{}}
}

// isDone reports whether there is nothing left to be found out.
func (f *Idle) isDone() bool {
	return f.found && (f.Expect == 0 || f.expected.How != HowUnknown || f.isTooMuch())
}

// isTooMuch reports whether shorter silences than the expected one are known to be too long.
func (f *Idle) isTooMuch() bool {
	return f.search.likely.upTo <= int64(f.Expect) && f.search.likely.above < f.search.to
}

// look finds out whether the timeout is known. If connections end by themselves, all that are silent for as long must have done so. If even
// the longest silence seems well, no connection may wait for an answer that could refute it.
func (f *Idle) look(now int64) {
	f.found = f.control.Answered && f.search.isFound()
	if e := &f.expected; e.How != HowUnknown && e.How != HowNever && f.search.likely.above >= int64(f.Expect) {
		*e = Expected{} // others were well after as long a silence: once more
	}
	never := f.search.likely.above >= f.search.to
	if !f.found || !never && !f.search.endsBySelf() {
		return
	}
	above := f.search.likely.above
	for _, p := range f.probes {
		switch {
		case p.phase == asking && (never || p.silence >= above), p.phase == silent && !never && p.silent(now) >= above:
			f.found = false
		}
	}
}

// probe is a connection.
type probe struct {
	waiter
	phase   probePhase
	silence int64 // before it was used
	asked   int64 // when that was
	sends   int
	expects bool // it is silent for exactly as long as is expected to be well

	heard   int64 // when the peer has spoken by itself; 0 is never
	gap     int64 // the longest silence that it has ended by that, in the last second
	host    string
	source  string
	planned int64 // when its core was told to use it
}

// speaks takes note of what the peer says by itself.
func (p *probe) speaks(now int64) {
	gap := now - p.since
	if p.heard != 0 && now-p.heard <= byeNs {
		gap = max(gap, p.gap)
	}
	p.gap, p.heard, p.since = gap, now, now
}

type probePhase uint8

const (
	greeting probePhase = iota // may speak first
	trying                     // is used for the first time
	silent
	asking // is used after a silence
)

// idle has the connections of one core.
type idle struct {
	*Idle
	exchanges
	patience int64 // ns, until the first answer must have come
	mine     map[uint32]*probe
	version  int     // of the plan that the deadlines follow
	lacking  []int64 // when connections are to be made in place of those that have ended
}

const (
	// greetingNs is how long a peer has to speak first.
	greetingNs = 200e6
	// byeNs is how long after its last words a peer ends the connection, if these belong to that.
	byeNs = 1e9
	// sendings is how often a datagram is sent within a patience, as datagrams may get lost.
	sendings = 3
	// leastPatienceNs and answerFactor make the patience: a TCP segment is sent again twice within a second.
	leastPatienceNs = 1e9
	answerFactor    = 10
	// pollNs is how often a core looks what the others have found out.
	pollNs = 50e6
)

// Connected implements engine.Rules.
func (f *idle) Connected(key uint32, now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.core.LeaveLane(key)
	f.core.Report(key, now, engine.NewsEstablished)
	p := &probe{waiter: waiter{since: now}}
	f.mine[key] = p
	if f.over {
		f.complete(key, now)
		return
	}
	f.probes = append(f.probes, p)
	if f.first == nil {
		f.first, f.control.Number = p, int64(f.core.Conn(key).Number)
	}
	if !f.datagram && (!f.control.isKnown() || f.greets) {
		f.core.Deadline(key, now+greetingNs)
		return
	}
	f.ask(key, p, trying, now)
}

// patienceNow is how long a connection that was silent has to answer.
func (f *idle) patienceNow() int64 {
	if f.Patience > 0 {
		return int64(f.Patience)
	}
	return min(leastPatienceNs+answerFactor*f.slowest, f.patience)
}

// ask sends the payload, for the first time or after a silence. That ends when it has been sent: this process may pause before.
func (f *idle) ask(key uint32, p *probe, phase probePhase, now int64) {
	p.phase = phase
	at, fault := f.send(key, now)
	if p.sends == 0 {
		p.asked, p.silence = at, at-p.since
	}
	p.sends++
	switch {
	case fault.Err == engine.ReasonNotSent: //nolint:errorlint // a value, not a chain
	case fault.Class != class.None:
		f.end(key, p, fault, at)
		return
	}
	patience := f.patience
	if phase == asking {
		patience = f.patienceNow()
	}
	if f.datagram {
		patience = patience * int64(p.sends) / sendings
	}
	f.core.Deadline(key, p.asked+patience)
}

// Writable implements engine.Rules.
func (f *idle) Writable(key uint32, now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, fault := f.goOn(key, now); fault.Class != class.None {
		f.end(key, f.mine[key], fault, at)
	}
}

// Data implements engine.Rules.
func (f *idle) Data(key uint32, data []byte, now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.mine[key]
	switch p.phase {
	case greeting:
		if fault := misplaced(data, nil, func(string) bool { return false }); f.wantsAny() && fault.Class != class.None {
			f.end(key, p, fault, now)
			return
		}
		f.greets = true
		f.ask(key, p, trying, now)
	case silent: // whatever is on the way has seen this, too
		p.speaks(now)
		f.changed()
	case trying, asking:
		host, done, fault := f.take(key, data)
		switch {
		case fault.Class != class.None:
			f.end(key, p, fault, now)
		case p.phase == trying && f.echoesMore(data):
			f.end(key, p, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooMuch}, now)
		case done:
			f.answered(key, p, host, data, now)
		}
	}
}

// echoesMore reports whether an echo server has sent back more than its hello, which ends in NULs: something has put data of its own before that.
func (f *idle) echoesMore(answer []byte) bool {
	x := f.exchanges
	return x.Any && len(x.Payload) == HelloSize && len(answer) > HelloSize && len(bytes.Trim(x.Payload, "\x00"))+len(bytes.Trim(answer[HelloSize:], "\x00")) == 0
}

// answered takes note of an answer.
func (f *idle) answered(key uint32, p *probe, host string, data []byte, now int64) {
	took := now - p.asked
	f.slowest = max(f.slowest, took)
	host = f.teller(host, data)
	o := f.core.Report(key, now, engine.NewsEchoed)
	o.Reply, o.Host = time.Duration(took), host
	switch {
	case p.phase == trying:
		f.worked(p, host, data, time.Duration(took), now)
	case f.datagram && p.isElsewhere(host, data):
		f.end(key, p, engine.Fault{Class: class.BadReply, Err: engine.ReasonElsewhere}, now)
		return
	default:
		f.note(p, HowNever)
		if f.datagram && !f.reuse {
			f.complete(key, now)
			f.again(now)
			return
		}
	}
	p.phase, p.since, p.heard, p.sends, p.use, p.planned = silent, now, 0, 0, engine.Never, engine.Never
	if f.Expect > 0 && !f.expected.taken {
		f.expected.taken, p.expects = true, true
	}
	f.core.Deadline(key, engine.Never)
	f.changed()
}

// teller is the host that an answer names: every datagram of our servers names one.
func (f *idle) teller(host string, data []byte) string {
	if host == "" && f.datagram {
		if name, ok := reply.Parse(data); ok {
			return f.names.Intern(name)
		}
	}
	return host
}

// worked takes note of a connection that has answered for the first time.
func (f *idle) worked(p *probe, host string, data []byte, took time.Duration, now int64) {
	f.failed = 0
	p.host, p.source = host, sourceIn(data)
	if f.datagram && host != "" {
		// A forgotten flow gets another host by chance, or the same one.
		if f.hosts[host] = true; len(f.hosts) > 1 {
			f.search.kept = -math.Log(float64(len(f.hosts)))
		}
	}
	if p == f.first {
		f.control.Answered, f.control.Time, f.control.Host = true, took, host
		for ; f.owed > 0; f.owed-- {
			f.again(now)
		}
	}
}

// isElsewhere reports whether an answer shows that the flow was forgotten, and made anew: another host gives it, or it tells that the
// flow comes from another address and port.
func (p *probe) isElsewhere(host string, data []byte) bool {
	return host != p.host || sourceIn(data) != p.source
}

func sourceIn(data []byte) string {
	if source, ok := reply.Source(data); ok {
		return source.String()
	}
	return ""
}

// note takes note of what became of a connection that was used after a silence.
func (f *idle) note(p *probe, how How) {
	if f.over {
		return // what comes now belongs to no result any more
	}
	silence := p.silence
	if asked := p.use - p.since; how == HowNever && silence > asked && silence-asked < f.search.slack(asked) {
		silence = asked // so that connections whose silences were to be equal tell nothing of what is between them
	}
	f.search.used(silence, how)
	f.judged(p, p.silence, how)
}

// noteEnd takes note of a connection that has ended by itself.
func (f *idle) noteEnd(p *probe, silence int64, how How) {
	if !f.over {
		f.search.ended(silence, f.search.slack(silence), how)
		f.judged(p, silence, how)
	}
}

// judged lets the plan follow what was seen.
func (f *idle) judged(p *probe, silence int64, how How) {
	f.search.weigh()
	if p.expects {
		p.expects = false
		f.expected.Silence, f.expected.How = time.Duration(silence), how
	}
	f.changed()
}

// Ended implements engine.Rules.
func (f *idle) Ended(key uint32, fault engine.Fault, now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(key, f.mine[key], fault, now)
}

// end takes note of a connection that has ended, or has answered in a wrong way.
func (f *idle) end(key uint32, p *probe, fault engine.Fault, now int64) {
	switch p.phase {
	case greeting, trying:
		if fault.Class == class.None {
			fault = engine.Fault{Class: class.Closed, Err: engine.ReasonClosedUnanswered}
		}
		f.leave(key, p)
		f.core.Fail(key, now, fault)
		f.lacks(p, fault, now)
		return
	case silent:
		silence := now - p.since
		if p.heard != 0 && silence < byeNs {
			silence = max(silence, p.gap) // it has said good-bye
		}
		f.noteEnd(p, silence, howOf(fault))
	case asking:
		f.note(p, howOf(fault))
	}
	f.leave(key, p)
	if fault.Class == class.None || fault.Class == class.Reset {
		f.core.PeerClosed(key, now, fault)
	} else {
		f.core.Fail(key, now, fault)
	}
	f.again(now)
}

// howOf is in which way a connection ended.
func howOf(fault engine.Fault) How {
	switch {
	case fault.Class == class.None || fault.Class == class.BadReply && fault.Err != engine.ReasonElsewhere: //nolint:errorlint // a value
		return HowFIN // the peer itself has done with it
	case fault.Class == class.NoReply || fault.Class == class.BadReply:
		return HowSilently
	}
	return HowRST
}

// lacks takes note of a connection that did not work at all.
func (f *idle) lacks(p *probe, fault engine.Fault, now int64) {
	if p == f.first {
		f.control.Fault, f.over = fault, true
		f.changed()
		return
	}
	f.retry(now)
}

// Failed implements engine.Rules.
func (f *idle) Failed(_ engine.Claim, now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.retry(now)
}

// retry makes a connection in place of one that could not be established, or did not work, unless the control connection is yet to show
// that any can.
func (f *idle) retry(now int64) {
	const unansweredFlows = 2
	f.failed++
	f.reuse = f.reuse || f.control.isKnown() && f.failed >= unansweredFlows // of UDP
	switch asked := int(f.core.Job().Plan.Connections); {
	case !f.control.isKnown():
		f.owed++
	case f.failed <= asked*maxRetries:
		f.again(now + int64(backoff(f.failed/asked)))
	}
}

// maxRetries is how often each connection is retried, on average, before they are given up.
const maxRetries = 5

// again makes a connection in place of one that has ended, unless the next turn finds that there is no need.
func (f *idle) again(at int64) { f.lacking = append(f.lacking, at) }

// redial makes the connections that are lacking.
func (f *idle) redial() (wake int64) {
	wake = engine.Never
	if !f.over && !f.isFinal() {
		for _, at := range f.lacking {
			f.core.Redial(f.next, at)
			f.next++
			wake = min(wake, at)
		}
	}
	f.lacking = f.lacking[:0]
	return wake
}

// isFinal reports whether the timeout is known, so that all that may be waited for is the connection that is expected to be well.
func (f *Idle) isFinal() bool { return f.found && (f.Expect == 0 || f.expected.taken) }

// Expired implements engine.Rules.
func (f *idle) Expired(key uint32, seen int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.mine[key]
	switch p.phase {
	case greeting:
		f.ask(key, p, trying, seen)
	case silent:
		f.ask(key, p, asking, seen)
	case trying, asking:
		if f.datagram && p.sends < sendings {
			f.ask(key, p, p.phase, seen)
			return
		}
		why := engine.ReasonNoAnswer
		if p.phase == asking {
			why = engine.ReasonForgotten
		}
		f.end(key, p, engine.Fault{Class: class.NoReply, Err: why}, seen)
	}
}

// Stop implements engine.Rules.
func (f *idle) Stop(now int64, _ class.Class) { f.TimeUp(now) }

// TimeUp implements engine.Rules.
func (f *idle) TimeUp(now int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.core.Each(func(key uint32) { f.complete(key, now) })
}

// complete ends a connection from here.
func (f *idle) complete(key uint32, now int64) {
	f.leave(key, f.mine[key])
	f.core.Complete(key, now)
}

func (f *idle) leave(key uint32, p *probe) {
	f.forget(key)
	delete(f.mine, key)
	f.probes = slices.DeleteFunc(f.probes, func(of *probe) bool { return of == p })
}

// changed lets the plan be made anew.
func (f *Idle) changed() { f.version++ }

// Turn implements engine.Rules: it makes the plan, and lets the deadlines follow.
func (f *idle) Turn(now int64) (wake int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.version != f.Idle.version {
		f.version = f.Idle.version
		if !f.over {
			f.look(now)
			f.over = f.isDone()
		}
		if !f.over {
			f.plan(now)
		}
		f.follow(now)
	}
	wake = f.redial()
	if f.cores > 1 && f.core.Open() > 0 {
		wake = min(wake, now+pollNs)
	}
	return wake
}

// plan says when each of the silent connections is to be used.
func (f *Idle) plan(now int64) {
	waiting, inUse := make([]*waiter, 0, len(f.probes)), make([]int64, 0, len(f.probes))
	for _, p := range f.probes {
		switch {
		case p.phase == asking:
			inUse = append(inUse, p.silence)
		case p.phase == silent && p.expects && !f.isTooMuch():
			p.use = p.since + int64(f.Expect)
		case p.phase == silent:
			if p.expects { // it needs not wait for so long, unless what seems too much turns out not to be
				p.expects, f.expected.taken = false, false
			}
			waiting = append(waiting, &p.waiter)
		}
	}
	if f.search.likely.above < f.search.to || len(inUse) == 0 {
		f.search.plan(waiting, inUse, now)
		return
	}
	for _, w := range waiting {
		w.use, w.spent = engine.Never, false // those in use may decide
	}
}

// follow lets this core's deadlines follow the plan.
func (f *idle) follow(now int64) {
	f.core.Each(func(key uint32) {
		switch p := f.mine[key]; {
		case f.over || f.isFinal() && !p.expects:
			f.complete(key, now)
		case p.phase != silent:
		case p.spent:
			f.complete(key, now)
			f.again(now)
		case p.use != p.planned:
			p.planned = p.use
			f.core.Deadline(key, p.use)
		}
	})
}
