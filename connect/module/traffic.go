package module

import (
	"cmp"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// traffic is traffic(target, options) of the JS API.
func (i *instance) traffic(target, opts sobek.Value) *sobek.Promise {
	o, c, err := prepare(i, "traffic", options.ParseTraffic, target, opts)
	if err != nil {
		return i.rejected("traffic", err)
	}
	c.redials = true
	return i.async("traffic", func() (result, error) {
		c.warn(o.Plan.Connections)
		packets := newPacketSampler(c.sampler)
		plan := o.With(c.begin(packets))
		plan.Packets = packets
		r, err := i.root.engine.Traffic(c.ctx, plan)
		if err != nil {
			return nil, c.refused(err)
		}
		advice.Add(r.First)
		verdicts.Traffic(r, &o.Expect, o.Verify, i.root.changes.During(r.StartTime, r.Duration))
		packets.losses(&r.Losses)
		c.judged(r.Verdicts)
		packets.finish(r, cmp.Or(o.Duration, connect.DefaultTrafficDuration))
		c.ledger.Traffic(c.about(), r)
		return objectWithList{object{r}, "records", r.Records}, nil
	})
}
