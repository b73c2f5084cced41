//go:build linux

package main

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
	// live is the model, in disruption()'s terms, for established connections with traffic; flows that for connections that
	// are made again from the same addresses and ports, "" if there is none.
	live, flows string
	udp         bool
}

func (k *kind) title() string { return k.name }

var kinds = []*kind{
	{name: "ecmp", new: newECMP, missing: nothing, live: "ecmp", flows: "ecmp", udp: true},
	{name: "resilient", new: newResilient, missing: nothing, live: "resilient", flows: "resilient", udp: true},
	{name: "dnat-roundrobin", new: newRoundRobin, missing: nothing, live: "stateful", udp: true},
	{name: "dnat-hash", new: newHash, missing: nothing, live: "stateful", flows: "ecmp", udp: true},
	{name: "dnat-maglev", new: newMaglev, missing: nothing, live: "stateful", flows: "maglev", udp: true},
	{name: "haproxy", new: newHAProxy, missing: missingHAProxy, live: "stateful"},
	{name: "ipvs", new: newIPVS, missing: missingIPVS, live: "stateful", udp: true},
	{name: "nfqlb", new: newNFQLB, missing: missingNFQLB, live: "maglev", flows: "maglev", udp: true},
}

func nothing() string { return "" }
