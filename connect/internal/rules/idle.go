package rules

import (
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Idle leaves connections silent, uses them again, and so finds out for how long they may be silent. Each is used once before its silence, so
// that one which never works is not taken for one that was forgotten. Over UDP each silence has a flow of its own, as long as new ones are
// answered, since connection tracking gives other timeouts to flows that go on.
//
// This file has what the cores share. The rules of a core are in idle_core.go, and which silences are tried is in idle_search.go.
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
	spoken   int64           // times that a peer has ended a silence by itself
	seemed   int64           // since when the timeout seems to be known; engine.Never if it does not
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
	Spoken   int64         // times that a peer has ended a silence by itself
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
	f.next, f.hosts, f.seemed = j.Plan.Connections, map[string]bool{}, engine.Never
}

// Found returns what is known so far.
func (f *Idle) Found() Found {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := Found{Control: f.control, Expected: f.expected, Done: f.isDone(), Spoken: f.spoken}
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

// look finds out whether the timeout is known. If connections end by themselves, all that were silent by then must have done so, where they have
// been silent for as long. If even the longest silence seems well, no connection may wait for an answer that could refute it.
func (f *Idle) look(now int64) {
	f.found = f.control.Answered && f.search.isFound()
	if !f.found {
		f.seemed = engine.Never
	} else {
		f.seemed = min(f.seemed, now)
	}
	if e := &f.expected; e.How != HowUnknown && e.How != HowNever && f.search.likely.above >= int64(f.Expect) {
		*e = Expected{} // others were well after as long a silence: once more
	}
	never := f.search.likely.above >= f.search.to
	if never || f.search.endsBySelf() {
		f.found = f.found && !slices.ContainsFunc(f.probes, func(p *probe) bool { return f.mayRefute(p, never, now) })
	}
}

// mayRefute reports whether a probe may still show that what seems to be the timeout is none.
func (f *Idle) mayRefute(p *probe, never bool, now int64) bool {
	above := f.search.likely.above
	switch p.phase {
	case asking:
		return never || p.silence >= above
	case silent:
		return !never && p.since <= f.seemed && p.silent(now) >= above
	default:
		return false
	}
}

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

// probePhase is where in its life a probe is.
type probePhase uint8

const (
	greeting probePhase = iota // may speak first
	trying                     // is used for the first time
	silent
	asking // is used after a silence
)

// isFinal reports whether the timeout is known, so that all that may be waited for is the connection that is expected to be well.
func (f *Idle) isFinal() bool { return f.found && (f.Expect == 0 || f.expected.taken) }

// changed makes each core follow a new plan, in its next turn.
func (f *Idle) changed() { f.version++ }

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
