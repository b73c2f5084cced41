package epoll

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// runner runs a job on event loops, each of which makes a share of the connections.
type runner struct {
	*engine.Shares
	job    *engine.Job
	rules  engine.NewRules
	loops  *Loops
	shares []*share
}

// share is what one loop makes of a job.
type share struct {
	loop     *loop.Loop
	core     *engine.Core
	attached *loop.Attachment
}

// NewRunner returns a runner on loops.
func NewRunner(loops *Loops, j *engine.Job, rules engine.NewRules) engine.Runner {
	return &runner{Shares: engine.NewShares(j), job: j, rules: rules, loops: loops}
}

// Start implements engine.Runner.
func (r *runner) Start() error {
	loops, err := r.loops.acquire(r.Wanted())
	if err != nil {
		return err
	}
	targets := endpoints(r.job, r.loops.ports)
	for i, lanes := range r.Lanes(len(loops)) {
		r.shares = append(r.shares, r.start(loops[i], lanes, targets))
	}
	return nil
}

func (r *runner) start(l *loop.Loop, lanes int, targets []endpoint) *share {
	d, s := newDriver(r.job, r.loops.ports, targets), &share{loop: l}
	s.core = engine.NewCore(r.job, d, lanes, r.rules, r.Hooks(func() { s.attached.Detach() }))
	d.core = s.core
	l.Do(func() {
		s.attached = l.Attach(d)
		d.loop = s.attached
	})
	return s
}

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
