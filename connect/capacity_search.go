package connect

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
)

const (
	// furtherTries is how many further connects show whether later ones get through, once some have failed; mostFurtherTries is how many, at
	// most, if few get through.
	furtherTries, mostFurtherTries = 16, 64
	// linger is how long, at most, a connection waits for its greeting before another one is dialed in its stead. So no more are dialed at
	// once than a short accept queue has room for: a burst overflows it, and a SYN that did not fit is sent again after a second or more.
	linger = 20 * time.Millisecond
	// slowFailure is how long a failed connect has taken, at least, if it counts as slow: it has kept others waiting.
	slowFailure = time.Second
)

// search is a capacity test under way. Its steps are shown to the plan's observer as one call.
type search struct {
	engine  *Engine
	plan    CapacityPlan
	started time.Time
	asked   int64 // of the target: connections of all steps but the further tries
	begun   int64 // connections of all steps, so that each has a source of its own
	speaks  bool  // the target sends something by itself

	observer Observer
	mu       sync.Mutex // for one call of the observer at a time, and for steps
	steps    []*step
	found    []CapacityStep
	stop     chan struct{}
	ended    chan struct{}
}

func newSearch(e *Engine, plan CapacityPlan) *search {
	s := &search{engine: e, plan: plan, started: time.Now(), observer: plan.Observer, stop: make(chan struct{}), ended: make(chan struct{})}
	if s.observer == nil {
		s.observer = unobserved{}
	}
	go s.observe()
	return s
}

// run opens connections until there is a limit.
func (s *search) run(ctx context.Context) (Limit, error) {
	for size := s.plan.Step; s.asked < s.plan.Connections && !isOver(ctx); size = min(2*size, 10*s.plan.Step) {
		n := min(size, s.plan.Connections-s.asked)
		s.asked += n
		if err := s.step(ctx, n, false); err != nil {
			return "", err
		}
		s.found = append(s.found, CapacityStep{Time: time.Since(s.started), Asked: s.asked, Held: s.evidence().connections()})
		if n := s.wantsFurther(); n > 0 {
			if err := s.step(ctx, n, true); err != nil {
				return "", err
			}
		}
		if isOver(ctx) || s.evidence().dials.timeUp > 0 {
			return LimitTime, nil // what was not watched to the end may yet be served, and says nothing of the target
		}
		if limit := s.evidence().limit(); limit != LimitNone {
			return limit, nil
		}
	}
	if isOver(ctx) {
		return LimitTime, nil
	}
	return LimitNone, nil
}

func isOver(ctx context.Context) bool { return ctx.Err() != nil }

// wantsFurther is how many more connections are to be tried: some have failed, and few were begun later, or fewer than half of these got
// through. They may have overtaken others, or have found a place that had just got free; so many are tried that hardly all fail by chance.
func (s *search) wantsFurther() int64 {
	const sure = 4 // times as many as it takes for one to get through, on average
	e := s.evidence()
	tries := int64(furtherTries)
	enough := e.tried >= furtherTries
	switch {
	case e.established == 0, enough && 2*e.passed >= e.tried:
		return 0
	case e.passed > 0:
		tries = min(max(sure*e.tried/e.passed, furtherTries), mostFurtherTries)
	case enough || e.dials.total == 0:
		return 0
	}
	return min(tries, s.plan.Connections-e.established)
}

// step opens n more connections, and returns when each has failed, was served, or has had its time for that.
func (s *search) step(ctx context.Context, n int64, further bool) error {
	st, err := s.begin(ctx, n, further)
	if err != nil {
		return err
	}
	select {
	case <-st.settled:
	case <-ctx.Done():
		return nil
	}
	for st.waiting() > 0 {
		select {
		case <-st.news:
		case <-ctx.Done():
			return nil
		}
	}
	if len(s.steps) == 1 {
		s.speaks = st.isGreeted()
	}
	s.grant(ctx, st)
	return nil
}

// grant goes on watching connections that were not served in their time, for as long as others still are.
func (s *search) grant(ctx context.Context, st *step) {
	grace := time.NewTimer(s.plan.grace())
	defer grace.Stop()
	for served := st.served(); s.evidence().unservedOpen() > 0; {
		select {
		case <-st.news:
			if now := st.served(); now > served {
				served = now
				grace.Reset(s.plan.grace())
			}
		case <-grace.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// begin starts a step.
func (s *search) begin(ctx context.Context, n int64, further bool) (*step, error) {
	plan := s.plan.Plan
	plan.Connections = n
	plan.Sources.Start += uint64(s.begun) // #nosec G115 -- not negative
	if further {
		plan.Concurrency = int(n) // all at once, as they may all fail
	}
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	st := newStep(&plan, further)
	st.job = s.engine.newJob(&plan, func(p *engine.Plan) { p.Keeps = true })
	fill := &rules.Fill{
		Exchange: keepalive(&plan), Patience: s.plan.Patience,
		Enough: int64(plan.Concurrency), Slow: min(slowFailure, plan.ConnectTimeout),
	}
	if s.speaks || len(s.steps) == 0 {
		fill.Linger = linger
	}
	st.fill = fill
	r, err := s.engine.start(st.job, fill.New)
	if err != nil {
		return nil, err
	}
	s.begun += n
	s.locked(func() { s.steps = append(s.steps, st) })
	c := collector{job: st.job, runner: r, observer: stepObserver{search: s}, tally: st, stop: st.stop, onSettle: func() { close(st.settled) }}
	go func() {
		defer close(st.ended)
		defer r.Release()
		c.run(context.WithoutCancel(ctx))
	}()
	return st, nil
}

// evidence adds up the steps.
func (s *search) evidence() *evidence {
	e := &evidence{
		hasServed: s.speaks || s.plan.Payload != nil, protocol: s.plan.Protocol(),
		errors: map[Class]int64{}, first: map[Class]Failure{}, local: map[Class]int64{},
	}
	for i, st := range s.steps {
		st.addTo(e, i < len(s.steps)-1 && !s.steps[i+1].further)
	}
	return e
}

// askAgain asks the connections that have answered once more, and closes their steps: something on the way may have forgotten the first ones for the
// last. It asks the last step first: if nobody answers there, the service takes its payload only once, which tells nothing of the others.
func (s *search) askAgain(ctx context.Context, dialing Class) (lost forgotten) {
	if s.plan.Payload == nil || s.plan.Protocol() == "udp" { // a datagram opens its flow anew
		return lost
	}
	steps := slices.DeleteFunc(slices.Clone(s.steps), func(st *step) bool { return st.served() == 0 })
	again := &rules.Again{Patience: s.plan.grace()}
	ask := func(some []*step) {
		for _, st := range some {
			st.askAgain(again, dialing)
		}
		for _, st := range some {
			select {
			case <-st.ended:
				st.addForgotten(&lost)
			case <-ctx.Done():
			}
		}
	}
	last := max(0, len(steps)-1)
	if ask(steps[last:]); lost.n == lost.asked {
		return forgotten{}
	}
	ask(steps[:last])
	return lost
}

// result closes everything. Connections that are still being dialed fail with the class dialing.
func (s *search) result(ctx context.Context, limit Limit, dialing Class) *CapacityResult {
	found := s.evidence()
	asked, begun := s.lastStep()
	if limit != LimitTime {
		asked = begun // the others were not wanted any more
		if found.forgotten = s.askAgain(ctx, dialing); found.forgotten.n > 0 {
			limit = LimitForgotten
		}
	}
	s.explainDrops(found)
	s.hangUp(dialing) // these fail now, and count
	e := s.evidence()
	s.explainDrops(e)
	return &CapacityResult{
		Connections:    found.connections(),
		Limit:          limit,
		LowerBound:     limit.lowerBound(),
		Explanation:    found.explain(limit),
		Asked:          asked,
		Begun:          begun,
		Attempted:      s.begun - e.notInitiated,
		NotInitiated:   e.notInitiated,
		FailedConnects: e.failed,
		Errors:         e.errors,
		First:          e.first,
		Closed:         found.closed,
		Unserved:       found.unserved() + found.forgotten.n,
		SYNRetransmits: e.synRetries,
		StartTime:      s.started,
		Duration:       time.Since(s.started),
		Steps:          s.found,
		TellsServed:    found.untold() == "",
	}
}

// explainDrops adds to the evidence what this host itself has dropped.
func (s *search) explainDrops(e *evidence) {
	if len(s.steps) > 0 {
		explainDrops(e.first, s.steps[0].drops, e.errors)
	}
}

// lastStep returns how many connections the last step has, and how many of these were begun.
func (s *search) lastStep() (asked, begun int64) {
	if len(s.steps) == 0 {
		return 0, 0
	}
	last := s.steps[len(s.steps)-1]
	return last.plan.Connections, last.plan.Connections - last.job.Counters.States().NotInitiated
}

// hangUp closes all connections. Those that are still being dialed fail with the class dialing.
func (s *search) hangUp(dialing Class) {
	for _, st := range s.steps {
		st.once.Do(func() { st.stop <- dialing })
	}
	for _, st := range s.steps {
		<-st.ended
	}
}

// end frees what the search has. Nothing is told to the plan's observer after it.
func (s *search) end() {
	s.hangUp(ClassAborted)
	close(s.stop)
	<-s.ended
}

// observe tells the plan's observer of time. There is one clock for all steps.
func (s *search) observe() {
	defer close(s.ended)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	monitor, stopMonitor := tickerOrNever(s.plan.Monitor)
	defer stopMonitor()
	for {
		select {
		case <-second.C:
			s.locked(s.observer.Second)
		case <-monitor:
			s.locked(func() { s.observer.Monitor(s.states()) })
		case <-s.stop:
			return
		}
	}
}

func (s *search) states() (sum States) {
	for _, st := range s.steps {
		sum = sum.Plus(st.job.Counters.States())
	}
	return sum
}

func (s *search) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// stepObserver shows the outcomes of a step to the plan's observer. The search has a clock of its own.
type stepObserver struct {
	unobserved
	search *search
}

// Outcomes implements Observer.
func (o stepObserver) Outcomes(batch []Outcome) {
	o.search.locked(func() { o.search.observer.Outcomes(batch) })
}
