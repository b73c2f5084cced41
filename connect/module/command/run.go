package command

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/command/live"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

func flood(s *session, targets []string, object any) (*finished, error) {
	o, err := options.ParseFlood(anyOf(targets), object)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(&o.Call, o.AtOnce())
	if err != nil {
		return nil, err
	}
	view := s.watch(&plan, live.Call{Asked: asked(&plan), Limit: o.Limit})
	r, err := s.engine.Flood(s.ctx, o.With(plan))
	view.Close()
	if err != nil {
		return nil, advice.OnStart(err)
	}
	s.advise(r.First)
	verdicts.Flood(r, &o.Expect, !o.SkipReply)
	about := s.about(&o.Call)
	about.Answers, about.Weights = !o.SkipReply, o.Weights
	return &finished{judged: s.judged(r.Judged), enter: func() { s.ledger.Flood(about, r) }}, nil
}

func hold(s *session, targets []string, object any) (*finished, error) {
	o, err := options.ParseHold(anyOf(targets), object)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(&o.Call, o.Plan.Connections)
	if err != nil {
		return nil, err
	}
	end, err := s.changes.listen(s.ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	c := live.Call{Asked: asked(&plan), Limit: o.Duration, Total: o.Duration > 0}
	view := s.watch(&plan, c)
	held, err := s.engine.Hold(context.WithoutCancel(s.ctx), o.With(plan))
	if err != nil {
		view.Close()
		return nil, advice.OnStart(err)
	}
	interrupted := false
	select {
	case <-held.Done():
	case <-s.ctx.Done():
		interrupted = o.Duration > 0 // without, that is how it ends
	}
	r := held.Cut()
	view.Close()
	s.advise(r.First)
	verdicts.Hold(r, &o.Expect, s.changes.During(r.StartTime, r.Duration))
	if interrupted {
		interrupt(&r.Judged, r.Duration, o.Duration)
	}
	return &finished{judged: s.judged(r.Judged), enter: func() { s.ledger.Hold(s.about(&o.Call), r) }}, nil
}

// interrupt makes the verdict complete of a call that the user has ended early fail.
func interrupt(j *connect.Judged, after, planned time.Duration) {
	text := fmt.Sprintf("the call was ended from outside (Ctrl-C or a signal), after %s of %s", after.Round(time.Millisecond), planned)
	for i := range j.Verdicts {
		if v := &j.Verdicts[i]; v.Name == verdicts.Complete {
			v.OK, v.Text, j.OK = false, text, false
		}
	}
}

func traffic(s *session, targets []string, object any) (*finished, error) {
	o, err := options.ParseTraffic(anyOf(targets), object)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(&o.Call, o.Plan.Connections)
	if err != nil {
		return nil, err
	}
	end, err := s.changes.listen(s.ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	duration := cmp.Or(o.Duration, connect.DefaultTrafficDuration)
	view := s.watch(&plan, live.Call{Asked: asked(&plan), Limit: duration, Total: true})
	whole := o.With(plan)
	whole.Packets = view
	r, err := s.engine.Traffic(s.ctx, whole)
	view.Close()
	if err != nil {
		return nil, advice.OnStart(err)
	}
	s.advise(r.First)
	verdicts.Traffic(r, &o.Expect, o.Verify, s.changes.During(r.StartTime, r.Duration))
	return &finished{judged: s.judged(r.Judged), enter: func() { s.ledger.Traffic(s.about(&o.Call), r) }}, nil
}

func capacity(s *session, targets []string, object any) (*finished, error) {
	o, err := options.ParseCapacity(anyOf(targets), object)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(&o.Call, 0)
	if err != nil {
		return nil, err
	}
	view := s.watch(&plan, live.Call{Asked: plan.Connections, Limit: o.Limit})
	r, err := s.engine.Capacity(s.ctx, o.With(plan))
	view.Close()
	if err != nil {
		return nil, advice.OnStart(err)
	}
	s.advise(r.First)
	judged := s.judged(verdicts.CapacityOf(r, &o.Expect))
	if s.ctx.Err() != nil && !judged.OK {
		interrupt(&judged, r.Duration, o.Limit)
	}
	return &finished{judged: judged, enter: func() { s.ledger.Capacity(s.about(&o.Call), r, judged.Verdicts) }}, nil
}

func idle(s *session, targets []string, object any) (*finished, error) {
	o, err := options.ParseIdle(anyOf(targets), object)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(&o.Call, o.Plan.Connections)
	if err != nil {
		return nil, err
	}
	view := s.watch(&plan, live.Call{Limit: o.Limit})
	whole := o.With(plan)
	whole.Progress = silences(view)
	r, err := s.engine.Idle(s.ctx, whole)
	view.Close()
	if err != nil {
		return nil, advice.OnStart(err)
	}
	s.advise(r.First)
	advice.Control(&r.Control)
	judged := s.judged(verdicts.IdleOf(r, &o.Expect))
	return &finished{judged: judged, enter: func() { s.ledger.Idle(s.about(&o.Call), r, judged.Verdicts) }}, nil
}

// silences shows between which silences the timeout is known to be.
func silences(view live.View) func(atLeast time.Duration, atMost *time.Duration) {
	return func(atLeast time.Duration, atMost *time.Duration) {
		line := fmt.Sprintf("connections that were silent for %s are well", atLeast.Round(time.Millisecond))
		if atMost != nil {
			line += fmt.Sprintf(", those that were for %s are not", atMost.Round(time.Millisecond))
		}
		view.Remark(line)
	}
}

// asked is how many connections a plan asks for.
func asked(p *connect.Plan) int64 { return max(p.Connections, 1) }

// anyOf is a list as scripts give it.
func anyOf(texts []string) any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}
