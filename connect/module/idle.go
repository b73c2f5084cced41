package module

import (
	"fmt"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// idle is idle(target, options) of the JS API.
func (i *instance) idle(target, opts sobek.Value) *sobek.Promise {
	o, c, err := prepare(i, "idle", options.ParseIdle, target, opts)
	if err != nil {
		return i.rejected("idle", err)
	}
	return i.async("idle", func() (result, error) {
		s := idleSampler{searchSampler{c.sampler}}
		plan := o.With(c.begin(s))
		plan.Progress = s.progress
		r, err := i.root.engine.Idle(c.ctx, plan)
		if err != nil {
			return nil, c.refused(err)
		}
		advice.Add(r.First)
		advice.Control(&r.Control)
		judged := verdicts.IdleOf(r, &o.Expect)
		s.finish(r)
		c.judged(judged.Verdicts)
		c.ledger.Idle(c.about(), r, judged.Verdicts)
		return object{struct {
			*connect.IdleResult
			connect.Judged
		}{r, judged}}, nil
	})
}

// idleSampler counts the bytes of a search for an idle timeout. As in every search, failures are what is looked for.
type idleSampler struct{ searchSampler }

var _ connect.Observer = idleSampler{}

// progress logs, after the line of all calls, between which silences the timeout is known to be.
func (s idleSampler) progress(atLeast time.Duration, atMost *time.Duration) {
	line := fmt.Sprintf("idle: connections that were silent for %s are well", atLeast.Round(time.Millisecond))
	if atMost != nil {
		line += fmt.Sprintf(", those that were for %s are not", atMost.Round(time.Millisecond))
	}
	s.logger.Info(line)
}

// finish emits the timeout; of a connection that is never forgotten, the longest silence that was tried.
func (s idleSampler) finish(r *connect.IdleResult) {
	timeout := r.Timeout
	if r.How == connect.IdleNever {
		timeout = &r.AtLeast
	}
	if timeout != nil {
		s.found(s.metrics.idleTimeout, s.all, s.root.stamps.next(time.Now()), metrics.D(*timeout))
	}
	if !r.Control.Answered && s.root.notices.first("idle control") {
		s.logger.Warnf("mconnect: idle() has found nothing out, as the connection that was used at once was not answered: %s", r.Control.Message)
	} else if !r.Finished && s.root.notices.first("idle unfinished") {
		s.logger.Warnf("mconnect: idle() was ended after %s, before the timeout was known; allow a longer timeout, and k6 a longer maxDuration and gracefulStop", r.Duration.Round(time.Millisecond))
	}
	s.states()
}
