package module

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/lib"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// tcpPing is tcpPing(target, options) of the JS API.
func (i *instance) tcpPing(target, opts sobek.Value) *sobek.Promise {
	state := i.vu.State()
	if state == nil {
		return i.rejected(fmt.Errorf("tcpPing() %w", errInitContext))
	}
	o, err := options.ParseTCPPing(exported(target), exported(opts))
	if err != nil {
		return i.rejected(err)
	}
	taken, err := takeForPing(&o.Pinging, state)
	if err != nil {
		return i.rejected(fmt.Errorf("tcpPing(): %w", err))
	}
	ctx, s, resolver := i.vu.Context(), newSampler(i, &options.Call{Tags: o.Tags}), state.GetAddrResolver()
	return i.async(func() (result, error) {
		to, lookup := timedResolve(resolver, o.Target)
		p := connect.TCPPing{Target: to, Source: taken.source, Timeout: o.Timeout}
		r := toTCPPingResult(p.Do(ctx), lookup, taken.from, cmp.Or(o.To, o.Target))
		s.tcpPing(o.Target, r)
		return object{r}, nil
	})
}

// timedResolve resolves a target, and tells how long that took: 0 if its host is an address.
func timedResolve(resolver lib.AddrResolver, target string) (connect.Target, time.Duration) {
	begun := time.Now()
	to := resolve(resolver, target)
	took := time.Since(begun)
	if _, err := netip.ParseAddrPort(target); err == nil {
		return to, 0
	}
	return to, took
}
