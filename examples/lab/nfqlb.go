//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// nfqlb is Nordix's nfqueue-loadbalancer: nftables hands packets for the VIP to its process, which marks each with the
// backend's number by Maglev's table; routing does the rest. It keeps no state.
type nfqlb struct {
	started bool
	inUse   []*backend
}

func newNFQLB() balancer { return &nfqlb{} }

func missingNFQLB() string {
	return noTool("nfqlb", "build it from github.com/Nordix/nfqueue-loadbalancer and put it into the PATH")
}

func (q *nfqlb) use(n *network, backends []*backend) error {
	if !q.started {
		q.started = true
		if err := q.start(n); err != nil {
			return err
		}
	}
	for _, b := range n.backends {
		was, is := slices.Contains(q.inUse, b), slices.Contains(backends, b)
		verb := map[bool]string{true: "activate", false: "deactivate"}[is]
		if was != is {
			if err := n.lb.run("", "nfqlb", verb, q.memory(n), fmt.Sprint(b.number)); err != nil {
				return err
			}
		}
	}
	q.inUse = slices.Clone(backends)
	return nil
}

// memory is the shared memory by which the commands configure the process. Its names are the whole host's.
func (q *nfqlb) memory(n *network) string { return "--shm=" + n.lb.name }

func (q *nfqlb) start(n *network) error {
	for _, b := range n.backends {
		if err := n.lb.routeMarked(b); err != nil {
			return err
		}
	}
	statistics := n.lb.name + "-fragments"
	n.files = append(n.files, "/dev/shm/"+n.lb.name, "/dev/shm/"+statistics)
	if err := n.lb.run("", "nfqlb", "init", fmt.Sprintf("--N=%d", len(n.backends)), q.memory(n)); err != nil {
		return err
	}
	process, err := n.lb.start(context.Background(), nil, "nfqlb", "lb", "--queue=2", "--tshm="+n.lb.name, "--ft_shm="+statistics)
	if err != nil {
		return err
	}
	n.processes = append(n.processes, process)
	return n.lb.nft(fmt.Sprintf(`
		table inet lab {
			chain arriving {
				type filter hook prerouting priority mangle;
				ip daddr %s queue num 2
				ip6 daddr %s queue num 2
			}
		}`, vip4, vip6))
}

// routeMarked sends packets that are marked with a backend's number to it.
func (ns *namespace) routeMarked(b *backend) error {
	mark := fmt.Sprint(b.number)
	return errors.Join(
		ns.ip(fmt.Sprintf("route add default via %s table %s", b.v4, mark), fmt.Sprintf("route add default via %s table %s", b.v6, mark)),
		ns.run("", "ip", "-4", "rule", "add", "fwmark", mark, "table", mark),
		ns.run("", "ip", "-6", "rule", "add", "fwmark", mark, "table", mark),
	)
}
