package frames

import (
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/vishvananda/netlink"
)

// Open attaches to an interface. It goes over AF_PACKET where AF_XDP can't attach: the hook has a program of others, the kernel has no such sockets, the driver
// refuses, or too little memory may be locked.
func Open(o Options) (Device, error) {
	var errs []error
	for _, w := range []struct {
		way  Way
		open func(Options) (Device, error)
	}{{XDP, openXDP}, {Packet, openPacket}} {
		if o.Way != AnyWay && o.Way != w.way {
			continue
		}
		d, err := w.open(o)
		switch {
		case err == nil && len(errs) > 0:
			return fallback{d, errs[0]}, nil
		case err == nil:
			return d, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("the kernel wants CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF of this process, outside of any user namespace: %w", err)
		}
		errs = append(errs, err)
	}
	if len(errs) > 1 {
		return nil, fmt.Errorf("%w; over AF_PACKET: %w", errs[0], errs[1])
	}
	return nil, errs[0]
}

// IsVirtual reports whether frames may come straight from the kernel at the other end of a link, with checksums left undone.
func IsVirtual(l netlink.Link) bool {
	switch l.Type() {
	case "veth", "bridge", "dummy", "macvlan", "macvtap", "ipvlan", "vlan", "tuntap", "netkit":
		return true
	default:
		return l.Attrs().Flags&net.FlagLoopback != 0
	}
}

// fallback is a device that takes the place of another one.
type fallback struct {
	Device
	why error
}

// Name implements Device.
func (f fallback) Name() string {
	return fmt.Sprintf("%s; slower than AF_XDP, which can't attach: %v", f.Device.Name(), f.why)
}
