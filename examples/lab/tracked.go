//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
)

// A tracker is a load balancer that remembers connections, and shows them.
type tracker interface {
	connections(n *network) ([]connection, error)
}

// A connection as its load balancer has it.
type connection struct {
	Network string `json:"network"` // tcp or udp
	Client  string `json:"client"`  // address and port
	Backend string `json:"backend"` // its name
}

// connection is the one between a client and a backend.
func (n *network) connection(protocol, client, backendAddress string) (connection, error) {
	from, err := netip.ParseAddrPort(client)
	if err != nil {
		return connection{}, err
	}
	to, err := netip.ParseAddrPort(backendAddress)
	if err != nil {
		return connection{}, err
	}
	i := slices.IndexFunc(n.backends, func(b *backend) bool { return b.v4 == to.Addr() || b.v6 == to.Addr() })
	if i < 0 {
		return connection{}, fmt.Errorf("%s is no backend", to)
	}
	return connection{protocol, from.String(), n.backends[i].name}, nil
}

// connections are those of the load balancer in JSON.
func (l *lab) connections() ([]byte, error) {
	t, ok := l.balancer.(tracker)
	if !ok {
		return nil, fmt.Errorf("%s shows no connections", l.kind.name)
	}
	all, err := t.connections(l.network)
	if err != nil {
		return nil, err
	}
	return json.Marshal(all)
}
