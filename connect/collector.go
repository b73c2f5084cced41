package connect

import (
	"context"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// collector gathers the outcomes of a job while it runs, and shows them to the plan's observer.
type collector struct {
	job      *engine.Job
	runner   engine.Runner
	observer Observer
	monitor  time.Duration // between two calls of the observer's Monitor; 0 is never
	tally    interface{ add(batch []Outcome) }
	atEnd    Class // of established connections when the context is done; see engine.Runner.Stop

	stop     <-chan Class // completes what is established, and ends what is being dialed with the class received; nil is never
	onAbort  func()       // called before the end of the context ends all; may be nil
	onSettle func()       // called once everything is established or has failed; may be nil
	drain    func()       // collects what the rules deliver besides; may be nil
}

// run collects until the runner is done.
func (c *collector) run(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	monitor, stopMonitor := tickerOrNever(c.monitor)
	defer stopMonitor()
	aborted, settled := ctx.Done(), c.runner.Settled()
	for {
		select {
		case <-c.job.Outcomes.Wake:
			c.collect()
		case <-second.C:
			c.observer.Second()
		case <-monitor:
			c.observer.Monitor(c.job.Counters.States())
		case <-settled:
			c.collect()
			c.settle()
			settled = nil
		case dialed := <-c.stop:
			c.runner.Stop(dialed, ClassNone)
		case <-aborted:
			if c.onAbort != nil {
				c.onAbort()
			}
			c.runner.Stop(ClassAborted, c.atEnd)
			aborted = nil
		case <-c.runner.Done():
			c.collect()
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

func (c *collector) collect() {
	c.job.Outcomes.Drain(func(batch []Outcome) {
		c.tally.add(batch)
		c.observer.Outcomes(batch)
	})
	if c.drain != nil {
		c.drain()
	}
}

func tickerOrNever(interval time.Duration) (ticks <-chan time.Time, stop func()) {
	if interval <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
}
