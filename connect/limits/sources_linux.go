package limits

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ownAddresses returns what tells whether an address belongs to this host: it has a route of type local (ip-route(8)). A bind tells something else:
// with ip_nonlocal_bind it takes any address, from which nothing can be sent, and over IPv6 none that has such a route only. ok is false if the kernel
// can't be asked; else done must be called.
func ownAddresses() (own func(netip.Addr) bool, done func(), ok bool) {
	kernel, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, false
	}
	return func(a netip.Addr) bool {
		found, err := kernel.RouteGetWithOptions(a.WithZone("").AsSlice(), &netlink.RouteGetOptions{Oif: a.Zone()})
		return err == nil && len(found) > 0 && found[0].Type == unix.RTN_LOCAL
	}, kernel.Close, true
}
