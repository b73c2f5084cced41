//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"
)

// nfqlb is Nordix's nfqueue-loadbalancer: the kernel hands packets for the VIP to its process, which marks each with the
// backend's number by Maglev's table; routing does the rest. It keeps no state.
type nfqlb struct {
	started bool
	inUse   []*backend
	shared  string // file of the memory by which its commands configure its process
}

func newNFQLB() balancer { return &nfqlb{} }

func missingNFQLB() string {
	return noTool("nfqlb", "`make lab NFQLB=dir` builds it, if dir has the sources of github.com/Nordix/nfqueue-loadbalancer; or put the binary into the PATH")
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
		// Its place in the table is its own, or backends that come back in another order would take each other's.
		place := fmt.Sprintf("--index=%d", b.number-1)
		var err error
		switch {
		case is && !was:
			err = n.lb.run("", "nfqlb", "activate", memory(n), place, fmt.Sprint(b.number))
		case was && !is:
			err = n.lb.run("", "nfqlb", "deactivate", memory(n), place)
		}
		if err != nil {
			return err
		}
	}
	q.inUse = slices.Clone(backends)
	return nil
}

// memory is the flag for the shared memory, whose names are the whole host's.
func memory(n *network) string { return "--shm=" + n.lb.name }

func (q *nfqlb) start(n *network) error {
	for _, b := range n.backends {
		if err := n.lb.routeMarked(b); err != nil {
			return err
		}
	}
	const directory = "/dev/shm/"
	statistics, trace := n.lb.name+"-fragments", directory+"nfqlb-trace"
	q.shared = directory + n.lb.name
	n.files = append(n.files, q.shared, directory+statistics)
	_, err := os.Stat(trace)
	traced := err == nil // by an nfqlb that is not ours
	// As the paper advises, a hundred places for each backend; nfqlb takes the next prime below.
	places := fmt.Sprintf("--M=%d", 100*len(n.backends))
	if err := n.lb.run("", "nfqlb", "init", fmt.Sprintf("--N=%d", len(n.backends)), places, memory(n)); err != nil {
		return err
	}
	process, err := n.lb.start(context.Background(), nil, "nfqlb", "lb", "--queue=2", "--tshm="+n.lb.name, "--ft_shm="+statistics)
	if err != nil {
		return err
	}
	n.processes = append(n.processes, process)
	if err := process.makes(directory + statistics); err != nil {
		return err
	}
	if !traced {
		_ = os.Remove(trace) // the process has opened it before it made its other file, and nobody else needs it
	}
	return n.lb.queue()
}

// makes waits until a process has made a file.
func (p *process) makes(file string) error {
	const patience = 10 * time.Second
	for late := time.After(patience); ; {
		if _, err := os.Stat(file); err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %s", p.cmd, &p.stderr)
		case <-late:
			return fmt.Errorf("%s has not made %s within %s", p.cmd, file, patience)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// queue hands packets for the VIP to the process: with nftables, or with iptables where the kernel lacks CONFIG_NFT_QUEUE.
func (ns *namespace) queue() error {
	lacks := ns.nft(fmt.Sprintf(`
		table inet lab {
			chain arriving {
				type filter hook prerouting priority mangle;
				ip daddr %s queue num 2
				ip6 daddr %s queue num 2
			}
		}`, vip4, vip6))
	if lacks == nil {
		return nil
	}
	for command, vip := range map[string]netip.Addr{"iptables": vip4, "ip6tables": vip6} {
		if err := ns.run("", command, "-t", "mangle", "-A", "PREROUTING", "-d", vip.String(), "-j", "NFQUEUE", "--queue-num", "2"); err != nil {
			return fmt.Errorf("a queue for nfqlb: nftables can't, and neither can iptables (install it: `make test-deps` does): %w; %w", lacks, err)
		}
	}
	return nil
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

// places reads nfqlb's own table from its memory, 32-bit words: a mark of its own, the numbers of places and of backends, a length; for each place an
// index; a row of places for each backend; the mark behind each index.
func (q *nfqlb) places() ([]int, error) {
	data, err := os.ReadFile(q.shared)
	if err != nil {
		return nil, err
	}
	word := func(i int) int { return int(int32(binary.NativeEndian.Uint32(data[4*i:]))) } // #nosec G115 -- -1 is none
	const header = 4
	if len(data) < 4*header {
		return nil, fmt.Errorf("nfqlb: %s has %d bytes", q.shared, len(data))
	}
	size, backends := word(1), word(2)
	marks := header + size + size*backends
	if size < 1 || backends < 1 || size > 1<<20 || backends > 1<<10 || len(data) < 4*(marks+backends) {
		return nil, fmt.Errorf("nfqlb: %s has %d bytes, %d places and %d backends: not the memory of the version that the lab knows", q.shared, len(data), size, backends)
	}
	table := make([]int, size)
	for i := range table {
		if index := word(header + i); index >= 0 && index < backends {
			table[i] = word(marks + index)
		}
	}
	return table, nil
}
