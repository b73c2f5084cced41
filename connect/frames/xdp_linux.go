package frames

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// mostQueues bounds the receive queues of an interface.
const mostQueues = 256

// xdp is an interface over AF_XDP: a socket for each receive queue, and a program in front of the kernel.
type xdp struct {
	*table
	joined
	queues  []*queue
	sockets *ebpf.Map
	program *ebpf.Program
	link    link.Link
	mode    string
}

// A mode is how AF_XDP may work on an interface.
type mode struct {
	name   string
	bind   uint16
	attach link.XDPAttachFlags
}

// modes are tried in turn. On virtual links the generic mode is the fastest; network cards do without copies where their drivers can.
func modes(virtual bool) []mode {
	generic := mode{"generic", unix.XDP_COPY, link.XDPGenericMode}
	if virtual {
		return []mode{generic}
	}
	return []mode{{"zero-copy", unix.XDP_ZEROCOPY, link.XDPDriverMode}, {"driver", unix.XDP_COPY, link.XDPDriverMode}, generic}
}

func openXDP(o Options) (Device, error) {
	if isHookTaken(o.Index) { // queues may be busy, too, and would be waited for
		return nil, errHookTaken
	}
	var last error
	for _, m := range modes(o.Virtual) {
		x, err := openMode(o, m)
		if err == nil {
			return x, nil
		}
		last = err
	}
	return nil, last
}

var errHookTaken = errors.New("another XDP program is attached to the interface")

func isHookTaken(index int) bool {
	l, err := netlink.LinkByIndex(index)
	return err == nil && l.Attrs().Xdp != nil && l.Attrs().Xdp.Attached
}

// openMode attaches the program last, when everything that it may hand packets to is in place.
func openMode(o Options, m mode) (_ *xdp, err error) {
	x := &xdp{mode: m.name}
	defer func() {
		if err != nil {
			_ = x.Close()
		}
	}()
	if x.table, err = newTable(o.AnyRemote); err != nil {
		return nil, err
	}
	if err := x.openQueues(o.Index, m.bind); err != nil {
		return nil, err
	}
	if err := x.openSockets(); err != nil {
		return nil, err
	}
	if x.program, err = x.load(xdpHook(x.sockets)); err != nil {
		return nil, fmt.Errorf("loading the XDP program: %w", err)
	}
	if x.link, err = link.AttachXDP(link.XDPOptions{Program: x.program, Interface: o.Index, Flags: m.attach}); err != nil {
		return nil, fmt.Errorf("attaching the XDP program: %w", err)
	}
	return x, nil
}

func (x *xdp) openQueues(index int, flags uint16) error {
	for id := range uint32(mostQueues) {
		q, err := openQueue(index, id, flags|unix.XDP_USE_NEED_WAKEUP)
		if errors.Is(err, unix.EINVAL) && id > 0 {
			return nil // the interface has no more
		}
		if err != nil {
			return fmt.Errorf("binding AF_XDP to queue %d: %w", id, err)
		}
		x.queues, x.joined = append(x.queues, q), append(x.joined, q)
	}
	return nil
}

func (x *xdp) openSockets() (err error) {
	x.sockets, err = ebpf.NewMap(&ebpf.MapSpec{Name: "mconnect_queues", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4, MaxEntries: uint32(len(x.queues))}) // #nosec G115 -- at most mostQueues
	if err != nil {
		return fmt.Errorf("making a BPF map of sockets: %w", err)
	}
	for id, q := range x.queues {
		if err := x.sockets.Put(uint32(id), uint32(q.fd)); err != nil { // #nosec G115 -- at most mostQueues, and a descriptor
			return fmt.Errorf("putting a socket into a BPF map: %w", err)
		}
	}
	return nil
}

// Queues implements Device.
func (x *xdp) Queues() []Queue { return x.joined }

// Lost implements Device.
func (x *xdp) Lost() (n uint64) {
	for _, q := range x.queues {
		n += q.lost()
	}
	return n
}

// Name implements Device.
func (x *xdp) Name() string { return "AF_XDP, " + x.mode + " mode" }

// Close implements Device.
func (x *xdp) Close() (err error) {
	if x.link != nil {
		err = x.link.Close()
	}
	if x.program != nil {
		_ = x.program.Close()
	}
	if x.sockets != nil {
		_ = x.sockets.Close()
	}
	if x.table != nil {
		x.close()
	}
	for _, q := range x.queues {
		q.close()
	}
	return err
}
