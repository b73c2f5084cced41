package connect

import (
	"context"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// Engine makes the connections of any number of calls at once, on a few event loops that it starts for the first call
// and stops after the last. The zero value is ready to use.
type Engine struct {
	// Total counts the connections of all calls so far.
	Total Counters

	loops    loops
	portable bool // run everything on package net, as on systems without event loops
}

// runner makes the connections of a job.
type runner interface {
	// start begins, and returns without waiting.
	start() error
	// done is closed when no connection is left to make and none is open.
	done() <-chan struct{}
	// abort ends every open connection with ClassAborted and dials no more.
	abort()
	// close frees what start took, once done is closed.
	close()
}

// Flood connects to the plan's targets, reads the host name that each answers with, and closes. It returns when every
// connection has ended, when the plan's time is up, or soon after ctx is done. The result accounts for every connection
// in each of these cases; an error means that the plan is wrong or the event loops could not start, and nothing was dialled.
func (e *Engine) Flood(ctx context.Context, plan Plan) (*FloodResult, error) {
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	j := newJob(plan, &e.Total)
	r := e.newFlood(j)
	if err := r.start(); err != nil {
		j.count(&steps{planned: -j.plan.Connections})
		return nil, err
	}
	defer r.close()
	return newCollector(j).run(ctx, r), nil
}

// Flood makes one call on an engine of its own; see [Engine.Flood].
func Flood(ctx context.Context, plan Plan) (*FloodResult, error) {
	var e Engine
	return e.Flood(ctx, plan)
}

// collector gathers the outcomes of a job while it runs.
type collector struct {
	job   *job
	tally tally
}

func newCollector(j *job) *collector {
	return &collector{job: j, tally: newTally(&j.plan)}
}

func (c *collector) run(ctx context.Context, r runner) *FloodResult {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	monitor, stop := tickerOrNever(c.job.plan.Monitor)
	defer stop()
	observer := c.job.plan.Observer
	if observer == nil {
		observer = unobserved{}
	}
	aborted := ctx.Done()
	for {
		select {
		case <-c.job.wake:
			c.collect(observer)
		case <-second.C:
			observer.Second()
		case <-monitor:
			observer.Monitor(c.job.counters.States())
		case <-aborted:
			r.abort()
			aborted = nil
		case <-r.done():
			ended := loop.Now()
			c.collect(observer)
			return c.tally.result(c.job, ended)
		}
	}
}

func (c *collector) collect(observer Observer) {
	batches := c.job.collect()
	for _, batch := range batches {
		c.tally.add(batch)
		observer.Outcomes(batch)
	}
	c.job.recycle(batches)
}

func tickerOrNever(interval time.Duration) (ticks <-chan time.Time, stop func()) {
	if interval <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
}

// unobserved is the observer of a plan that has none.
type unobserved struct{}

func (unobserved) Outcomes([]Outcome) {}
func (unobserved) Second()            {}
func (unobserved) Monitor(States)     {}
