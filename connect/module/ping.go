package module

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// ping is ping(url, options) of the JS API.
func (i *instance) ping(target, opts sobek.Value) *sobek.Promise {
	if err := i.misplaced("ping"); err != nil {
		return i.rejected("ping", err)
	}
	state := i.vu.State()
	o, err := options.ParsePing(i.exported(target), i.exported(opts))
	if err != nil {
		return i.rejected("ping", err)
	}
	plan := o.Plan
	host := plan.IP.String()
	if u, err := ping.ParseURL(plan.URL); err == nil && !plan.IP.IsValid() {
		host = u.Hostname()
	}
	from, err := pingSource(i.vu.Context(), o.Source, host, state)
	if err != nil {
		return i.rejected("ping", fmt.Errorf("ping(): %w", err))
	}
	plan.Source, plan.TLS, plan.From = from, tlsConfig(state.TLSConfig, ""), placeOf(o.From)
	plan.Resolve = pingResolver(state, &plan)
	ctx, e := i.vu.Context(), newEmitter(i, o.Tags)
	targets := i.pingTargets(o, state)
	return i.async("ping", func() (result, error) {
		to, lookup := targets(ctx)
		type pinged struct {
			*ping.Result
			error
		}
		done := eachAddress(to, func(t connect.Target) pinged {
			r, err := ping.Do(ctx, pingOf(plan, t))
			return pinged{r, err}
		})
		results := make([]*pingResult, 0, len(done))
		for n, d := range done {
			if d.error != nil {
				return nil, fmt.Errorf("ping(): %w", &connect.PlanError{Err: d.error}) // nothing else is an error there
			}
			r := toPingResult(d.Result, o.To)
			r.DNS += ms(lookup)
			e.ofAddress(to[n], o.AllAddresses).ping(r)
			results = append(results, r)
		}
		return e.concludePing(o, results), nil
	})
}

// concludePing judges a ping by what came of each address, enters it in the report, and returns what the script gets.
func (e *emitter) concludePing(o *options.Ping, results []*pingResult) result {
	failed := func(r *pingResult) bool { return r.Failed }
	unreached := func(r *pingResult) bool { return r.FailedIn != ping.PhaseNone && r.FailedIn < ping.PhaseFirstByte }
	r := worstOf(results, failed)
	judged := verdicts.PingOf(verdicts.Exchange{
		Addresses: int64(len(results)), Connected: countUnless(results, unreached), Answered: countUnless(results, failed), Target: results[0].URL,
		Why: troubles(results, failed, func(r *pingResult) string { return pingedAt(r.RemoteAddr, r.trouble) }),
	}, &o.Expect, true)
	e.judged("ping", e.pingTags(r.From, r.To, r.URL), judged.Verdicts)
	e.root.ledger.Ping(recording.About{Call: "ping", Targets: []string{r.URL}, From: o.From, To: o.To, Tags: o.Tags, Answers: true, Expect: o.Expect}, &recording.Ping{
		Start: r.StartTime, Connected: countUnless(results, unreached) == int64(len(results)), Answered: !r.Failed, Why: r.trouble,
		DNS: fromMS(r.DNS), Connect: fromMS(r.Connect), TLS: fromMS(r.TLS), FirstByte: fromMS(r.FirstByte), LastByte: fromMS(r.LastByte),
		Total: fromMS(r.Total), Verdicts: judged.Verdicts,
	})
	if !o.AllAddresses {
		results = nil
	}
	return object{struct {
		*pingResult
		connect.Judged
		Addresses []*pingResult `json:"addresses,omitempty"`
	}{r, judged, results}}
}

// pingTargets returns what finds the addresses to ping, and how long that takes: with all of them, those of the URL's host; else one that
// is not valid, which leaves the look-up to the ping.
func (i *instance) pingTargets(o *options.Ping, state *lib.State) func(ctx context.Context) ([]connect.Target, time.Duration) {
	u, err := ping.ParseURL(o.Plan.URL)
	if !o.AllAddresses || err != nil {
		return func(context.Context) ([]connect.Target, time.Duration) { return make([]connect.Target, 1), 0 }
	}
	all, resolver := i.newAllAddresses(state), state.GetAddrResolver()
	port := cmp.Or(u.Port(), map[string]string{"https": "443"}[u.Scheme], "80")
	return func(ctx context.Context) ([]connect.Target, time.Duration) {
		return all.lookUp(ctx, resolver, []string{net.JoinHostPort(u.Hostname(), port)}, cmp.Or(o.Timeout, ping.DefaultTimeout))
	}
}

// pingSource is where this iteration's pings of a host come from; not valid if that is the operating system's choice. It is an error if
// the host is an address of the other IP version; of a name, only its look-up tells. To be called on the VU's goroutine.
func pingSource(ctx context.Context, given *source.Pool, host string, state *lib.State) (netip.Addr, error) {
	sources := source.Sequence{Pool: given}
	if err := placeSources(ctx, &sources, 1, host, state); err != nil {
		return netip.Addr{}, err
	}
	from := sources.At(0).Addr()
	to, err := netip.ParseAddr(host)
	if err != nil {
		return from, nil //nolint:nilerr // it is a name
	}
	return from, source.Dialer{Source: from}.Check(to)
}

// placeOf is the name of this end of a ping.
func placeOf(given string) string {
	if given != "" {
		return given
	}
	name, _ := os.Hostname()
	return name
}

// pingResolver looks hosts up as k6 does everywhere. A host that is blocked stays so if an address is given for it.
func pingResolver(state *lib.State, plan *ping.Plan) ping.Resolver {
	resolver, forbidden := state.GetAddrResolver(), errIfBlocked(state, plan)
	return func(_ context.Context, host string, port uint16) ([]netip.AddrPort, error) {
		if forbidden != nil {
			return nil, forbidden
		}
		t := resolve(resolver, net.JoinHostPort(host, strconv.Itoa(int(port))))
		if t.Class != connect.ClassNone {
			return nil, lookUpError(t)
		}
		return []netip.AddrPort{t.Addr}, nil
	}
}

// lookUpError is why a target has no address that may be connected to.
func lookUpError(t connect.Target) error {
	if t.Class == connect.ClassBlocked {
		return fmt.Errorf("%w: %w", ping.ErrBlocked, t.Err)
	}
	return t.Err
}

// pingOf is a plan with the address of a target, if that has one or may not have it.
func pingOf(plan ping.Plan, t connect.Target) ping.Plan {
	switch {
	case t.Err != nil:
		plan.Resolve = func(context.Context, string, uint16) ([]netip.AddrPort, error) { return nil, lookUpError(t) }
	case t.Addr.IsValid():
		plan.IP = t.Addr.Addr()
	}
	return plan
}

func errIfBlocked(state *lib.State, plan *ping.Plan) error {
	names := state.Options.BlockedHostnames
	u, err := ping.ParseURL(plan.URL)
	if !names.Valid || err != nil {
		return nil //nolint:nilerr // ping.Do tells of wrong URLs
	}
	if pattern, found := names.Trie.Contains(u.Hostname()); found {
		return fmt.Errorf("%w: hostname (%s) is in a blocked pattern (%s)", ping.ErrBlocked, u.Hostname(), pattern)
	}
	return nil
}
