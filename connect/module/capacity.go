package module

import (
	"fmt"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// capacity is capacity(target, options) of the JS API.
func (i *instance) capacity(target, opts sobek.Value) *sobek.Promise {
	if i.vu.State() == nil {
		return i.rejected(fmt.Errorf("capacity() %w", errInitContext))
	}
	o, err := options.ParseCapacity(exported(target), exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	c, err := i.newCall(&o.Call)
	if err != nil {
		return i.rejected(fmt.Errorf("capacity(): %w", err))
	}
	c.sampler.holds = true
	return i.async(func() (result, error) {
		plan := connect.CapacityPlan{Plan: c.begin(c.sampler), Step: o.Step, Patience: o.Patience}
		c.sampler.start = time.Time{} // each step is a call with a start of its own
		r, err := i.root.engine.Capacity(c.ctx, plan)
		if err != nil {
			return nil, fmt.Errorf("capacity(): %w", err)
		}
		s := c.sampler
		s.add(s.metrics.capacity, s.call.With("target", s.targetTag()), s.root.stamps.next(time.Now()), float64(r.Connections))
		c.ledger.enterCapacity(r)
		s.states() // failures are what was looked for: no warnings
		return object{toCapacityResult(r)}, nil
	})
}

// capacityResult is a connect.CapacityResult with its duration in milliseconds.
type capacityResult struct {
	*connect.CapacityResult
	Duration float64 `json:"duration"`
}

func toCapacityResult(r *connect.CapacityResult) *capacityResult {
	return &capacityResult{CapacityResult: r, Duration: ms(r.Duration)}
}
