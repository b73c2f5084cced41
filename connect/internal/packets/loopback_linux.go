package packets

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// checkLoopback tells of packets that go over loopback, and that the kernel would drop there as martians: with a source that is its own, though
// none of its sockets has sent them. IPv6 takes them.
func (r *route) checkLoopback(to netip.Addr, ownSource bool) error {
	if !r.loopback || !to.Is4() || !ownSource && !to.IsLoopback() {
		return nil
	}
	needed := []string{"accept_local"}
	if to.IsLoopback() {
		needed = append(needed, "route_localnet")
	}
	var missing []string
	for _, name := range needed {
		if !isSet("all/"+name) && !isSet("lo/"+name) {
			missing = append(missing, "net.ipv4.conf.lo."+name+"=1")
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("the packet driver can't reach %s: over loopback, the kernel drops packets that come from an address of this host and from no socket of it; "+
		"use driver 'sockets', or have the kernel take them: sysctl -w %s", to, strings.Join(missing, " "))
}

// isSet reports whether an option of the kernel's IPv4, in this network, is on.
func isSet(option string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + option) // #nosec G304 -- a name of ours
	return err == nil && strings.TrimSpace(string(text)) == "1"
}
