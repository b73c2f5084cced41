//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
)

// The network, with both IP versions everywhere:
//
//	client ───── lb ─┬── web-01
//	                 ├── web-02
//	                 └── …
//
// Servers have the VIP on their loopback interface and answer by way of the load balancer. What it does there is its
// own matter: it may route to them, translate addresses, or speak for them.
var (
	vip4 = netip.MustParseAddr("10.0.0.1")
	vip6 = netip.MustParseAddr("fd00::1")
	// sources are addresses of the client, of which scripts use as many as they like.
	sources4 = netip.MustParsePrefix("10.10.0.0/24")
	sources6 = netip.MustParsePrefix("fd00:10::/120")
)

const (
	lbToClient4, clientToLB4 = "10.100.0.1", "10.100.0.2"
	lbToClient6, clientToLB6 = "fd00:100::1", "fd00:100::2"
)

type network struct {
	client, lb *namespace // lb is nil for a load balancer outside of the lab
	backends   []*backend
	vips       map[string]netip.Addr // by IP version
	sources    map[string]netip.Prefix
	endless    bool       // the lab can't end its servers
	processes  []*process // of the load balancer
	dir        string     // for its files
	files      []string   // that it keeps elsewhere
	release    []func()   // gives back what it has in the kernel
}

// newNetwork makes the network, with a server process on each backend.
func newNetwork(servers int, binary string) (n *network, err error) {
	n = &network{vips: map[string]netip.Addr{"4": vip4, "6": vip6}, sources: map[string]netip.Prefix{"4": sources4, "6": sources6}}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.dir, err = os.MkdirTemp("", ownName("")); err != nil {
		return n, err
	}
	if n.lb, err = newNamespace("lb"); err != nil {
		return n, err
	}
	if n.client, err = newNamespace("client"); err != nil {
		return n, err
	}
	if err := n.link(); err != nil {
		return n, err
	}
	for i := 1; i <= servers; i++ {
		b, err := newBackend(n.lb, i, binary)
		n.backends = append(n.backends, b)
		if err != nil {
			return n, err
		}
	}
	return n, n.eachBackend((*backend).start)
}

// link connects the client and the load balancer.
func (n *network) link() error {
	return errors.Join(
		n.lb.sysctl("ipv4/ip_forward", 1), n.lb.sysctl("ipv6/conf/all/forwarding", 1),
		n.lb.ip(
			"link add client type veth peer name lb netns "+n.client.name,
			"link set client up",
			"address add "+lbToClient4+"/30 dev client",
			"address add "+lbToClient6+"/64 dev client nodad",
			fmt.Sprintf("route add %s via %s", sources4, clientToLB4),
			fmt.Sprintf("route add %s via %s", sources6, clientToLB6),
		),
		n.client.ip(
			"link set lb up",
			"address add "+clientToLB4+"/30 dev lb",
			"address add "+clientToLB6+"/64 dev lb nodad",
			"route add default via "+lbToClient4,
			"route add default via "+lbToClient6,
			// All of them are this host's, without an address for each.
			fmt.Sprintf("route add local %s dev lo", sources4),
			fmt.Sprintf("route add local %s dev lo", sources6),
		),
	)
}

// vipOnLB makes the VIP an address of the load balancer, for those that end connections themselves.
func (n *network) vipOnLB() error {
	return n.lb.ip(fmt.Sprintf("address replace %s/32 dev lo", vip4), fmt.Sprintf("address replace %s/128 dev lo nodad", vip6))
}

// drop makes the load balancer lose so many percent of the packets that reach it, from both sides.
func (n *network) drop(percent int) error {
	rule := ""
	if percent > 0 {
		rule = fmt.Sprintf("numgen random mod 100 < %d drop", percent)
	}
	// Before connection tracking sees them, as on a bad cable.
	return n.lb.nft(fmt.Sprintf(`
		table inet loss {
			chain arriving { type filter hook prerouting priority -400; }
		}
		flush chain inet loss arriving
		table inet loss {
			chain arriving {
				%s
			}
		}`, rule))
}

// eachBackend does something with all backends at once.
func (n *network) eachBackend(do func(*backend) error) error {
	errs := make([]error, len(n.backends))
	var all sync.WaitGroup
	for i, b := range n.backends {
		all.Go(func() { errs[i] = do(b) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// close removes all that the network consists of, as far as it was made.
func (n *network) close() {
	for _, p := range n.processes {
		p.kill()
	}
	for _, release := range slices.Backward(n.release) {
		release()
	}
	for _, b := range n.backends {
		b.end()
	}
	for _, ns := range n.namespaces() {
		if err := ns.close(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
		}
	}
	for _, file := range append(n.files, n.dir) {
		_ = os.RemoveAll(file) // nothing for ""
	}
}

// namespaces are those that were made.
func (n *network) namespaces() []*namespace {
	all := make([]*namespace, 0, 2+len(n.backends))
	all = append(all, n.client, n.lb)
	for _, b := range n.backends {
		all = append(all, b.ns)
	}
	return slices.DeleteFunc(all, func(ns *namespace) bool { return ns == nil || ns == host })
}
