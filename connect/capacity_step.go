package connect

import (
	"cmp"
	"errors"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
)

// step is a number of connections that are opened together, and what has become of them.
type step struct {
	plan    *Plan
	further bool // to see whether later connects get through
	job     *engine.Job
	fill    *rules.Fill
	stop    chan Class // with which connections that are still being dialed fail
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
	again  bool // connections that were served are asked once more
	lost   forgotten
}

// forgotten is what has become of connections that had answered, and were asked once more.
type forgotten struct {
	asked, n int64
	first    string // failure
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
		plan: plan, further: further, stop: make(chan Class, 2), settled: make(chan struct{}), ended: make(chan struct{}), news: make(chan struct{}, 1),
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
	served := *m&isServed != 0
	if served {
		st.good--
	}
	switch {
	case st.again && served:
		st.answeredAgain(o)
	case o.Closed:
		st.closed++
	case o.Class != ClassNone:
		st.fail(o)
	}
}

// askAgain asks the connections that were served once more, and ends the others.
func (st *step) askAgain(again *rules.Again, dialing Class) {
	st.mu.Lock()
	st.again = true
	st.mu.Unlock()
	st.fill.Again(again)
	st.stop <- dialing
}

// answeredAgain takes note of whether a connection that was asked once more has answered.
func (st *step) answeredAgain(o *Outcome) {
	st.lost.asked++
	if !o.Closed && o.Class == ClassNone {
		return
	}
	st.lost.n++
	if st.lost.first == "" && o.Err != nil {
		st.lost.first = st.plan.failure(o).Error()
	}
}

// addForgotten adds up what has become of connections that were asked once more.
func (st *step) addForgotten(sum *forgotten) {
	st.mu.Lock()
	defer st.mu.Unlock()
	sum.asked += st.lost.asked
	sum.n += st.lost.n
	sum.first = cmp.Or(sum.first, st.lost.first)
}

// failedDial takes note of what a failed connect tells of the target and the way to it.
func (st *step) failedDial(o *Outcome, m *marks) {
	_, shaking := errors.AsType[HandshakeError](o.Err)
	switch o.Class {
	case ClassAborted, ClassDNS, ClassBlocked, ClassFDLimit, ClassAddrInUse, ClassAddrNotAvailable:
		return
	case ClassTimeout:
		switch {
		case errors.Is(o.Err, ReasonTimeUp), errors.Is(o.Err, ReasonTimeUpShaking):
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

// later counts the connections that were begun after one that went wrong, and those of them that got through. A connection is later if a whole
// round trip lies between the two, since connections that are dialed at once may overtake each other on the way. After the last connection that was
// closed or not served, none counts as one that got through: a target may close old connections for new ones.
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
