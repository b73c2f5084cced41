package connect

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
)

const (
	// furtherTries is how many connects are to show whether later ones get through, once some have failed, and mostFurtherTries how many where
	// that is rare.
	furtherTries, mostFurtherTries = 16, 64
	// linger is how long a connection that may be greeted keeps others waiting until it is. So what is dialed at once is what a short accept
	// queue has room for: it fills up by bursts, and takes connections that did not fit a second or more later.
	linger = 20 * time.Millisecond
	// slowFailure is how long a connect takes that keeps others waiting when it fails, at most.
	slowFailure = time.Second
)

// search is a capacity test under way. Its steps are shown to the plan's observer as one call.
type search struct {
	engine  *Engine
	plan    CapacityPlan
	started time.Time
	asked   int64 // of the target: connections of all steps but the further tries
	begun   int64 // numbers of sources that are used up
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
	fill := rules.Fill{
		Exchange: keepalive(&plan), Patience: s.plan.Patience,
		Enough: int64(plan.Concurrency), Slow: min(slowFailure, plan.ConnectTimeout),
	}
	if s.speaks || len(s.steps) == 0 {
		fill.Linger = linger
	}
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

// result closes everything. The class is that of connections which are still dialed.
func (s *search) result(limit Limit, dialing Class) *CapacityResult {
	found := s.evidence()
	s.explainDrops(found)
	asked, begun := s.lastStep()
	if limit != LimitTime {
		asked = begun // the others were not wanted any more
	}
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
		Unserved:       found.unserved(),
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

// hangUp closes all connections. The class is that of those which are still dialed.
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

// step is a number of connections that are opened together, and what has become of them.
type step struct {
	plan    *Plan
	further bool // to see whether later connects get through
	job     *engine.Job
	stop    chan Class // of what is still dialed
	once    sync.Once
	settled chan struct{}
	ended   chan struct{}
	news    chan struct{} // gets a value when outcomes have been added

	mu sync.Mutex // for all that follows
	tally
	marks  []marks // by number
	open   int64
	due    int64 // open connections that have not had their time
	good   int64 // open connections that were served
	closed int64
	dials  dialFailures
}

// marks are what is known of one connection.
type marks uint8

const (
	wasEstablished marks = 1 << iota
	hasFailed            // to connect, for a reason that tells of the target or the way to it
	hasSpoken
	isServed
	hadTime  // is served, has waited, or is over
	hasEnded // was established
)

func newStep(plan *Plan, further bool) *step {
	return &step{
		plan: plan, further: further, stop: make(chan Class, 1), settled: make(chan struct{}), ended: make(chan struct{}), news: make(chan struct{}, 1),
		tally: newTally(plan, 0), marks: make([]marks, plan.Connections),
	}
}

// add takes note of outcomes.
func (st *step) add(batch []Outcome) {
	st.mu.Lock()
	for i := range batch {
		o := &batch[i]
		st.note(o, &st.marks[o.Number])
	}
	st.mu.Unlock()
	select {
	case st.news <- struct{}{}:
	default: // there are news already
	}
}

func (st *step) note(o *Outcome, m *marks) {
	asks := st.plan.Payload != nil
	switch o.Event {
	case Established:
		st.dialEnded(o)
		*m |= wasEstablished
		st.open++
		st.due++
	case Spoke:
		*m |= hasSpoken
		if !asks {
			st.serve(m)
		}
	case Echoed:
		st.serve(m)
		st.release(m)
	case Waited:
		st.release(m)
	case Ended:
		st.over(o, m)
	default: // says nothing of the target
	}
}

func (st *step) serve(m *marks) {
	if *m&isServed == 0 {
		*m |= isServed
		st.good++
	}
}

// release notes that a connection need not be waited for.
func (st *step) release(m *marks) {
	if *m&hadTime == 0 {
		*m |= hadTime
		st.due--
	}
}

func (st *step) over(o *Outcome, m *marks) {
	if !o.Connected {
		st.dialEnded(o)
		st.fail(o)
		st.failedDial(o, m)
		return
	}
	st.release(m)
	*m |= hasEnded
	st.open--
	if *m&isServed != 0 {
		st.good--
	}
	switch {
	case o.Closed:
		st.closed++
	case o.Class != ClassNone:
		st.fail(o)
	}
}

// failedDial takes note of what a failed connect tells of the target and the way to it.
func (st *step) failedDial(o *Outcome, m *marks) {
	_, shaking := errors.AsType[HandshakeError](o.Err)
	switch o.Class {
	case ClassAborted, ClassDNS, ClassBlocked, ClassFDLimit, ClassAddrInUse, ClassAddrNotAvailable:
		return
	case ClassTimeout:
		switch {
		case errors.Is(o.Err, ReasonTimeUp):
			st.dials.timeUp++
			return
		case errors.Is(o.Err, ReasonHandshakeTimeout):
			st.dials.handshakes++
		default:
			st.dials.inVain++
			st.dials.vainSYNs += o.SYNRetransmits
		}
	case ClassClosed, ClassReset:
		if shaking {
			st.dials.hungUp++
		}
	default: // counts as failed
	}
	st.dials.total++
	*m |= hasFailed
}

func (st *step) locked(read func() int64) int64 {
	st.mu.Lock()
	defer st.mu.Unlock()
	return read()
}

// waiting is how many connections have not had their time.
func (st *step) waiting() int64 { return st.locked(func() int64 { return st.due }) }

func (st *step) served() int64 { return st.locked(func() int64 { return st.good }) }

// isGreeted reports whether each target that was reached has spoken first on some connection: who greets anybody greets all that it
// serves, and may serve no more than that one.
func (st *step) isGreeted() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	reached, greets := map[int]bool{}, map[int]bool{}
	for number, m := range st.marks {
		target := st.job.TargetOf(int64(number))
		reached[target] = reached[target] || m&wasEstablished != 0
		greets[target] = greets[target] || m&hasSpoken != 0
	}
	some := false
	for target := range reached {
		if reached[target] && !greets[target] {
			return false
		}
		some = some || greets[target]
	}
	return some
}

// wentWell reports whether a connection is established and, where that can be told, served.
func (m marks) wentWell(serves bool) bool {
	return m&(wasEstablished|hasEnded) == wasEstablished && (!serves || m&isServed != 0)
}

// wentWrong reports whether a connect has failed, or a connection was closed or is not served.
func (m marks) wentWrong(serves bool) bool {
	return m&hasFailed != 0 || m&wasEstablished != 0 && !m.wentWell(serves)
}

// later counts the connections that were begun after one that went wrong, and those of them that got through. A connection is later if a
// whole round trip lies between: what is dialed at once may overtake each other on the way. After the last connection that was closed or not
// served, it counts none that got through: a target may close old connections for new ones.
func (st *step) later(serves bool) (tried, passed int64) {
	from, last := int64(-1), int64(-1)
	dials := false
	for number, m := range st.marks {
		if m.wentWrong(serves) {
			last = int64(number)
			dials = dials || m&hasFailed != 0
			if from < 0 {
				from = last + int64(st.plan.Concurrency)
			}
		}
	}
	switch {
	case st.further:
		from, last = 0, int64(len(st.marks))
	case from < 0:
		return 0, 0
	case dials:
		last = int64(len(st.marks))
	}
	begun := st.plan.Connections - st.job.Counters.States().NotInitiated
	for number := from; number < begun; number++ {
		switch m := st.marks[number]; {
		case m.wentWrong(serves):
			tried++
		case m.wentWell(serves) && number < last:
			tried++
			passed++
		}
	}
	return tried, passed
}

// addTo adds a step to the evidence. wasJudged says that it had been watched to the end before others were begun.
func (st *step) addTo(e *evidence, wasJudged bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	e.established += st.open
	e.served += st.good
	e.closed += st.closed
	if wasJudged {
		e.closedLate += st.closed
	}
	e.notInitiated += st.job.Counters.States().NotInitiated
	e.failed += st.failedConnects
	e.synRetries += st.synRetransmits
	e.dials.total += st.dials.total
	e.dials.timeUp += st.dials.timeUp
	e.dials.inVain += st.dials.inVain
	e.dials.vainSYNs += st.dials.vainSYNs
	e.dials.handshakes += st.dials.handshakes
	e.dials.hungUp += st.dials.hungUp
	for class, n := range st.byClass() {
		e.errors[class] += n
		if !st.further {
			e.local[class] += n
		}
	}
	for class, failure := range st.first {
		if _, known := e.first[class]; !known {
			e.first[class] = failure
		}
	}
	tried, passed := st.later(e.hasServed)
	e.tried += tried
	e.passed += passed
	e.wasTried = st.further
	if st.further {
		e.passedFurther += passed
	}
}
