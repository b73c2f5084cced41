package rules

import (
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Idle leaves connections silent, uses them again, and so finds out for how long they may be silent. Each is used once before its silence, so
// that one which never works is not taken for one that was forgotten. Over UDP each silence has a flow of its own, as long as new ones are
// answered, since connection tracking gives other timeouts to flows that go on. It is for jobs of one core.
//
// This file has what is asked and what is found. The life of a connection is in idle_probe.go, when connections are used in idle_plan.go, which
// silences are tried in idle_search.go, and what follows from what was seen in idle_evidence.go.
type Idle struct {
	Exchange
	From, To  time.Duration // silences that are tried
	Precision time.Duration // 0 is 5 % of the result
	Expect    time.Duration // one connection is silent for exactly so long; 0 is none
	Patience  time.Duration // until a silent connection must have answered; 0 is what answers have taken, and some more

	mu    sync.Mutex
	found Found
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
	Early    Early
	Control  Control
	Expected Expected
}

// Found returns what is known so far.
func (f *Idle) Found() Found {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found
}

// New returns the rules of the job's core.
func (f *Idle) New(c *engine.Core) engine.Rules {
	const most = 2
	plan := &c.Job().Plan
	silent := int(plan.Connections) // #nosec G115 -- few
	if f.Expect > 0 {
		silent-- // one has a silence of its own
	}
	return &idle{
		Idle: f, exchanges: newExchanges(c, &f.Exchange), patience: int64(plan.ConnectTimeout),
		search: search{
			evidence: newEvidence(int64(f.From), int64(f.To)), precision: int64(f.Precision), reserve: min(most, silent/2),
		},
		next: plan.Connections, probes: map[uint32]*probe{}, hosts: map[string]bool{}, seemed: engine.Never,
	}
}

// idle is the rules at work.
type idle struct {
	*Idle
	exchanges
	patience int64 // ns, until the first answer must have come
	search   search
	probes   map[uint32]*probe
	lacking  []int64 // when connections are to be made in place of those that have ended
	next     int64   // number of the next connection, beyond those that were asked for
	changed  bool    // something was seen that the plan must follow

	first    *probe // the control connection's
	control  Control
	known    bool // the timeout is
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

// publish makes what is known now the result so far.
func (f *idle) publish() {
	found := Found{Control: f.control, Expected: f.expected, Done: f.isDone(), Spoken: f.spoken, Early: f.search.early()}
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
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = found
}
