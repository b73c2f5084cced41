//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
)

// xdp is a load balancer of our own in an XDP program (layer 2, as Katran and Cilium's XDP path are, without tunnels): it looks up Maglev's table, rewrites
// the MAC addresses, and redirects the frame to the backend's interface. Backends have the VIP, and answer by the kernel's routes.
type xdp struct {
	tracks bool // it has a connection table
	table  func([]*backend) []*backend

	maglev *ebpf.Map // nil before the first use
}

func newXDP() balancer      { return &xdp{table: maglevTable} }
func newXDPTable() balancer { return &xdp{table: maglevTable, tracks: true} }

func missingXDP() string {
	if err := features.HaveProgramType(ebpf.XDP); err != nil {
		return fmt.Sprintf("this kernel, or this container, does not let root load XDP programs (CONFIG_BPF_SYSCALL, CAP_BPF, CAP_NET_ADMIN): %v", err)
	}
	return ""
}

// hop is a backend as the program's map has it: the interface, and the first 12 bytes of the frame.
type hop struct {
	Interface uint32
	To, From  [6]byte
}

func (x *xdp) use(n *network, backends []*backend) error {
	if x.maglev == nil {
		if err := x.start(n); err != nil {
			return err
		}
	}
	keys, values := make([]uint32, maglevSize), make([]uint32, maglevSize)
	for i, b := range x.table(backends) {
		keys[i], values[i] = uint32(i), uint32(b.number) // #nosec G115 -- at most 16,381 and 100
	}
	if _, err := x.maglev.BatchUpdate(keys, values, nil); err != nil {
		return fmt.Errorf("XDP: Maglev's table: %w", err)
	}
	return nil
}

// places reads the table as the program has it.
func (x *xdp) places() ([]int, error) {
	table := make([]int, maglevSize)
	var place, number uint32
	entries := x.maglev.Iterate()
	for entries.Next(&place, &number) {
		table[place] = int(number)
	}
	return table, entries.Err()
}

// start loads the program and attaches it to the interface on the client's side. It is detached when the lab's process ends, however that ends.
func (x *xdp) start(n *network) (err error) {
	if err := rlimit.RemoveMemlock(); err != nil { // for kernels before 5.11
		return fmt.Errorf("XDP: %w", err)
	}
	var maps xdpMaps
	n.release = append(n.release, func() { maps.close() })
	if maps, err = newXDPMaps(len(n.backends), x.tracks); err != nil {
		return fmt.Errorf("XDP: %w", err)
	}
	for _, b := range n.backends {
		if err := maps.put(n.lb, b); err != nil {
			return fmt.Errorf("XDP: %s: %w", b.name, err)
		}
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "lab_balancer", Type: ebpf.XDP, License: "MIT", Instructions: maps.program(),
	})
	if err != nil {
		return fmt.Errorf("XDP: %w", err)
	}
	defer program.Close() // the link keeps it
	var attached link.Link
	err = n.lb.inside(func() error {
		client, err := net.InterfaceByName("client")
		if err != nil {
			return err
		}
		attached, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: client.Index, Flags: link.XDPGenericMode})
		return err
	})
	if err != nil {
		return fmt.Errorf("XDP: attaching to the interface client: %w", err)
	}
	n.release = append(n.release, func() { _ = attached.Close() })
	x.maglev = maps.maglev
	return nil
}

// xdpMaps are what the program looks things up in.
type xdpMaps struct {
	maglev  *ebpf.Map // numbers of backends, by the hash's remainder
	hops    *ebpf.Map // hop, by the backend's number
	tracked *ebpf.Map // numbers of backends, by the connection; nil for a program without state
}

func newXDPMaps(backends int, tracks bool) (m xdpMaps, err error) {
	var errs [3]error
	m.maglev, errs[0] = ebpf.NewMap(&ebpf.MapSpec{Name: "lab_maglev", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: maglevSize})
	m.hops, errs[1] = ebpf.NewMap(&ebpf.MapSpec{Name: "lab_hops", Type: ebpf.Array, KeySize: 4, ValueSize: 16, MaxEntries: uint32(backends) + 1}) // #nosec G115 -- at most 100
	if tracks {
		m.tracked, errs[2] = ebpf.NewMap(&ebpf.MapSpec{Name: "lab_tracked", Type: ebpf.LRUHash, KeySize: keySize, ValueSize: 4, MaxEntries: 1 << 16})
	}
	return m, errors.Join(errs[:]...)
}

func (m *xdpMaps) close() {
	for _, one := range []*ebpf.Map{m.maglev, m.hops, m.tracked} {
		_ = one.Close() // nothing for nil
	}
}

// put tells the program the way to a backend.
func (m *xdpMaps) put(lb *namespace, b *backend) error {
	near, err := lb.link(b.nic)
	if err != nil {
		return err
	}
	far, err := b.ns.link("lb")
	if err != nil {
		return err
	}
	h := hop{Interface: uint32(near.Index)} // #nosec G115 -- the kernel's are 31 bits
	copy(h.To[:], far.HardwareAddr)
	copy(h.From[:], near.HardwareAddr)
	return m.hops.Put(uint32(b.number), h) // #nosec G115 -- at most 100
}

// program is the program that uses these maps.
func (m *xdpMaps) program() asm.Instructions {
	tracked := 0
	if m.tracked != nil {
		tracked = m.tracked.FD()
	}
	return xdpProgram(m.maglev.FD(), m.hops.FD(), tracked)
}

// link returns an interface of the namespace.
func (ns *namespace) link(name string) (found *net.Interface, err error) {
	err = ns.inside(func() (err error) {
		found, err = net.InterfaceByName(name)
		return err
	})
	return found, err
}
