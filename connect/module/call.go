package module

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

var errInitContext = errors.New("can't be called in the init context, before the test has begun; call it in setup() or in a VU's function")

// call is one call of flood() or hold(): what the script asks for, and what it takes from its VU.
type call struct {
	options  *options.Call
	ctx      context.Context // the iteration's
	resolver lib.AddrResolver
	sampler  *sampler
	ledger   *ledger
	redials  bool // what does not resolve is dialled again, as long as there is time
}

// newCall takes what a call needs from the VU. To be called on the VU's goroutine.
func (i *instance) newCall(o *options.Call) (*call, error) {
	state := i.vu.State()
	if err := completeFromVU(i.vu.Context(), o, state); err != nil {
		return nil, err
	}
	return &call{options: o, ctx: i.vu.Context(), resolver: state.GetAddrResolver(), sampler: newSampler(i, o), ledger: &i.root.ledger}, nil
}

// lookUpPatience is what names have at least to resolve in if the script sets no limit: a resolver asks again after 5 s.
const lookUpPatience = 10 * time.Second

// begin resolves the targets, which may take a while, and returns the plan. What that took is taken off the time that the script
// allows; a default begins anew, so that traffic() lasts as long as it should.
func (c *call) begin(observer connect.Observer) connect.Plan {
	plan := c.options.Plan
	limit := c.options.Limit
	if plan.Timeout == 0 {
		limit = max(limit, lookUpPatience)
	}
	var took time.Duration
	plan.Targets, took = lookUp(c.ctx, c.resolver, c.options.Targets, limit)
	isKnown := func(t connect.Target) bool { return t.Err == nil }
	if plan.Timeout > 0 && (c.redials || slices.ContainsFunc(plan.Targets, isKnown)) { // else there is nothing to wait for, and all to count
		plan.Timeout = left(plan.Timeout, took)
	}
	plan.Observer = observer
	c.sampler.start = time.Now()
	return plan
}

// completeFromVU takes what the script left out from the VU's state, and its place in the whole test.
func completeFromVU(ctx context.Context, o *options.Call, state *lib.State) error {
	sources := &o.Plan.Sources
	if local := state.Options.LocalIPs; sources.Pool == nil && local.Valid {
		text, err := local.MarshalText()
		if err != nil {
			return err
		}
		if sources.Pool, err = source.ParsePool(string(text)); err != nil {
			return fmt.Errorf("k6's localIPs: %w", err)
		}
	}
	if next := state.GetScenarioGlobalVUIter; next != nil && !inSetup(state) {
		connections := max(o.Most, o.Plan.Connections, 1)
		sources.Start = scenarioStart(ctx, sources, state) + next()*uint64(connections) // #nosec G115 -- not negative
	}
	sources.Seed = rand.Uint64() // #nosec G404 -- picks test traffic, not secrets
	if o.Seed != nil {
		sources.Seed = *o.Seed
	}
	if o.Plan.Protocol() == "tls" {
		o.Plan.TLS = tlsConfig(state.TLSConfig, o.ServerName)
	}
	return nil
}

// scenarioStart is where the sources of this scenario begin. k6 counts iterations by scenario, so each has a part of the sources, and
// a test's only one has all of them.
func scenarioStart(ctx context.Context, sources *source.Sequence, state *lib.State) uint64 {
	scenario := lib.GetScenarioState(ctx)
	if scenario == nil {
		return 0
	}
	names := slices.Sorted(maps.Keys(state.Options.Scenarios)) // the same in all instances of the test
	at := slices.Index(names, scenario.Name)
	if at < 0 {
		return 0
	}
	return sources.Share(uint64(at), uint64(len(names))) // #nosec G115 -- not negative
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
