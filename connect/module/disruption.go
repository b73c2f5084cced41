package module

import (
	"fmt"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// disruption is disruption(before, after, options) of the JS API. It waits for nothing. In the init context it only
// computes; elsewhere its verdict is also in the metrics and the report.
func (i *instance) disruption(before, after, opts sobek.Value) (sobek.Value, error) {
	o, err := options.ParseDisruption(i.flowsOf(before), i.flowsOf(after), i.exported(opts))
	if err != nil {
		i.throw("disruption", err)
	}
	verdict, err := disruption.Of(&o.Before, &o.After, o.Change)
	if err != nil {
		i.throw("disruption", fmt.Errorf("disruption(): %w", err))
	}
	found := recording.Disruption{Verdict: verdict, Judged: verdicts.Disruption(verdict, &o.Expect)}
	if i.vu.State() != nil {
		e := newEmitter(i, o.Tags)
		e.verdict(verdict)
		e.judged("disruption", e.base.Tags.With("model", string(verdict.Model)), found.Verdicts)
		i.root.ledger.Disruption(recording.About{Call: "disruption", Tags: o.Tags, Expect: o.Expect}, found)
	}
	return i.plain(found)
}

// flowsOf takes the flows out of a flood's result, and leaves the rest of it in JavaScript.
func (i *instance) flowsOf(result sobek.Value) any {
	object, ok := result.(*sobek.Object)
	if !ok {
		return nil
	}
	r := i.newReader()
	return r.tried(func() (any, error) { return r.value(object.Get("flows")) })
}

// verdict emits what a change of the backends did to flows.
func (e *emitter) verdict(v *disruption.Verdict) {
	tags := e.base.Tags.With("model", string(v.Model))
	at := e.root.stamps.next(time.Now())
	e.add(e.metrics.comparedFlows, tags, at, float64(v.Flows))
	e.found(e.metrics.movedShare, tags, at, v.MovedShare)
	e.found(e.metrics.excess, tags, at, v.Excess)
	e.found(e.metrics.lostFlows, tags, at, float64(v.Lost))
	e.push()
}
