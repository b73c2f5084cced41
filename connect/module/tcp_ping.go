package module

import (
	"cmp"
	"fmt"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// tcpPing is tcpPing(target, options) of the JS API.
func (i *instance) tcpPing(target, opts sobek.Value) *sobek.Promise {
	if err := i.misplaced("tcpPing"); err != nil {
		return i.rejected("tcpPing", err)
	}
	state := i.vu.State()
	o, err := options.ParseTCPPing(i.exported(target), i.exported(opts))
	if err != nil {
		return i.rejected("tcpPing", err)
	}
	host, _, _ := connect.SplitTarget(o.Target) // has been checked
	from, err := pingSource(i.vu.Context(), o.Source, host, state)
	if err != nil {
		return i.rejected("tcpPing", fmt.Errorf("tcpPing(): %w", err))
	}
	ctx, e, resolver := i.vu.Context(), newEmitter(i, o.Tags), state.GetAddrResolver()
	var all *allAddresses
	if o.AllAddresses {
		all = i.newAllAddresses(state)
	}
	return i.async("tcpPing", func() (result, error) {
		limit := cmp.Or(o.Timeout, connect.DefaultTCPPingTimeout)
		targets, lookup := targetsOf(ctx, all, resolver, []string{o.Target}, limit)
		pongs := eachAddress(targets, func(to connect.Target) *tcpPingResult {
			p := connect.TCPPing{Target: to, Source: from, Timeout: left(limit, lookup)}
			return toTCPPingResult(p.Do(ctx), lookup, placeOf(o.From), cmp.Or(o.To, o.Target))
		})
		for n, r := range pongs {
			e.ofAddress(targets[n], o.AllAddresses).tcpPing(o.Target, r)
		}
		failed := func(r *tcpPingResult) bool { return r.Failed }
		r := worstOf(pongs, failed)
		judged := verdicts.PingOf(verdicts.Exchange{
			Addresses: int64(len(pongs)), Connected: countUnless(pongs, failed), Target: o.Target, Why: troubles(pongs, failed, func(r *tcpPingResult) string { return r.Message }),
		}, &o.Expect, false)
		e.judged("tcpPing", e.pingTags(r.From, r.To, "tcp://"+o.Target), judged.Verdicts)
		e.root.ledger.Ping(recording.About{Call: "tcpPing", Network: "tcp", Targets: []string{o.Target}, From: o.From, To: o.To, Tags: o.Tags, Expect: o.Expect}, &recording.Ping{
			Start: r.StartTime, Connected: !r.Failed, Answered: !r.Failed, Why: r.Message,
			DNS: fromMS(r.DNS), Connect: fromMS(r.Connect), Total: fromMS(r.Connect), Verdicts: judged.Verdicts,
		})
		if !o.AllAddresses {
			pongs = nil
		}
		return object{struct {
			*tcpPingResult
			connect.Judged
			Addresses []*tcpPingResult `json:"addresses,omitempty"`
		}{r, judged, pongs}}, nil
	})
}
