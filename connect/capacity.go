package connect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// CapacityPlan says how to find out how many connections a target holds. Plan.Connections is the most to try: 0 means what
// this process has descriptors for. If Plan.Payload is set, every connection is sent it, and must answer with something.
type CapacityPlan struct {
	Plan
	// Step is how many connections are opened at first before their fate is looked at; it doubles up to ten times as many.
	// 0 means DefaultStep.
	Step int64
	// Patience is how long a step is watched: a connection that is not closed until then is held. 0 means DefaultPatience.
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
	LimitNone        Limit = "none"         // none was reached
	LimitApplication Limit = "application"  // it closes further connections: a limit of its own
	LimitNotAccepted Limit = "not_accepted" // the kernel takes further connections, the application does not serve them
	LimitAcceptQueue Limit = "accept_queue" // SYNs are no longer answered: the queue of connections to accept is full
	LimitRefused     Limit = "refused"      // it refuses: the listener is gone, or a firewall or its system says no
	LimitUnreachable Limit = "unreachable"  // connects fail in another way
	LimitLocalFDs    Limit = "local_fds"    // this process has no descriptors left
	LimitLocalPorts  Limit = "local_ports"  // this host has no source ports left
	LimitTime        Limit = "time"         // the call ended first
)

var limitExplanations = map[Limit]string{
	LimitNone:        "every connection was held; the target may hold more, try more connections",
	LimitApplication: "the target closes connections when there are more: a limit of the application, such as a maximum number of connections",
	LimitNotAccepted: "the target's kernel takes further connections, but the application does not serve them: it no longer accepts, being out of file descriptors, threads or time",
	LimitAcceptQueue: "the target no longer answers SYNs: its accept queue is full (backlog, net.core.somaxconn) since the application does not accept, or a device in between drops them",
	LimitRefused:     "the target refuses further connections: its listener is gone, or a firewall or its system rejects them",
	LimitUnreachable: "further connects fail; see the errors",
	LimitLocalFDs:    "this process has no file descriptors left, so the target may hold more: raise the limit (ulimit -n), or run several processes",
	LimitLocalPorts:  "this host has no source ports left for the target, so it may hold more: use more source addresses (source)",
	LimitTime:        "the call ended before a limit was found, so the target may hold more: allow a longer timeout",
}

// CapacityResult is how many connections a target holds, and why not more. As JSON, durations are in nanoseconds.
type CapacityResult struct {
	Connections    int64             `json:"connections"` // held at once, and served as far as that can be told
	Limit          Limit             `json:"limit"`
	LowerBound     bool              `json:"lower_bound"` // the target may hold more
	Explanation    string            `json:"explanation"`
	Attempted      int64             `json:"attempted"`     // connections that were begun
	NotInitiated   int64             `json:"not_initiated"` // connections of the last step that were not
	FailedConnects int64             `json:"failed_connects"`
	Errors         map[Class]int64   `json:"errors"`
	First          map[Class]Failure `json:"first_errors"`
	Closed         int64             `json:"closed"`   // by the target
	Unserved       int64             `json:"unserved"` // established, but without the bytes that others got
	SYNRetransmits int64             `json:"syn_retransmits"`
	StartTime      time.Time         `json:"start_time"`
	Duration       time.Duration     `json:"duration"`
}

// Capacity opens connections step by step, and keeps them, until some fail, are closed by the target, or are not served. A
// target that greets (sends something by itself, as mconnect's server does) must greet every connection.
func (e *Engine) Capacity(ctx context.Context, plan CapacityPlan) (*CapacityResult, error) {
	s := search{engine: e, plan: plan.withDefaults(), started: time.Now(), held: observeSearch(&plan.Plan)}
	defer s.held.end()
	ctx, cancel := context.WithTimeout(ctx, s.plan.Timeout)
	defer cancel()
	defer s.hangUp(ClassAborted)
	step := s.plan.Step
	for s.attempted < s.plan.Connections && ctx.Err() == nil {
		if err := s.step(ctx, min(step, s.plan.Connections-s.attempted)); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			break // what was not watched to the end may yet be served, and says nothing of the target
		}
		if limit := s.verdict(); limit != LimitNone {
			return s.result(limit, ClassAborted), nil
		}
		step = min(2*step, 10*s.plan.Step)
	}
	if ctx.Err() != nil {
		return s.result(LimitTime, class.Of(ctx.Err())), nil
	}
	return s.result(LimitNone, ClassAborted), nil
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
		p.Timeout = p.defaultTimeout() + time.Duration(p.mostSteps())*p.watching() + p.ConnectTimeout
	}
	return p
}

// Most is how many connections the search opens at most: Connections, or its default.
func (p CapacityPlan) Most() int64 { return p.withDefaults().Connections }

// TimeLimit is how long a call of the plan may take: Timeout, or its default.
func (p CapacityPlan) TimeLimit() time.Duration { return p.withDefaults().Timeout }

// mostSteps is about how many steps there are, and no less.
func (p *CapacityPlan) mostSteps() int64 {
	const growing = 4 // until a step is ten times the first
	return growing + p.Connections/(10*p.Step) + 1
}

// watching is how long a step is watched.
func (p *CapacityPlan) watching() time.Duration {
	if p.Payload != nil {
		return 2*p.Patience + p.Patience/2 // asked after one interval, and given another to answer
	}
	return p.Patience
}

// search is a capacity test under way.
type search struct {
	engine    *Engine
	plan      CapacityPlan
	started   time.Time
	held      *searchObserver
	attempted int64
	greets    bool // the target sends something by itself
	sum       capacitySum
}

// capacitySum is what has become of all connections so far.
type capacitySum struct {
	established, served, synRetries, notInitiated, failed int64
	closed, closedLate                                    int64 // late: of steps that had been watched to the end
	errors                                                map[Class]int64
	first                                                 map[Class]Failure
}

// step opens n more connections and watches what becomes of all.
func (s *search) step(ctx context.Context, n int64) error {
	plan := HoldPlan{Plan: s.plan.Plan}
	plan.Connections, plan.Timeout, plan.Observer, plan.Monitor = n, 0, s.held, 0
	plan.Sources.Start += uint64(s.attempted) // #nosec G115 -- not negative
	if s.plan.Payload != nil {
		plan.Keepalive = s.plan.Patience
	}
	h, err := s.engine.Hold(context.WithoutCancel(ctx), plan)
	if err != nil {
		return err
	}
	s.held.add(h)
	s.attempted += n
	select {
	case <-h.Settled():
	case <-ctx.Done():
		return nil
	}
	s.watch(ctx, h)
	if len(s.held.steps) == 1 {
		s.greets = s.plan.Payload == nil && s.held.greets()
	}
	return nil
}

// watch gives a step's connections time to be served, or closed.
func (s *search) watch(ctx context.Context, h *Held) {
	deadline := time.NewTimer(s.plan.watching())
	defer deadline.Stop()
	select {
	case <-deadline.C:
	case <-h.Done():
	case <-ctx.Done():
	}
	s.add()
}

func (s *search) add() {
	s.sum = capacitySum{errors: map[Class]int64{}, first: map[Class]Failure{}}
	for i, h := range s.held.steps {
		r := h.Result()
		s.sum.established += r.States.Established
		s.sum.served += r.Served
		s.sum.closed += r.States.Closed
		if i < len(s.held.steps)-1 {
			s.sum.closedLate += r.States.Closed
		}
		s.sum.notInitiated += r.States.NotInitiated
		s.sum.failed += r.FailedConnects
		s.sum.synRetries += r.SYNRetransmits
		for class, n := range r.Errors {
			s.sum.errors[class] += n
		}
		for class, message := range r.First {
			if _, known := s.sum.first[class]; !known {
				s.sum.first[class] = message
			}
		}
	}
}

// unserved is the number of connections that lack the bytes which others got.
func (s *search) unserved() int64 {
	if !s.greets {
		return s.sum.errors[ClassNoReply]
	}
	return s.sum.established - s.sum.served
}

func (s *search) verdict() Limit {
	e := s.sum.errors
	switch {
	case e[ClassFDLimit] > 0:
		return LimitLocalFDs
	case e[ClassAddrNotAvailable]+e[ClassAddrInUse] > 0:
		return LimitLocalPorts
	case s.sum.closed > 0:
		return LimitApplication
	case s.unserved() > 0:
		return LimitNotAccepted
	case e[ClassTimeout] > 0 && s.sum.established > 0:
		return LimitAcceptQueue
	case e[ClassRefused] > 0:
		return LimitRefused
	case len(e) > 0:
		return LimitUnreachable
	}
	return LimitNone
}

// result closes everything. The class is that of connections which are still dialled.
func (s *search) result(limit Limit, dialled Class) *CapacityResult {
	s.add()
	connections := s.sum.established
	if s.greets {
		connections = s.sum.served
	}
	unserved, explanation := s.unserved(), s.explain(limit, connections)
	s.hangUp(dialled) // these fail now, and count
	s.add()
	return &CapacityResult{
		Connections:    connections,
		Limit:          limit,
		LowerBound:     limit == LimitNone || limit == LimitLocalFDs || limit == LimitLocalPorts || limit == LimitTime,
		Explanation:    explanation,
		Attempted:      s.attempted - s.sum.notInitiated,
		NotInitiated:   s.sum.notInitiated,
		FailedConnects: s.sum.failed,
		Errors:         s.sum.errors,
		First:          s.sum.first,
		Closed:         s.sum.closed,
		Unserved:       unserved,
		SYNRetransmits: s.sum.synRetries,
		StartTime:      s.started,
		Duration:       time.Since(s.started),
	}
}

// explain puts a limit into words, and what is particular about it here.
func (s *search) explain(limit Limit, connections int64) string {
	switch {
	case limit == LimitApplication && connections == 0:
		return "the target closes every connection: check that it serves this port, and this client"
	case limit == LimitApplication && s.sum.closedLate > 0:
		return limitExplanations[limit] + "; it closes some so late that more seem to fit than do: allow more patience"
	case limit == LimitNotAccepted && s.plan.Protocol() == "udp":
		return "further datagrams get no answer: the target, or the network, drops them"
	}
	return s.sum.explain(limit)
}

// explain puts a limit into words, with the error that stands for it where there are several kinds.
func (c *capacitySum) explain(limit Limit) string {
	var cause Class
	switch limit {
	case LimitLocalPorts:
		cause = c.mostFrequent(ClassAddrInUse, ClassAddrNotAvailable)
	case LimitUnreachable:
		cause = c.mostFrequent(slices.Sorted(maps.Keys(c.errors))...)
	}
	if failure, known := c.first[cause]; known {
		return fmt.Sprintf("%s (%s)", limitExplanations[limit], failure)
	}
	return limitExplanations[limit]
}

// mostFrequent returns the class with the most errors, the first of several.
func (c *capacitySum) mostFrequent(among ...Class) Class {
	most := ClassNone
	for _, class := range among {
		if c.errors[class] > c.errors[most] {
			most = class
		}
	}
	return most
}

func (s *search) hangUp(dialled Class) {
	for _, h := range s.held.steps {
		h.hangUp(dialled)
	}
	for _, h := range s.held.steps {
		h.Close()
	}
}
