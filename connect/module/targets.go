package module

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/netext"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// resolve looks a target up as k6 does everywhere, so the options hosts, dns, blacklistIPs and blockHostnames hold. What
// k6 forbids or cannot find becomes a target whose connections all fail.
func resolve(resolver lib.AddrResolver, text string) connect.Target {
	host, port, err := connect.SplitTarget(text)
	if err != nil {
		return connect.Target{Name: text, Err: err, Class: connect.ClassOther}
	}
	// k6 does not know zones, but its rules must hold for addresses with one.
	host, zone, _ := strings.Cut(host, "%")
	ip, resolvedPort, err := resolver.ResolveAddr(net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return connect.Target{Name: text, Err: err, Class: classOfResolver(err)}
	}
	addr, _ := netip.AddrFromSlice(ip)
	return connect.Target{Name: text, Addr: netip.AddrPortFrom(addr.Unmap().WithZone(zone), uint16(resolvedPort))} // #nosec G115 -- a port
}

func classOfResolver(err error) connect.Class {
	if _, isBlocked := errors.AsType[netext.BlackListedIPError](err); isBlocked || isBlockedHost(err) {
		return connect.ClassBlocked
	}
	return connect.ClassDNS
}

// isBlockedHost reports whether k6 forbids the name, and not only the address that it has chosen of it.
func isBlockedHost(err error) bool {
	_, is := errors.AsType[netext.BlockedHostError](err)
	return is
}
