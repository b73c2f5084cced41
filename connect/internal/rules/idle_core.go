package rules

import (
	"bytes"
	"math"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// idle is the rules of one core.
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
		f.spoken++
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
