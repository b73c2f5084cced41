package mesh

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

// checkAllowed refuses a target that lies outside Options.Allow altogether. What DNS says later is checked with each ping.
func (m *Mesh) checkAllowed(ctx context.Context, t *Target) error {
	if len(m.options.Allow) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	host := t.IP.String()
	if !t.IP.IsValid() {
		host = hostname(t.URL)
	}
	if _, err := m.resolve(ctx, host, 0); errors.Is(err, ping.ErrBlocked) {
		return err
	}
	return nil // a name that is not known now may be so later
}

// resolve finds addresses for a ping, of those that Options.Allow has.
func (m *Mesh) resolve(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	addrs, err := ping.SystemResolver(ctx, host, port)
	if err != nil || len(m.options.Allow) == 0 {
		return addrs, err //nolint:wrapcheck // says what was looked up
	}
	allowed := slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool {
		return !slices.ContainsFunc(m.options.Allow, func(prefix netip.Prefix) bool { return prefix.Contains(a.Addr().WithZone("")) })
	})
	if len(allowed) == 0 && len(addrs) > 0 {
		return nil, &outsideError{host, addrs[0].Addr(), m.options.Allow}
	}
	return allowed, nil
}

// outsideError says that an address is not one that the server may connect to.
type outsideError struct {
	host    string
	addr    netip.Addr
	allowed []netip.Prefix
}

func (e *outsideError) Error() string {
	where := e.host
	if _, err := netip.ParseAddr(e.host); err != nil {
		where = e.host + " is " + e.addr.String() + ", which"
	}
	return fmt.Sprintf("%s is outside of what this server may connect to (-allow %v)", where, e.allowed)
}

func (e *outsideError) Unwrap() error { return ping.ErrBlocked }
