package rules

import (
	"bytes"
	"math"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

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
)

// probe is a connection that is left silent.
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
	planned int64 // when the core was told to use it
}

// speaks takes note of what the peer says by itself.
func (p *probe) speaks(now int64) {
	gap := now - p.since
	if p.heard != 0 && now-p.heard <= byeNs {
		gap = max(gap, p.gap)
	}
	p.gap, p.heard, p.since = gap, now, now
}

// probePhase is where in its life a probe is.
type probePhase uint8

const (
	greeting probePhase = iota // may speak first
	trying                     // is used for the first time
	silent
	asking // is used after a silence
)

// Connected implements engine.Rules.
func (f *idle) Connected(key uint32, now int64) {
	f.core.LeaveLane(key)
	f.core.Report(key, now, engine.NewsEstablished)
	p := &probe{waiter: waiter{since: now}}
	f.probes[key] = p
	if f.over {
		f.complete(key, now)
		return
	}
	if f.first == nil {
		f.first, f.control.Number = p, int64(f.core.Conn(key).Number)
	}
	if !f.datagram && (!f.control.isKnown() || f.greets) {
		f.core.Deadline(key, now+greetingNs)
		return
	}
	f.ask(key, trying, now)
}

// patienceNow is how long a connection that was silent has to answer.
func (f *idle) patienceNow() int64 {
	if f.Patience > 0 {
		return int64(f.Patience)
	}
	return min(leastPatienceNs+answerFactor*f.slowest, f.patience)
}

// ask sends the payload, for the first time or after a silence. That ends when it has been sent: this process may pause before.
func (f *idle) ask(key uint32, phase probePhase, now int64) {
	p := f.probes[key]
	p.phase = phase
	at, fault := f.send(key, now)
	if p.sends == 0 {
		p.asked, p.silence = at, at-p.since
	}
	p.sends++
	switch {
	case fault.Err == engine.ReasonNotSent: //nolint:errorlint // a value, not a chain
	case fault.Class != class.None:
		f.Ended(key, fault, at)
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
	if at, fault := f.goOn(key, now); fault.Class != class.None {
		f.Ended(key, fault, at)
	}
}

// Data implements engine.Rules.
func (f *idle) Data(key uint32, data []byte, now int64) {
	p := f.probes[key]
	switch p.phase {
	case greeting:
		if fault := misplaced(data, nil, func(string) bool { return false }); f.wantsAny() && fault.Class != class.None {
			f.Ended(key, fault, now)
			return
		}
		f.greets = true
		f.ask(key, trying, now)
	case silent: // whatever is on the way has seen this, too
		p.speaks(now)
		f.spoken++
		f.changed = true
	case trying, asking:
		host, done, fault := f.take(key, data)
		switch {
		case fault.Class != class.None:
			f.Ended(key, fault, now)
		case p.phase == trying && f.echoesMore(data):
			f.Ended(key, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooMuch}, now)
		case done:
			f.answered(key, p, host, data, now)
		}
	}
}

// echoesMore reports whether an echo server has sent back more than the hello that it got, which ends in NULs. Then something on the way has put
// data of its own before the hello.
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
		f.Ended(key, engine.Fault{Class: class.BadReply, Err: engine.ReasonElsewhere}, now)
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
	f.changed = true
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

// isElsewhere reports whether an answer shows that the flow was forgotten and made anew: it comes from another host, or tells that the flow comes
// from another address and port.
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
	f.changed = true
}

// Ended implements engine.Rules. An answer that is wrong ends a connection, too.
func (f *idle) Ended(key uint32, fault engine.Fault, now int64) {
	p := f.probes[key]
	switch p.phase {
	case greeting, trying:
		if fault.Class == class.None {
			fault = engine.Fault{Class: class.Closed, Err: engine.ReasonClosedUnanswered}
		}
		f.leave(key)
		f.core.Fail(key, now, fault)
		if p == f.first {
			f.control.Fault, f.over, f.changed = fault, true, true
		} else {
			f.retry(now)
		}
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
	f.leave(key)
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

// Failed implements engine.Rules.
func (f *idle) Failed(_ engine.Claim, now int64) { f.retry(now) }

// Expired implements engine.Rules.
func (f *idle) Expired(key uint32, seen int64) {
	p := f.probes[key]
	switch p.phase {
	case greeting:
		f.ask(key, trying, seen)
	case silent:
		f.ask(key, asking, seen)
	case trying, asking:
		if f.datagram && p.sends < sendings {
			f.ask(key, p.phase, seen)
			return
		}
		why := engine.ReasonNoAnswer
		if p.phase == asking {
			why = engine.ReasonForgotten
		}
		f.Ended(key, engine.Fault{Class: class.NoReply, Err: why}, seen)
	}
}

// Stop implements engine.Rules.
func (f *idle) Stop(now int64, _ class.Class) { f.TimeUp(now) }

// TimeUp implements engine.Rules.
func (f *idle) TimeUp(now int64) {
	f.over, f.changed = true, true
	f.core.Each(func(key uint32) { f.complete(key, now) })
}

// complete ends a connection from here.
func (f *idle) complete(key uint32, now int64) {
	f.leave(key)
	f.core.Complete(key, now)
}

func (f *idle) leave(key uint32) {
	f.forget(key)
	delete(f.probes, key)
}
