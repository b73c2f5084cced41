package connect

import (
	"context"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// CapacityPlan says how to find out how many connections a target holds. Plan.Connections is the most to hold: 0 means what
// this process has descriptors for. If Plan.Payload is set, every connection is sent it once, and must answer; over TCP and TLS once more at the end.
type CapacityPlan struct {
	Plan
	// Step is how many connections the first step opens. Each further step opens twice as many as the one before, up to ten times Step. 0
	// means DefaultStep.
	Step int64
	// Patience is how long each connection is watched: one that is still open then is held. A payload is sent after that time, so that
	// the target can greet first, and must be answered within the same time again, or longer while other answers still come in. 0 means
	// DefaultPatience.
	Patience time.Duration
}

// Defaults of a CapacityPlan.
const (
	DefaultStep     = 100
	DefaultPatience = 500 * time.Millisecond

	capacityConcurrency = 8 // few at once, so that the last connection that fits is told from the first that does not
	descriptorReserve   = 200
)

// Limit says what kept a target from holding more connections.
type Limit string

// The limits that can be told apart.
const (
	LimitNone         Limit = "none"         // no limit was reached
	LimitApplication  Limit = "application"  // it closes further connections: a limit of its own
	LimitNotAccepted  Limit = "not_accepted" // the kernel takes further connections, the application does not serve them
	LimitAcceptQueue  Limit = "accept_queue" // SYNs are no longer answered: the queue of connections to accept is full
	LimitPath         Limit = "path"         // SYNs, or flows over UDP, are no longer answered, though all before them are served: they vanish on the way
	LimitIntermittent Limit = "intermittent" // some connections fail, but later ones get through
	LimitRefused      Limit = "refused"      // it refuses: the listener is gone, or a firewall or its system says no
	LimitUnreachable  Limit = "unreachable"  // connects fail in another way
	LimitLocalFDs     Limit = "local_fds"    // this process has no descriptors left
	LimitLocalPorts   Limit = "local_ports"  // this host has no source ports left
	LimitForgotten    Limit = "forgotten"    // earlier connections are no longer answered when there are more, though nothing has ended them
	LimitTime         Limit = "time"         // the call ended first
)

// lowerBound reports whether the target may hold more than was found.
func (l Limit) lowerBound() bool {
	switch l {
	case LimitNone, LimitIntermittent, LimitLocalFDs, LimitLocalPorts, LimitTime:
		return true
	default:
		return false
	}
}

// CapacityResult is how many connections a target holds, and why not more. As JSON, durations are in nanoseconds.
type CapacityResult struct {
	Connections    int64             `json:"connections"` // held at once, and served as far as that can be told
	Limit          Limit             `json:"limit"`
	LowerBound     bool              `json:"lower_bound"` // the target may hold more
	Explanation    string            `json:"explanation"`
	Asked          int64             `json:"asked"`         // connections of the last step that were wanted, until a limit was found
	Begun          int64             `json:"begun"`         // connections of the last step that were begun
	Attempted      int64             `json:"attempted"`     // connections that were begun, in all steps
	NotInitiated   int64             `json:"not_initiated"` // connections of the last step that were not
	FailedConnects int64             `json:"failed_connects"`
	Errors         map[Class]int64   `json:"errors"`
	First          map[Class]Failure `json:"first_errors"`
	Closed         int64             `json:"closed"`   // by the target
	Unserved       int64             `json:"unserved"` // established, but without the bytes that others got, or without an answer
	SYNRetransmits int64             `json:"syn_retransmits"`
	StartTime      time.Time         `json:"start_time"`
	Duration       time.Duration     `json:"duration"`

	Steps       []CapacityStep `json:"-"` // in the order in which they were taken
	TellsServed bool           `json:"-"` // connections that are held are known to be served, not only established
}

// CapacityStep is what was found when one more step of a search had been watched.
type CapacityStep struct {
	Time  time.Duration `json:"time"`  // since the start, at the step's end
	Asked int64         `json:"asked"` // connections of this step and all before
	Held  int64         `json:"held"`  // of these
}

// Capacity opens connections step by step, and keeps them, until some fail, are closed by the target, or are not served. A
// target that greets (sends something by itself, as mconnect's server does) must greet every connection.
func (e *Engine) Capacity(ctx context.Context, plan CapacityPlan) (*CapacityResult, error) {
	s := newSearch(e, plan.withDefaults())
	defer s.end()
	ctx, cancel := context.WithTimeout(ctx, s.plan.Timeout)
	defer cancel()
	limit, err := s.run(ctx)
	switch {
	case err != nil:
		return nil, err
	case limit == LimitTime:
		return s.result(ctx, limit, class.Of(ctx.Err())), nil
	}
	return s.result(ctx, limit, ClassAborted), nil
}

func (p CapacityPlan) withDefaults() CapacityPlan {
	if p.Connections == 0 {
		p.Connections = int64(min(max(limits.Descriptors(), 2*descriptorReserve)-descriptorReserve, MaxConnections)) // #nosec G115 -- below MaxConnections
	}
	if p.Concurrency == 0 {
		p.Concurrency = capacityConcurrency
	}
	if p.ConnectTimeout == 0 {
		p.ConnectTimeout = 3 * time.Second // a SYN that is lost is sent again after 1 s
	}
	if p.Step == 0 {
		p.Step = DefaultStep
	}
	if p.Patience == 0 {
		p.Patience = DefaultPatience
	}
	if p.Timeout == 0 {
		const rounds = 2 // of connects that fail, and of round trips: a connect's, and a greeting's
		p.Timeout = rounds*p.defaultTimeout() + time.Duration(p.mostSteps())*p.watching() + rounds*p.ConnectTimeout + 2*p.grace()
	}
	return p
}

// Most is how many connections the search holds at most: Connections, or its default.
func (p CapacityPlan) Most() int64 { return p.withDefaults().Connections }

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p CapacityPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// mostSteps is about how many steps there are, and no less.
func (p *CapacityPlan) mostSteps() int64 {
	const growing = 4 // until a step is ten times the first
	return growing + p.Connections/(10*p.Step) + 1
}

// watching is how long it takes until each connection of a step has had its time, and that is known.
func (p *CapacityPlan) watching() time.Duration {
	const collecting = 100 * time.Millisecond // outcomes travel together
	if p.Payload != nil {
		return 2*p.Patience + collecting // to greet, and to answer
	}
	return p.Patience + collecting
}

// grace is how long connections that were not served in their time are watched after the last one that was: a busy target takes longer,
// and where a burst has overflown its accept queue, its kernel sends the SYN-ACK again after 1 s, and after 2 s more.
func (p *CapacityPlan) grace() time.Duration { return max(p.Patience, 2500*time.Millisecond) }
