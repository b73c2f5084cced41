package module

import (
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// capacity is capacity(target, options) of the JS API.
func (i *instance) capacity(target, opts sobek.Value) *sobek.Promise {
	o, c, err := prepare(i, "capacity", options.ParseCapacity, target, opts)
	if err != nil {
		return i.rejected("capacity", err)
	}
	return i.async("capacity", func() (result, error) {
		r, err := i.root.engine.Capacity(c.ctx, o.With(c.begin(searchSampler{c.sampler})))
		if err != nil {
			return nil, c.refused(err)
		}
		advice.Add(r.First)
		s := c.sampler
		s.found(s.metrics.capacity, s.all, s.root.stamps.next(time.Now()), float64(r.Connections))
		s.states() // failures are what was looked for: no warnings
		judged := verdicts.CapacityOf(r, &o.Expect)
		c.judged(judged.Verdicts)
		c.ledger.Capacity(c.about(), r, judged.Verdicts)
		return object{struct {
			*connect.CapacityResult
			connect.Judged
		}{r, judged}}, nil
	})
}

// searchSampler counts the bytes of a search for a limit, and leaves out its connects: that some fail is what was looked for, and no
// threshold on how connects fare is to be missed for it.
type searchSampler struct{ *sampler }

var _ connect.Observer = searchSampler{}

// Outcomes implements connect.Observer.
func (s searchSampler) Outcomes(batch []connect.Outcome) {
	s.sample(batch, func(o *connect.Outcome, t *targetSeries, _ time.Time) {
		if o.Event == connect.Ended {
			t.sent += o.Sent
			t.received += o.Received
		}
	})
}
