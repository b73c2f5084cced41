package module

import (
	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// flood is flood(target, options) of the JS API.
func (i *instance) flood(target, opts sobek.Value) *sobek.Promise {
	o, c, err := prepare(i, "flood", options.ParseFlood, target, opts)
	if err != nil {
		return i.rejected("flood", err)
	}
	s := &floodSampler{c.sampler, !o.SkipReply}
	return i.async("flood", func() (result, error) {
		c.warn(o.AtOnce())
		res, err := i.root.engine.Flood(c.ctx, o.With(c.begin(s)))
		if err != nil {
			return nil, c.refused(err)
		}
		advice.Add(res.First)
		if res.Unread && i.root.notices.first("unread") {
			s.logger.Warnf("mconnect: flood() over UDP has sent datagrams, but read no answer (readReply: false), so whether anybody is there is not known: no verdict checks it")
		}
		verdicts.Flood(res, &o.Expect, !o.SkipReply)
		s.finish(c.ctx, res)
		c.judged(res.Verdicts)
		about := c.about()
		about.Answers, about.Weights = !o.SkipReply, o.Weights
		c.ledger.Flood(about, res)
		return object{res}, nil
	})
}
