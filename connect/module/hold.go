package module

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// hold is hold(target, options) of the JS API.
func (i *instance) hold(target, opts sobek.Value) *sobek.Promise {
	o, c, err := prepare(i, "hold", options.ParseHold, target, opts)
	if err != nil {
		return i.rejected("hold", err)
	}
	s := &holdSampler{c.sampler, thinned(o.Plan.Connections, o.Keepalive)}
	h := &held{call: c, sampler: s, duration: o.Duration, finished: make(chan struct{}), release: i.delayEnd()}
	if o.Duration > 0 {
		h.keepAlive = i.vu.RegisterCallback()
	}
	return i.async("hold", func() (result, error) {
		plan := o.With(c.begin(s))
		c.warn(o.Plan.Connections)
		connections, err := i.root.engine.Hold(context.WithoutCancel(c.ctx), plan)
		if err != nil {
			h.letGo()
			return nil, c.refused(err)
		}
		h.connections = connections
		go h.watch()
		select {
		case <-connections.Settled():
		case <-c.ctx.Done():
			<-h.finished
		}
		return h, nil
	})
}

// held are the connections of one call of hold().
type held struct {
	*call
	sampler     *holdSampler
	connections *connect.Held
	duration    time.Duration      // that is asked for; 0 if close() ends them
	finished    chan struct{}      // closed when the connections are, and everything is reported
	release     func()             // lets iteration and test end
	keepAlive   func(func() error) // lets the script end; nil if it need not wait for the connections

	judgedResult atomic.Pointer[connect.HoldResult] // once all is over
}

// watch closes the connections when the iteration ends, or the test is stopped, and reports when nothing is left of them.
func (h *held) watch() {
	defer close(h.finished)
	defer h.letGo()
	select {
	case <-h.connections.Done():
	case <-h.ctx.Done():
	}
	h.connections.Cut()
	r := h.result()
	if asked := h.duration; r.Duration < asked && h.ctx.Err() != nil {
		r.Instead = asked
	}
	verdicts.Hold(r, &h.options.Expect, h.sampler.root.changes.During(r.StartTime, r.Duration))
	h.judgedResult.Store(r)
	h.sampler.finish(h.ctx, r)
	h.sampler.losses(&r.Losses)
	h.judged(r.Verdicts)
	h.ledger.Hold(h.about(), r)
}

func (h *held) letGo() {
	h.release()
	if h.keepAlive != nil {
		h.keepAlive(func() error { return nil })
	}
}

// value implements result: the object that scripts know as Held.
func (h *held) value(i *instance) (sobek.Value, error) {
	object := i.vu.Runtime().NewObject()
	for name, method := range map[string]any{
		"states": func() (sobek.Value, error) { return i.plain(h.connections.States()) },
		"result": func() (sobek.Value, error) { return i.plain(h.result()) },
		"close":  func() *sobek.Promise { return h.close(i) },
	} {
		if err := object.Set(name, method); err != nil {
			return nil, err
		}
	}
	return object, nil
}

// result is what has become of the connections so far. It is judged once, at the end.
func (h *held) result() *connect.HoldResult {
	if r := h.judgedResult.Load(); r != nil {
		return r
	}
	r := h.connections.Result()
	advice.Add(r.First)
	r.OK, r.Verdicts = true, []connect.Verdict{}
	return r
}

func (h *held) close(i *instance) *sobek.Promise {
	return i.async("hold", func() (result, error) {
		h.connections.Close()
		<-h.finished
		return object{h.result()}, nil
	})
}
