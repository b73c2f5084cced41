package epoll

import (
	"sync/atomic"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// lanesPerLoop is the concurrency that one loop serves before another one takes part.
const lanesPerLoop = 16

// runner runs a job on event loops, each of which makes a share of the connections.
type runner struct {
	job    *engine.Job
	rules  engine.NewRules
	loops  *Loops
	shares []*share

	dialing, open atomic.Int32 // shares that have not settled, and that have not finished
	settled, done chan struct{}
}

// share is what one loop makes of a job.
type share struct {
	loop     *loop.Loop
	core     *engine.Core
	attached *loop.Attachment
}

// NewRunner returns a runner on loops.
func NewRunner(loops *Loops, j *engine.Job, rules engine.NewRules) engine.Runner {
	return &runner{job: j, rules: rules, loops: loops, settled: make(chan struct{}), done: make(chan struct{})}
}

// Start implements engine.Runner.
func (r *runner) Start() error {
	lanes := int(min(int64(r.job.Plan.Concurrency), r.job.Plan.Connections))
	loops, err := r.loops.acquire(wanted(&r.job.Plan, lanes))
	if err != nil {
		return err
	}
	r.dialing.Store(int32(len(loops))) // #nosec G115 -- at most maxLoops
	r.open.Store(int32(len(loops)))    // #nosec G115 -- at most maxLoops
	targets := endpoints(r.job, r.loops.ports)
	for i, l := range loops {
		mine := lanes / (len(loops) - i)
		lanes -= mine
		r.shares = append(r.shares, r.start(l, mine, targets))
	}
	return nil
}

// wanted is how many loops a job with so many lanes takes, if there are as many.
func wanted(p *engine.Plan, lanes int) int {
	if p.OneCore {
		return 1
	}
	return (lanes + lanesPerLoop - 1) / lanesPerLoop
}

func (r *runner) start(l *loop.Loop, lanes int, targets []endpoint) *share {
	d, s := newDriver(r.job, r.loops.ports, targets), &share{loop: l}
	s.core = engine.NewCore(r.job, d, lanes, r.rules, engine.Hooks{
		Settled: func() { countDown(&r.dialing, r.settled) },
		Finished: func() {
			s.attached.Detach()
			countDown(&r.open, r.done)
		},
	})
	d.core = s.core
	l.Do(func() {
		s.attached = l.Attach(d)
		d.loop = s.attached
	})
	return s
}

// Settled implements engine.Runner.
func (r *runner) Settled() <-chan struct{} { return r.settled }

// Done implements engine.Runner.
func (r *runner) Done() <-chan struct{} { return r.done }

// Stop implements engine.Runner.
func (r *runner) Stop(dialing, established class.Class) {
	for _, s := range r.shares {
		s.loop.Do(func() {
			s.core.Stop(loop.Now(), dialing, established)
			s.attached.Wake()
		})
	}
}

// Release implements engine.Runner.
func (r *runner) Release() { r.loops.release() }

// countDown closes a channel when the last share has come.
func countDown(shares *atomic.Int32, last chan struct{}) {
	if shares.Add(-1) == 0 {
		close(last)
	}
}
