package connect

import (
	"context"
	"time"
)

// collector gathers the outcomes of a job while it runs, and shows them to the plan's observer.
type collector struct {
	job    *job
	runner runner
	tally  interface{ add(batch []Outcome) }
	atEnd  Class // of established connections when the context is done; see runner.stop

	stop     <-chan Class // completes what is established, and ends what is dialled with the class received; nil is never
	onSettle func()       // called once everything is established or has failed; may be nil
	echoes   func([]Echo) // called with batches of traffic's echoes, if this is traffic
}

// run collects until the runner is done.
func (c *collector) run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	monitor, stopMonitor := tickerOrNever(c.job.plan.Monitor)
	defer stopMonitor()
	observer := c.job.plan.Observer
	if observer == nil {
		observer = unobserved{}
	}
	aborted, stop, settled := ctx.Done(), c.stop, c.runner.settled()
	for {
		select {
		case <-c.job.wake:
			c.collect(observer)
		case <-second.C:
			observer.Second()
		case <-monitor:
			observer.Monitor(c.job.counters.States())
		case <-settled:
			c.collect(observer)
			c.settle()
			settled = nil
		case dialled := <-stop:
			c.runner.stop(dialled, ClassNone)
			stop = nil
		case <-aborted:
			c.runner.stop(ClassAborted, c.atEnd)
			aborted = nil
		case <-c.runner.done():
			c.collect(observer)
			if settled != nil {
				c.settle()
			}
			return
		}
	}
}

func (c *collector) settle() {
	if c.onSettle != nil {
		c.onSettle()
	}
}

func (c *collector) collect(observer Observer) {
	drain(&c.job.outcomes, func(batch []Outcome) {
		c.tally.add(batch)
		observer.Outcomes(batch)
	})
	if t := c.job.traffic; t != nil {
		drain(&t.echoes, c.echoes)
	}
}

// drain shows what has been delivered.
func drain[T any](from *outbox[T], show func([]T)) {
	batches := from.collect()
	for _, batch := range batches {
		show(batch)
	}
	from.recycle(batches)
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
