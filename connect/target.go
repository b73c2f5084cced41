package connect

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/hostname"
)

// SplitTarget takes apart 'host:port' or '[v6]:port'. The host may be a name or an address, the port is 1 to 65535. A name in another
// alphabet is returned as DNS has it; see hostname.ASCII.
func SplitTarget(text string) (host string, port uint16, err error) {
	const accepted = "want host:port or [v6]:port, the port within 1 to 65535"
	if scheme, rest, isURL := strings.Cut(text, "://"); isURL {
		host, _, _ := strings.Cut(rest, "/")
		return "", 0, fmt.Errorf("%q is a URL; want host:port, such as %s, without %s://; ping() takes URLs", text, host, scheme)
	}
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, fmt.Errorf("%q: %s; %s", text, strings.TrimPrefix(err.Error(), "address "+text+": "), accepted)
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", 0, fmt.Errorf("%q: %q is no host; %s", text, host, accepted)
	}
	if host, err = hostname.ASCII(host); err != nil {
		return "", 0, fmt.Errorf("%q: %w; %s", text, err, accepted)
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "" {
		return "", 0, fmt.Errorf("%q: a link-local address needs the interface that it is on, such as [%s%%eth0]:%s", text, addr, portText)
	}
	n, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q: %q is no port; %s", text, portText, accepted)
	}
	return host, uint16(n), nil
}

// fullName is a target's name, and its address unless that is the name: all addresses of a name have its name.
func fullName(t *Target) string {
	if !t.Addr.IsValid() || t.Addr.String() == t.Name {
		return t.Name
	}
	return t.Name + " at " + t.Addr.String()
}

// ParseTarget reads a target whose host is an address, without any look-up.
func ParseTarget(text string) (Target, error) {
	host, port, err := SplitTarget(text)
	if err != nil {
		return Target{}, err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return Target{}, fmt.Errorf("%q: %q is not an IP address; resolve names first, see ResolveTarget", text, host)
	}
	return Target{Name: text, Addr: netip.AddrPortFrom(addr.Unmap(), port)}, nil
}

// ResolveTarget reads a target and looks its host up with the system's resolver. A name that does not resolve is not an
// error here: its connections will fail with ClassDNS.
func ResolveTarget(text string) (Target, error) {
	host, port, err := SplitTarget(text)
	if err != nil {
		return Target{}, err
	}
	ip, err := net.ResolveIPAddr("ip", host)
	if err != nil {
		return Target{Name: text, Err: err, Class: ClassDNS}, nil //nolint:nilerr // it is counted, connection by connection
	}
	addr, _ := netip.AddrFromSlice(ip.IP)
	return Target{Name: text, Addr: netip.AddrPortFrom(addr.Unmap().WithZone(ip.Zone), port)}, nil
}
