package module

import (
	"context"
	"fmt"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// hold is hold(target, options) of the JS API.
func (i *instance) hold(target, opts sobek.Value) *sobek.Promise {
	state := i.vu.State()
	if state == nil {
		return i.rejected(fmt.Errorf("hold() %w", errInitContext))
	}
	o, err := options.ParseHold(exported(target), exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	c, err := i.newCall(&o.Call)
	if err != nil {
		return i.rejected(fmt.Errorf("hold(): %w", err))
	}
	c.sampler.holds = true
	h := &held{call: c, iteration: i.watchIteration(), finished: make(chan struct{})}
	if o.Duration > 0 {
		h.keepAlive = i.vu.RegisterCallback()
	}
	return i.async(func() (result, error) {
		c.warn(o.Plan.Connections)
		plan := connect.HoldPlan{Plan: c.begin(c.sampler), Duration: o.Duration, Keepalive: o.Keepalive}
		connections, err := i.root.engine.Hold(context.WithoutCancel(c.ctx), plan)
		if err != nil {
			h.iteration.forget()
			h.release()
			return nil, fmt.Errorf("hold(): %w", err)
		}
		h.connections = connections
		go h.watch()
		select {
		case <-connections.Settled():
		case <-c.ctx.Done():
			connections.Close()
			<-h.finished
		}
		return h, nil
	})
}

// held are the connections of one call of hold().
type held struct {
	*call
	connections *connect.Held
	iteration   *iteration
	keepAlive   func(func() error) // lets the iteration go on until the connections are closed; nil if it need not
	finished    chan struct{}      // closed when the connections are, and everything is reported
}

// watch closes the connections when the iteration ends, and reports when nothing is left of them.
func (h *held) watch() {
	defer close(h.finished)
	defer h.release()
	select {
	case <-h.connections.Done():
	case <-h.iteration.ended:
		h.connections.Close()
	}
	r := h.connections.Result()
	h.sampler.finish(r.Connects, r.Errors, r.First)
	h.ledger.enterHold(r)
	h.iteration.forget()
}

func (h *held) release() {
	if h.keepAlive != nil {
		h.keepAlive(func() error { return nil })
	}
}

// value implements result: the object that scripts know as Held.
func (h *held) value(i *instance) (sobek.Value, error) {
	object := i.vu.Runtime().NewObject()
	for name, method := range map[string]any{
		"states": func() (sobek.Value, error) { return i.plain(h.connections.States()) },
		"result": func() (sobek.Value, error) { return i.plain(toHoldResult(h.connections.Result())) },
		"close":  func() *sobek.Promise { return h.close(i) },
	} {
		if err := object.Set(name, method); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func (h *held) close(i *instance) *sobek.Promise {
	return i.async(func() (result, error) {
		r := h.connections.Close()
		<-h.finished
		return object{toHoldResult(r)}, nil
	})
}
