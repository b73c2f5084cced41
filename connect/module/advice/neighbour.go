package advice

import (
	"net"
	"net/netip"
)

// isNeighbour reports whether this host reaches an address without a router: it is another one's in a network of an interface.
func isNeighbour(target netip.Addr) bool {
	target = target.Unmap()
	addrs, err := net.InterfaceAddrs()
	if err != nil || !target.IsValid() || target.IsLoopback() {
		return false
	}
	near := false
	for _, addr := range addrs {
		own, err := netip.ParsePrefix(addr.String())
		if err != nil {
			continue
		}
		if own.Addr() == target {
			return false
		}
		near = near || own.Masked().Contains(target.WithZone(""))
	}
	return near
}
