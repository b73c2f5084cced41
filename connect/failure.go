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

// FailedAt says where all failures of a call were, if that can hardly be chance: at some of its targets, or from some of its sources. What failed on
// this host itself does not count.
type FailedAt struct {
	Targets   []string     // at which they were, with their addresses, in the plan's order; empty if that is not known, or they are many
	OfTargets int64        // of so many
	Sources   []netip.Addr // from which they were, in order; the same
	Network   netip.Prefix // the smallest that has all these sources, where they are many; not valid if that is not known, or has all of the call's
	InNetwork uint64       // of the call's sources
	OfSources int64        // of so many
}

// places are where connections of a call have failed, or were lost.
type places struct {
	numbers     []int64 // of the first of these connections, each once
	first, last int64   // the lowest and the highest number
	targets     few[int64]
	sources     few[netip.Addr]
	network     netip.Prefix // the smallest that has all of the sources
	unknown     bool         // where some were
}

// few are some values, in order, of which there are not many.
type few[T comparable] struct {
	list []T
	many bool
}

// mostPlaces is how many targets or sources of failures are told.
const mostPlaces = 8

func (f *few[T]) add(v T) {
	switch {
	case f.many || slices.Contains(f.list, v):
	case len(f.list) == mostPlaces:
		f.many = true
	default:
		f.list = append(f.list, v)
	}
}

// enoughFailures is how many connections fail at seven of eight places by chance in hardly any call.
const enoughFailures = 64

// add takes note of a failure. Of a connection that is dialed again, further failures tell nothing new.
func (p *places) add(plan *Plan, o *Outcome) {
	if o.Class.IsOwn() {
		return
	}
	if len(p.numbers) == 0 {
		p.first, p.last = o.Number, o.Number
	}
	p.first, p.last = min(p.first, o.Number), max(p.last, o.Number)
	if len(p.numbers) < enoughFailures && !slices.Contains(p.numbers, o.Number) {
		p.numbers = append(p.numbers, o.Number)
	}
	p.targets.add(o.Number % int64(len(plan.Targets)))
	if source := plan.Sources.Addr(uint64(o.Number)); source.IsValid() { // #nosec G115 -- connections count from 0
		p.sources.add(source)
		p.widen(source.WithZone(""))
	}
}

// widen makes the network have one more source.
func (p *places) widen(source netip.Addr) {
	if !p.network.IsValid() {
		p.network = netip.PrefixFrom(source, source.BitLen())
	}
	for !p.network.Contains(source) {
		p.network = netip.PrefixFrom(p.network.Addr(), p.network.Bits()-1)
	}
}

// failedAt says where the failures were, if all were at some places of those that so many connections have.
func (p *places) failedAt(plan *Plan, connections int64) (at FailedAt) {
	if p.unknown || len(p.numbers) == 0 {
		return at
	}
	if targets := min(int64(len(plan.Targets)), connections); !p.targets.many && p.isChosen(len(p.targets.list), float64(targets)) {
		at.OfTargets = targets
		slices.Sort(p.targets.list)
		for _, number := range p.targets.list {
			at.Targets = append(at.Targets, fullName(&plan.Targets[number]))
		}
	}
	pool := plan.Sources.Pool
	if pool == nil {
		return at
	}
	size := pool.Size()
	sources := min(size, uint64(connections)) // #nosec G115 -- a number of connections
	switch within := pool.Within(p.network); {
	case !p.sources.many && p.isChosen(len(p.sources.list), float64(sources)):
		at.Sources = slices.SortedFunc(slices.Values(p.sources.list), netip.Addr.Compare)
	case p.sources.many && uint64(p.last-p.first) >= size && p.isChosen(1, float64(size)/float64(within)): // #nosec G115 -- not negative
		at.Network, at.InNetwork = p.network.Masked(), within // an outage hits neighbors, too, but of one round through the pool only
	default:
		return at
	}
	at.OfSources = int64(sources) // #nosec G115 -- at most connections
	return at
}

// isChosen reports whether all failures would hardly ever be at so few of all places by chance.
func (p *places) isChosen(places int, all float64) bool {
	const hardlyEver = 1e-3
	chance := math.Pow(float64(places)/all, float64(len(p.numbers)))
	for i := range places {
		chance *= (all - float64(i)) / float64(i+1) // that many ways there are to choose these places
	}
	return float64(places) < all && chance < hardlyEver
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
