package module

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// ping is ping(url, options) of the JS API.
func (i *instance) ping(target, opts sobek.Value) *sobek.Promise {
	state := i.vu.State()
	if state == nil {
		return i.rejected(fmt.Errorf("ping() %w", errInitContext))
	}
	o, err := options.ParsePing(exported(target), exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	taken, err := takeForPing(i.vu.Context(), &o.Pinging, state)
	if err != nil {
		return i.rejected(fmt.Errorf("ping(): %w", err))
	}
	plan := o.Plan
	plan.Source, plan.TLS, plan.From = taken.source, taken.tls, taken.from
	plan.Resolve = pingResolver(state, &plan)
	ctx, e := i.vu.Context(), newEmitter(i, o.Tags)
	return i.async(func() (result, error) {
		done, err := ping.Do(ctx, plan)
		if err != nil {
			return nil, fmt.Errorf("ping(): %w", &connect.PlanError{Err: err}) // nothing else is an error there
		}
		r := toPingResult(done, o.To)
		e.ping(r)
		return object{r}, nil
	})
}

// ofVU is what a ping takes from its VU.
type ofVU struct {
	source netip.Addr
	tls    *tls.Config
	from   string
}

// takeForPing takes what a flood of one TLS connection would. To be called on the VU's goroutine.
func takeForPing(ctx context.Context, o *options.Pinging, state *lib.State) (ofVU, error) {
	var c options.Call
	c.Plan.Network, c.Plan.Connections, c.Plan.Sources.Pool = "tls", 1, o.Source
	if err := completeFromVU(ctx, &c, state); err != nil {
		return ofVU{}, err
	}
	taken := ofVU{tls: c.Plan.TLS, from: o.From}
	if c.Plan.Sources.Chosen() {
		taken.source = c.Plan.Sources.At(0).Addr()
	}
	if taken.from == "" {
		taken.from, _ = os.Hostname()
	}
	return taken, nil
}

// pingResolver looks hosts up as k6 does everywhere. A host that is blocked stays so if an address is given for it.
func pingResolver(state *lib.State, plan *ping.Plan) ping.Resolver {
	resolver, forbidden := state.GetAddrResolver(), errIfBlocked(state, plan)
	return func(_ context.Context, host string, port uint16) ([]netip.AddrPort, error) {
		if forbidden != nil {
			return nil, forbidden
		}
		t := resolve(resolver, net.JoinHostPort(host, strconv.Itoa(int(port))))
		switch t.Class {
		case connect.ClassNone:
			return []netip.AddrPort{t.Addr}, nil
		case connect.ClassBlocked:
			return nil, fmt.Errorf("%w: %w", ping.ErrBlocked, t.Err)
		}
		return nil, t.Err
	}
}

func errIfBlocked(state *lib.State, plan *ping.Plan) error {
	names := state.Options.BlockedHostnames
	u, err := url.Parse(plan.URL)
	if !names.Valid || err != nil {
		return nil //nolint:nilerr // ping.Do tells of wrong URLs
	}
	if pattern, found := names.Trie.Contains(u.Hostname()); found {
		return fmt.Errorf("%w: hostname (%s) is in a blocked pattern (%s)", ping.ErrBlocked, u.Hostname(), pattern)
	}
	return nil
}
