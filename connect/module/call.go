package module

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

var errInitContext = errors.New("can't be called in the init context, before the test has begun; call it in setup() or in a VU's function")

// errSummary is why a call can't be made in handleSummary. k6 does not tell where a call is made, but that the test has ended.
var errSummary = errors.New("can't be called in handleSummary(): k6 has judged the thresholds by then, so that no verdict of it could fail the test; call it in teardown()")

// misplaced says why a call that has verdicts can't be made here, nil if it can.
func (i *instance) misplaced(call string) error {
	switch {
	case i.vu.State() == nil:
		return fmt.Errorf("%s() %w", call, errInitContext)
	case i.root.over.Load():
		return fmt.Errorf("%s() %w", call, errSummary)
	}
	return nil
}

// call is one call of flood(), hold(), capacity(), traffic() or idle(): what the script asks for, and what it takes from its VU.
type call struct {
	name     string
	options  *options.Call
	ctx      context.Context // the iteration's
	resolver lib.AddrResolver
	sampler  *sampler
	ledger   *recording.Ledger
	all      *allAddresses // nil unless each address of a name is a target
	redials  bool          // what does not resolve is dialed again, as long as there is time
}

// prepare reads the arguments of a call, and takes what it needs from the VU. To be called on the VU's goroutine.
func prepare[O interface{ Common() *options.Call }](i *instance, name string, parse func(target, opts any) (O, error), target, opts sobek.Value) (o O, c *call, err error) {
	if err = i.misplaced(name); err != nil {
		return o, nil, err
	}
	if o, err = parse(i.exported(target), i.exported(opts)); err != nil {
		return o, nil, err
	}
	if c, err = i.newCall(name, o.Common()); err != nil {
		return o, nil, fmt.Errorf("%s(): %w", name, err)
	}
	return o, c, nil
}

// newCall takes what a call needs from the VU.
func (i *instance) newCall(name string, o *options.Call) (*call, error) {
	state, plan := i.vu.State(), &o.Plan
	host, _, _ := connect.SplitTarget(o.Targets[0]) // has been checked
	if err := placeSources(i.vu.Context(), &plan.Sources, max(o.Most, plan.Connections, 1), host, state); err != nil {
		return nil, err
	}
	if o.Seed != nil {
		plan.Sources.Seed = *o.Seed
	}
	if plan.Protocol() == "tls" {
		plan.TLS = tlsConfig(state.TLSConfig, o.ServerName)
	}
	var all *allAddresses
	if o.AllAddresses {
		all = i.newAllAddresses(state)
	}
	return &call{name: name, all: all, options: o, ctx: i.vu.Context(), resolver: state.GetAddrResolver(), sampler: newSampler(i, o), ledger: &i.root.ledger}, nil
}

// begin resolves the targets, which may take a while, and returns the plan. What that took is taken off the time that the script
// allows; a default begins anew, so that traffic() lasts as long as it should.
func (c *call) begin(observer connect.Observer) connect.Plan {
	plan := c.options.Plan
	var took time.Duration
	plan.Targets, took = targetsOf(c.ctx, c.all, c.resolver, c.options.Targets, c.options.LookUpLimit())
	if c.all != nil {
		c.sampler.resolved(plan.Targets)
	}
	isKnown := func(t connect.Target) bool { return t.Err == nil }
	if plan.Timeout > 0 && (c.redials || slices.ContainsFunc(plan.Targets, isKnown)) { // else there is nothing to wait for, and all to count
		plan.Timeout = left(plan.Timeout, took)
	}
	plan.Observer = observer
	c.sampler.start = time.Now()
	return plan
}

// refused is the error of a call that the engine did not start.
func (c *call) refused(err error) error { return fmt.Errorf("%s(): %w", c.name, advice.OnStart(err)) }

// judged emits the verdicts on the call.
func (c *call) judged(list []connect.Verdict) { c.sampler.judged(c.name, c.sampler.all, list) }

// about is what the call was asked to do.
func (c *call) about() recording.About {
	o := c.options
	return recording.About{Call: c.name, Network: cmp.Or(o.Plan.Network, "tcp"), Targets: o.Targets, Tags: o.Tags, Expect: o.Expect}
}

// tlsConfig is the test's TLS configuration, for connections that are not HTTP's.
func tlsConfig(of *tls.Config, serverName string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if of != nil {
		config = of.Clone()
		config.NextProtos = nil
	}
	if serverName != "" {
		config.ServerName = serverName
	}
	return config
}
