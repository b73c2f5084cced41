package connect

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// Failure is one connection that failed: what it tried, and why it failed. It is an error.
type Failure struct {
	Class   Class
	Network string
	Target  string
	Addr    netip.AddrPort // that the target's name resolved to
	Source  netip.AddrPort // what was asked for; an invalid address or port 0 was the system's choice
	After   time.Duration  // from the planned instant
	Err     error          // the cause: a [Reason], a [HandshakeError], or the system's

	Dropped string // how packets that this host itself has dropped, or rejected, account for the failures of this class, "" if they do not

	Text string // set if the failure was read back from its text, which is then all that is known of it
}

// FailedAt says where all failures of a call were, if that can hardly be chance: at one target of several, or from one source of several. What failed
// on this host itself does not count.
type FailedAt struct {
	Target  string
	Targets int64 // 0 if they were not at one of them
	Source  netip.Addr
	Sources int64 // 0 if they were not from one of them
}

// places are where connections of a call have failed, or were lost.
type places struct {
	numbers []int64 // of the first of these connections, each once
	target  place[int64]
	source  place[netip.Addr]
	unknown bool // where some were
}

// place is where all were so far.
type place[T comparable] struct {
	at      T
	several bool
}

// enoughFailures is how many connections fail at one of two places, or more, by chance in hardly any call.
const enoughFailures = 16

// add takes note of a failure. Of a connection that is dialed again, further failures tell nothing new.
func (p *places) add(plan *Plan, o *Outcome) {
	if o.Class.IsOwn() {
		return
	}
	first := len(p.numbers) == 0
	p.target.add(o.Number%int64(len(plan.Targets)), first)
	p.source.add(plan.Sources.Addr(uint64(o.Number)), first) // #nosec G115 -- connections count from 0
	if len(p.numbers) < enoughFailures && !slices.Contains(p.numbers, o.Number) {
		p.numbers = append(p.numbers, o.Number)
	}
}

func (p *place[T]) add(at T, first bool) {
	p.several = p.several || !first && at != p.at
	p.at = at
}

// failedAt says where the failures were, if all were at one place of those that so many connections have.
func (p *places) failedAt(plan *Plan, connections int64) (at FailedAt) {
	const hardlyEver = 1e-3
	byChance := func(places int64) bool {
		return places < 2 || math.Pow(1/float64(places), float64(len(p.numbers)-1)) > hardlyEver
	}
	if p.unknown {
		return at
	}
	if targets := min(int64(len(plan.Targets)), connections); !p.target.several && !byChance(targets) {
		at.Target, at.Targets = fullName(&plan.Targets[p.target.at]), targets
	}
	if pool := plan.Sources.Pool; pool != nil && !p.source.several {
		if sources := int64(min(pool.Size(), uint64(connections))); !byChance(sources) { // #nosec G115 -- a number of connections
			at.Source, at.Sources = p.source.at, sources
		}
	}
	return at
}

// Reason is why a connection failed where no system call says so.
type Reason = engine.Reason

// ICMPError is an error that an ICMP message has told.
type ICMPError = icmp.Error

// AnswerError is an answer that is not the one that should have come.
type AnswerError = engine.AnswerError

// HandshakeError is that of TLS, on a connection that was established.
type HandshakeError = engine.HandshakeError

// The reasons.
const (
	ReasonConnectTimeout    = engine.ReasonConnectTimeout
	ReasonHandshakeTimeout  = engine.ReasonHandshakeTimeout
	ReasonTimeUp            = engine.ReasonTimeUp
	ReasonTimeUpShaking     = engine.ReasonTimeUpShaking
	ReasonStopped           = engine.ReasonStopped
	ReasonSelf              = engine.ReasonSelf
	ReasonClosed            = engine.ReasonClosed
	ReasonClosedShut        = engine.ReasonClosedShut
	ReasonClosedUnanswered  = engine.ReasonClosedUnanswered
	ReasonNoAnswer          = engine.ReasonNoAnswer
	ReasonUnfinished        = engine.ReasonUnfinished
	ReasonTimeUpUnanswered  = engine.ReasonTimeUpUnanswered
	ReasonStoppedUnanswered = engine.ReasonStoppedUnanswered
	ReasonNoName            = engine.ReasonNoName
	ReasonNoMatch           = engine.ReasonNoMatch
	ReasonTooLong           = engine.ReasonTooLong
	ReasonTwice             = engine.ReasonTwice
	ReasonProxyHeader       = engine.ReasonProxyHeader
	ReasonKeepalive         = engine.ReasonKeepalive
	ReasonHoldStopped       = engine.ReasonHoldStopped
	ReasonNoEcho            = engine.ReasonNoEcho
	ReasonTooMuch           = engine.ReasonTooMuch
	ReasonCorrupted         = engine.ReasonCorrupted
	ReasonNoFIN             = engine.ReasonNoFIN
	ReasonNotSent           = engine.ReasonNotSent
	ReasonForgotten         = engine.ReasonForgotten
	ReasonElsewhere         = engine.ReasonElsewhere
)

// failure says what a failed connection tried, and why it failed.
func (p *Plan) failure(o *Outcome) Failure {
	to := &p.Targets[o.Number%int64(len(p.Targets))]
	f := Failure{Class: o.Class, Network: p.Network, Target: to.Name, Addr: to.Addr, After: o.Elapsed(), Err: o.Err}
	if p.Sources.Chosen() {
		f.Source = p.Sources.At(uint64(o.Number)) // #nosec G115 -- connections count from 0
	}
	return f
}

// Error implements error.
func (f Failure) Error() string {
	if f.Text != "" {
		return f.Text
	}
	text := fmt.Sprintf("%s %s%s: %s after %s: %v", f.Network, fullName(&Target{Name: f.Target, Addr: f.Addr}), f.from(), f.Class, f.After.Round(time.Microsecond), quote.Error(f.Err))
	if f.Class == ClassFDLimit {
		text += fmt.Sprintf("; this process may open %d files", limits.Descriptors())
	}
	return text
}

// from leaves out what the system chooses.
func (f Failure) from() string {
	switch {
	case !f.Source.Addr().IsValid() && f.Source.Port() == 0:
		return ""
	case !f.Source.Addr().IsValid():
		return fmt.Sprintf(" from port %d", f.Source.Port())
	case f.Source.Port() == 0:
		return " from " + f.Source.Addr().String()
	}
	return " from " + f.Source.String()
}

// Unwrap returns the cause.
func (f Failure) Unwrap() error { return f.Err }

// MarshalText makes a failure its text in JSON.
func (f Failure) MarshalText() ([]byte, error) { return []byte(f.Error()), nil }
