//go:build linux

package main

import "slices"

// A balancer deals out connections to the VIP, on the namespace lb of a network. To add one, write a file with this
// method and give it a line in kinds.
type balancer interface {
	// use makes these backends, in this order, those that get new connections. What becomes of old ones is what the lab is
	// about. The first call starts the load balancer.
	use(n *network, backends []*backend) error
}

// A kind of load balancer.
type kind struct {
	name string
	new  func() balancer
	// missing says what this machine lacks for it, "" if nothing.
	missing func() string
	// network makes another network than the lab's own; nil for that.
	network func(*settings) (*network, error)
	// live is the model, in disruption()'s terms, for established connections with traffic; flows that for connections that
	// are made again from the same addresses and ports. Both are "" if there is none.
	live, flows string
	udp         bool
	affinity    bool                 // chooses by the source's address
	proxy       bool                 // accepts connections before it has a backend for them
	tracks      bool                 // is a tracker
	bypass      bool                 // packets pass by the kernel of its namespace, and by rules there
	weight      func(b *backend) int // what a backend is due in relation to the others; nil for the same
}

func (k *kind) title() string { return k.name }

func (k *kind) weighs(b *backend) int {
	if k.weight == nil {
		return 1
	}
	return k.weight(b)
}

var kinds = slices.Concat(onThisKernel, ipvsKinds(), []*kind{
	{name: "nfqlb", new: newNFQLB, missing: missingNFQLB, live: "maglev", flows: "maglev", udp: true},
	{name: "dpdk", new: newDPDK, missing: missingDPDK, udp: true, bypass: true},
	outsideKind,
})

var onThisKernel = []*kind{
	{name: "ecmp", new: newECMP, missing: nothing, live: "ecmp", flows: "ecmp", udp: true},
	{name: "resilient", new: newResilient, missing: nothing, live: "resilient", flows: "resilient", udp: true},
	{name: "dnat-roundrobin", new: newRoundRobin, missing: nothing, live: "stateful", udp: true},
	{name: "dnat-hash", new: newHash, missing: nothing, live: "stateful", flows: "ecmp", udp: true},
	{name: "dnat-maglev", new: newMaglev, missing: nothing, live: "stateful", flows: "maglev", udp: true},
	{name: "xdp", new: newXDP, missing: missingXDP, live: "maglev", flows: "maglev", udp: true},
	{name: "xdp-table", new: newXDPTable, missing: missingXDP, live: "stateful", flows: "maglev", udp: true},
	{name: "haproxy", new: newHAProxy, missing: missingHAProxy, live: "stateful", proxy: true},
}

func nothing() string { return "" }
