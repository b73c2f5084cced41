package module

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
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
}

// newCall takes what a call needs from the VU. To be called on the VU's goroutine.
func (i *instance) newCall(o *options.Call) (*call, error) {
	state := i.vu.State()
	if err := completeFromVU(o, state); err != nil {
		return nil, err
	}
	return &call{options: o, ctx: i.vu.Context(), resolver: state.GetAddrResolver(), sampler: newSampler(i, o), ledger: &i.root.ledger}, nil
}

// begin resolves the targets, which may take a while, and returns the plan.
func (c *call) begin(observer connect.Observer) connect.Plan {
	plan := c.options.Plan
	for _, t := range c.options.Targets {
		plan.Targets = append(plan.Targets, resolve(c.resolver, t))
	}
	plan.Observer = observer
	c.sampler.start = time.Now()
	return plan
}

// completeFromVU takes what the script left out from the VU's state, and its place in the whole test.
func completeFromVU(o *options.Call, state *lib.State) error {
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
		sources.Start = next() * uint64(max(o.Plan.Connections, 1)) // #nosec G115 -- not negative
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
