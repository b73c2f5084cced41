package packets

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"
)

// route is how packets get to a target.
type route struct {
	index    int        // of the interface
	source   netip.Addr // that the kernel would choose
	nextHop  netip.Addr
	path     wire.Path
	mtu      int
	virtual  bool // both ends of the link are in this kernel
	loopback bool
	reached  bool // the next hop has answered: path is complete
}

// findRoute asks the kernel how it would reach an address, and waits until the next hop has told its Ethernet address, or would have.
func findRoute(to netip.Addr) (r route, err error) {
	options := netlink.RouteGetOptions{Oif: to.Zone()}
	found, err := netlink.RouteGetWithOptions(to.WithZone("").AsSlice(), &options)
	if err != nil || len(found) == 0 {
		return route{}, fmt.Errorf("there is no route to %s: %w; see ip route get %s", to, err, to)
	}
	r = route{index: found[0].LinkIndex, nextHop: to.WithZone("")}
	r.source, _ = netip.AddrFromSlice(found[0].Src)
	r.source = r.source.Unmap()
	if gateway, ok := netip.AddrFromSlice(found[0].Gw); ok {
		r.nextHop = gateway.Unmap()
	} else if via, ok := found[0].Via.(*netlink.Via); ok {
		r.nextHop, _ = netip.AddrFromSlice(via.Addr)
	}
	if err := r.describeLink(); err != nil {
		return route{}, err
	}
	if mtu := found[0].MTU; mtu > 0 {
		r.mtu = min(r.mtu, mtu)
	}
	return r, r.resolve()
}

func (r *route) describeLink() error {
	l, err := netlink.LinkByIndex(r.index)
	if err != nil {
		return fmt.Errorf("asking for interface %d: %w", r.index, err)
	}
	a := l.Attrs()
	r.loopback = a.Flags&net.FlagLoopback != 0
	switch {
	case r.loopback:
		r.reached = true // with addresses that are all zero
	case len(a.HardwareAddr) != len(wire.MAC{}):
		return fmt.Errorf("interface %s (%s) carries no Ethernet frames, and packets are made of these; use driver 'sockets'", a.Name, l.Type())
	default:
		r.path.Own = wire.MAC(a.HardwareAddr)
	}
	r.mtu, r.virtual = a.MTU, frames.IsVirtual(l)
	return nil
}

// resolving is how long the kernel asks a neighbour before it gives up.
const resolving = 3500 * time.Millisecond

// resolve looks the next hop up among the kernel's neighbours, and has the kernel ask for it if it is not there.
func (r *route) resolve() error {
	for start := time.Now(); !r.reached && time.Since(start) < resolving; time.Sleep(5 * time.Millisecond) {
		state, err := r.lookUp()
		switch {
		case err != nil:
			return fmt.Errorf("asking for the neighbour %s: %w", r.nextHop, err)
		case r.reached || state == netlink.NUD_FAILED && time.Since(start) > time.Second:
			return nil
		case state == netlink.NUD_NONE || state == netlink.NUD_FAILED:
			if err := r.ask(); err != nil {
				return fmt.Errorf("having the neighbour %s asked for: %w", r.nextHop, err)
			}
		}
	}
	return nil
}

func (r *route) lookUp() (state int, err error) {
	neighbours, err := netlink.NeighList(r.index, family(r.nextHop))
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return 0, err //nolint:wrapcheck // by the caller
	}
	for _, n := range neighbours {
		if addr, ok := netip.AddrFromSlice(n.IP); !ok || addr.Unmap() != r.nextHop {
			continue
		}
		const usable = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT | netlink.NUD_NOARP
		if n.State&usable != 0 && len(n.HardwareAddr) == len(wire.MAC{}) {
			r.path.Next, r.reached = wire.MAC(n.HardwareAddr), true
		}
		return n.State, nil
	}
	return netlink.NUD_NONE, nil
}

func (r *route) ask() error {
	return netlink.NeighSet(&netlink.Neigh{ //nolint:wrapcheck // by the caller
		LinkIndex: r.index, Family: family(r.nextHop), IP: r.nextHop.AsSlice(), Flags: netlink.NTF_USE,
	})
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// ownAddresses are those that the interfaces of this host have.
func ownAddresses() (map[netip.Addr]bool, error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("asking for this host's addresses: %w", err)
	}
	own := map[netip.Addr]bool{}
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			own[addr.Unmap()] = true
		}
	}
	return own, nil
}
