package module

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/types"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// allAddresses finds all addresses of names: the system's resolver's, under k6's options hosts and dns.policy. k6's own resolver, which
// knows one address of a name, tells what is blocked.
type allAddresses struct {
	hosts   types.NullHosts
	policy  types.DNSPolicy
	logger  logrus.FieldLogger
	notices *notices
}

func (i *instance) newAllAddresses(state *lib.State) *allAddresses {
	return &allAddresses{hosts: state.Options.Hosts, policy: state.Options.DNS.Policy.DNSPolicy, logger: state.Logger, notices: &i.root.notices}
}

// maxAddresses bounds how many addresses of a name become targets.
const maxAddresses = 1000

// lookUp is the function lookUp, but each address becomes a target.
func (a *allAddresses) lookUp(ctx context.Context, resolver lib.AddrResolver, names []string, limit time.Duration) ([]connect.Target, time.Duration) {
	begun := time.Now()
	limited, cancel := limitLookUp(ctx, limit)
	defer cancel()
	targets := make([]connect.Target, 0, len(names))
	for _, name := range names {
		targets = append(targets, a.of(limited, resolver, name)...)
	}
	return targets, time.Since(begun)
}

// of returns the targets that a name stands for: at least one, which fails if it has no address.
func (a *allAddresses) of(ctx context.Context, resolver lib.AddrResolver, name string) []connect.Target {
	first := resolve(resolver, name)
	if hasAddress(name) || isBlockedHost(first.Err) {
		return []connect.Target{first}
	}
	host, port, _ := connect.SplitTarget(name) // has been checked
	if a.hosts.Trie != nil && a.hosts.Trie.Match(host) != nil {
		return []connect.Target{first}
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return []connect.Target{{Name: name, Err: err, Class: connect.ClassDNS}}
	}
	wanted, untried := a.wanted(found)
	if len(wanted) == 0 {
		err := fmt.Errorf("of its %d addresses, none is of the IP version that dns.policy wants", len(found))
		return []connect.Target{{Name: name, Err: err, Class: connect.ClassDNS}}
	}
	if len(untried) > 0 && a.notices.first("untried: "+host) {
		a.logger.Warnf("mconnect: addresses: 'all' tries %d of the %d addresses of %s, and leaves out those of the other IP version, such as %s, as k6's option dns.policy is %s; set dns: { policy: 'any' } to try them, too",
			len(wanted), len(wanted)+len(untried), host, untried[0], a.policy)
	}
	targets := make([]connect.Target, 0, len(wanted))
	for _, addr := range wanted {
		t := resolve(resolver, netip.AddrPortFrom(addr, port).String()) // which k6 may forbid
		t.Name = name
		targets = append(targets, t)
	}
	return targets
}

// wanted are the addresses that k6's dns.policy admits, each once, in order; untried are those that it admits, but prefers others to.
func (a *allAddresses) wanted(found []netip.Addr) (wanted, untried []netip.Addr) {
	var v4, v6 []netip.Addr
	for _, addr := range found {
		if addr = addr.Unmap(); addr.Is4() {
			v4 = append(v4, addr)
		} else {
			v6 = append(v6, addr)
		}
	}
	switch {
	case a.policy == types.DNSonlyIPv4:
		wanted = v4
	case a.policy == types.DNSonlyIPv6:
		wanted = v6
	case a.policy == types.DNSpreferIPv4 && len(v4) > 0:
		wanted, untried = v4, v6
	case a.policy == types.DNSpreferIPv6 && len(v6) > 0:
		wanted, untried = v6, v4
	default:
		wanted = slices.Concat(v4, v6)
	}
	slices.SortFunc(wanted, netip.Addr.Compare)
	wanted = slices.Compact(wanted)
	return wanted[:min(len(wanted), maxAddresses)], untried
}
