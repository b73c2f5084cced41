package connect

import "sync/atomic"

// lanesPerLoop is the concurrency that one loop serves before another one takes part.
const lanesPerLoop = 16

func (e *Engine) newFlood(j *job) runner {
	if e.portable || j.plan.Protocol() == "tls" {
		return newNetRunner(j, answering{})
	}
	return newLoopRunner(e, j, newFloodActivity)
}

func (e *Engine) newHold(j *job) runner {
	if e.portable || j.plan.Protocol() == "tls" {
		return newNetRunner(j, holding{})
	}
	return newLoopRunner(e, j, newHoldActivity)
}

func (e *Engine) newTraffic(j *job) runner {
	if e.portable || j.plan.Protocol() == "tls" {
		return newNetRunner(j, talking{newRedialLanes(j)})
	}
	return newLoopRunner(e, j, newTrafficActivity)
}

// loopRunner runs a job on event loops, each of which makes a part of the connections.
type loopRunner struct {
	job         *job
	engine      *Engine
	newActivity func(*part) activity
	parts       []*part

	dialling, open atomic.Int32 // parts that have not settled, and that are not done
	allSettled     chan struct{}
	allDone        chan struct{}
}

func newLoopRunner(e *Engine, j *job, newActivity func(*part) activity) *loopRunner {
	return &loopRunner{job: j, engine: e, newActivity: newActivity, allSettled: make(chan struct{}), allDone: make(chan struct{})}
}

func (r *loopRunner) start() error {
	lanes := int(min(int64(r.job.plan.Concurrency), r.job.plan.Connections))
	loops, err := r.engine.loops.acquire((lanes + lanesPerLoop - 1) / lanesPerLoop)
	if err != nil {
		return err
	}
	r.dialling.Store(int32(len(loops))) // #nosec G115 -- at most maxLoops
	r.open.Store(int32(len(loops)))     // #nosec G115 -- at most maxLoops
	for i, l := range loops {
		share := lanes / (len(loops) - i)
		lanes -= share
		p := newPart(r, l, share)
		r.parts = append(r.parts, p)
		l.Do(func() { p.place = l.Attach(p) })
	}
	return nil
}

func (r *loopRunner) settled() <-chan struct{} { return r.allSettled }

func (r *loopRunner) done() <-chan struct{} { return r.allDone }

func (r *loopRunner) stop(dialling, established Class) {
	for _, p := range r.parts {
		p.loop.Do(func() { p.stop(dialling, established) })
	}
}

func (r *loopRunner) close() { r.engine.loops.release() }

// countDown closes a channel when the last part has come.
func countDown(parts *atomic.Int32, last chan struct{}) {
	if parts.Add(-1) == 0 {
		close(last)
	}
}
