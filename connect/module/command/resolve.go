package command

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// mostLookUps is how many names are looked up at once: each takes sockets.
const mostLookUps = 64

// lookUp resolves the targets of a call with the system's resolver, all at the same time. It leaves a tenth of the time to those that have
// resolved. One that does not resolve is a target whose connections fail.
func lookUp(ctx context.Context, o *options.Call, limit time.Duration) []connect.Target {
	limit -= limit / 10
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the name server gave no answer within %s; allow more with option timeout", limit))
	defer cancel()
	found := make([][]connect.Target, len(o.Targets))
	turns := make(chan struct{}, mostLookUps)
	var all sync.WaitGroup
	for i, name := range o.Targets {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			found[i] = resolve(ctx, name, versionOf(o), o.AllAddresses)
		})
	}
	all.Wait()
	return slices.Concat(found...)
}

// versionOf is the version of IP that a call needs, as package net names it.
func versionOf(o *options.Call) string {
	switch o.Plan.Network {
	case "tcp4", "udp4":
		return "ip4"
	case "tcp6", "udp6":
		return "ip6"
	}
	if pool := o.Plan.Sources.Pool; pool != nil && pool.Size() > 0 {
		if pool.Is4() {
			return "ip4"
		}
		return "ip6"
	}
	return "ip"
}

// resolve looks one target up. Of several addresses it takes IPv4 first, as package net does, or all.
func resolve(ctx context.Context, name, version string, all bool) []connect.Target {
	if t, err := connect.ParseTarget(name); err == nil {
		return []connect.Target{t}
	}
	host, port, err := connect.SplitTarget(name)
	if err != nil {
		return []connect.Target{{Name: name, Err: err, Class: connect.ClassOther}}
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, version, host)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return []connect.Target{{Name: name, Err: err, Class: connect.ClassDNS}}
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	if addrs = slices.Compact(addrs); !all {
		addrs = addrs[:1]
	}
	targets := make([]connect.Target, 0, len(addrs))
	for _, addr := range addrs {
		targets = append(targets, connect.Target{Name: name, Addr: netip.AddrPortFrom(addr, port)})
	}
	return targets
}
