package command

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/advice"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// pingAny pings a URL, or a target, which has no scheme.
func pingAny(s *session, targets []string, object any) (*finished, error) {
	if strings.Contains(targets[0], "://") {
		return pingURL(s, targets[0], object)
	}
	return pingTarget(s, targets[0], object)
}

func pingURL(s *session, url string, object any) (*finished, error) {
	o, err := options.ParsePing(url, object)
	if err != nil {
		return nil, err
	}
	plan := o.Plan
	plan.Source, plan.TLS, plan.From = firstOf(o.Source), s.tlsConfig(""), cmp.Or(o.From, hostName())
	addrs, lookup, err := pingedAddresses(s.ctx, o)
	if err != nil {
		return nil, err
	}
	f := &finished{text: []string{ping.Header}}
	var results []*ping.Result
	var troubles []string
	reached := int64(0)
	for _, addr := range addrs {
		plan.IP = addr
		r, err := ping.Do(s.ctx, plan)
		if err != nil {
			return nil, err
		}
		r.DNS += lookup
		f.text = append(f.text, r.Format())
		results = append(results, r)
		if r.Failed() {
			troubles = append(troubles, r.Trouble())
		}
		if r.FailedIn == ping.PhaseNone || r.FailedIn >= ping.PhaseFirstByte {
			reached++
		}
	}
	f.judged = verdicts.PingOf(verdicts.Exchange{
		Addresses: int64(len(results)), Connected: reached, Answered: int64(len(results) - len(troubles)),
		Target: results[0].URL, Why: strings.Join(troubles, "; "),
	}, &o.Expect, true)
	f.judged = s.judged(f.judged)
	f.enter = func() {
		why := strings.Join(troubles, "; ")
		s.ledger.Ping(recording.About{Call: "ping", Network: "tcp", Targets: []string{url}, From: o.From, To: o.To, Tags: o.Tags, Answers: true, Expect: o.Expect}, &recording.Ping{
			Start: results[0].Start, Connected: reached == int64(len(results)), Answered: len(troubles) == 0, Connect: results[0].Connect, Total: results[0].Total,
			Why: why, Verdicts: f.judged.Verdicts,
		})
	}
	return f, nil
}

// pingedAddresses are those to ping, not valid where the ping is to look the host up itself.
func pingedAddresses(ctx context.Context, o *options.Ping) ([]netip.Addr, time.Duration, error) {
	u, err := ping.ParseURL(o.Plan.URL)
	if !o.AllAddresses || err != nil {
		return []netip.Addr{o.Plan.IP}, 0, err
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.Timeout, ping.DefaultTimeout))
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return make([]netip.Addr, 1), 0, nil // the ping will tell
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), time.Since(begun), nil
}

func pingTarget(s *session, target string, object any) (*finished, error) {
	o, err := options.ParseTCPPing(target, object)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(o.Timeout, connect.DefaultTCPPingTimeout)
	call := &options.Call{Targets: []string{target}, AllAddresses: o.AllAddresses, Plan: connect.Plan{Sources: source.Sequence{Pool: o.Source}}}
	begun := time.Now()
	found := lookUp(s.ctx, call, limit)
	lookup := time.Since(begun)
	f := &finished{}
	var results []connect.TCPPong
	var troubles []string
	for _, t := range found {
		r := connect.TCPPing{Target: t, Source: firstOf(o.Source), Timeout: max(limit-lookup, limit/10)}.Do(s.ctx)
		results = append(results, r)
		if r.Class != connect.ClassNone {
			troubles = append(troubles, advice.OnError(r.Err).Error())
			continue
		}
		f.text = append(f.text, fmt.Sprintf("%s  connect %s, rtt %s, SYNs sent again: %d", r.RemoteAddr, r.Connect, r.RTT, r.SYNRetransmits))
	}
	f.judged = verdicts.PingOf(verdicts.Exchange{
		Addresses: int64(len(results)), Connected: int64(len(results) - len(troubles)), Target: target, Why: strings.Join(troubles, "; "),
	}, &o.Expect, false)
	f.judged = s.judged(f.judged)
	f.enter = func() {
		s.ledger.Ping(recording.About{Call: "tcpPing", Network: "tcp", Targets: []string{target}, From: o.From, To: o.To, Tags: o.Tags, Expect: o.Expect}, &recording.Ping{
			Start: results[0].Start, Connected: len(troubles) == 0, Answered: len(troubles) == 0, Connect: results[0].Connect,
			Total: results[0].Connect, Why: strings.Join(troubles, "; "), Verdicts: f.judged.Verdicts,
		})
	}
	return f, nil
}

// firstOf is the first source of a pool, not valid if there is none.
func firstOf(pool *source.Pool) netip.Addr {
	return (&source.Sequence{Pool: pool}).At(0).Addr()
}

// hostName is this host's name, for the column that says where a ping comes from.
func hostName() string {
	name, _ := os.Hostname()
	return name
}
