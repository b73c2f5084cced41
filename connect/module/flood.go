package module

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

var errInitContext = errors.New("can't be called in the init context, before the test has begun; call it in setup() or in a VU's function")

// flood is flood(target, options) of the JS API.
func (i *instance) flood(target, opts sobek.Value) *sobek.Promise {
	state := i.vu.State()
	if state == nil {
		return i.rejected(fmt.Errorf("flood() %w", errInitContext))
	}
	o, err := options.ParseFlood(exported(target), exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	if err := completeFromVU(o, state); err != nil {
		return i.rejected(err)
	}
	s := newSampler(i, o)
	ctx, resolver, ledger := i.vu.Context(), state.GetAddrResolver(), &i.root.ledger
	return i.async(func() (any, error) {
		res, err := runFlood(ctx, &i.root.engine, resolver, o, s)
		if err != nil {
			return nil, err
		}
		ledger.enter(res)
		return toFloodResult(res), nil
	})
}

// async runs work on a goroutine of its own and settles the promise with what it returns. k6 waits for it.
func (i *instance) async(work func() (any, error)) *sobek.Promise {
	promise, resolve, reject := i.vu.Runtime().NewPromise()
	settle := i.vu.RegisterCallback()
	go func() {
		value, err := work()
		settle(func() error {
			if err != nil {
				return reject(i.typeError(err))
			}
			object, err := i.plain(value)
			if err != nil {
				return err
			}
			return resolve(object)
		})
	}()
	return promise
}

// completeFromVU takes what the script left out from the VU's state, and its place in the whole test.
func completeFromVU(o *options.Flood, state *lib.State) error {
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

func runFlood(ctx context.Context, engine *connect.Engine, resolver lib.AddrResolver, o *options.Flood, s *sampler) (*connect.FloodResult, error) {
	plan := o.Plan
	for _, t := range o.Targets {
		plan.Targets = append(plan.Targets, resolve(resolver, t))
	}
	plan.Observer = s
	s.start = time.Now()
	res, err := engine.Flood(ctx, plan)
	if err != nil {
		return nil, fmt.Errorf("flood(): %w", err)
	}
	s.finish(res)
	return res, nil
}
