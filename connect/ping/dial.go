package ping

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// dialer resolves and connects, and notes on the clock when each is done.
type dialer struct {
	plan     *Plan
	secure   bool
	clock    *timeline
	deadline time.Time // http.Transport dials without the request's
}

// dial connects to the first of the target's addresses that answers.
func (d *dialer) dial(ctx context.Context, _, hostPort string) (net.Conn, error) {
	addrs, err := d.resolve(ctx, hostPort)
	if err != nil {
		return nil, err
	}
	var failed error
	for i, addr := range addrs {
		conn, err := d.connect(ctx, addr, len(addrs)-i)
		if err == nil {
			d.clock.end(d.connected()...)
			return conn, nil
		}
		if failed == nil {
			failed = err
		}
	}
	return nil, failed
}

// connected are the phases that end with the TCP connect.
func (d *dialer) connected() []Phase {
	if d.secure {
		return []Phase{PhaseConnect}
	}
	return []Phase{PhaseConnect, PhaseTLS}
}

// connect gives an address its share of the time that is left, so that one that is silent leaves some to the next.
func (d *dialer) connect(ctx context.Context, to netip.AddrPort, left int) (net.Conn, error) {
	d.clock.dialling(to)
	ctx, cancel := context.WithTimeout(ctx, time.Until(d.deadline)/time.Duration(left))
	defer cancel()
	return source.Dialer{Source: d.plan.Source}.DialContext(ctx, to)
}

func (d *dialer) resolve(ctx context.Context, hostPort string) ([]netip.AddrPort, error) {
	host, port, err := splitHostPort(hostPort)
	if err != nil {
		return nil, &resolveError{err}
	}
	if d.plan.IP.IsValid() {
		host = d.plan.IP.String()
	}
	find := d.plan.Resolve
	if find == nil {
		find = SystemResolver
	}
	addrs, err := find(ctx, host, port)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%q has no address", host)
	}
	if err != nil {
		return nil, &resolveError{err}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		d.clock.end(PhaseNone, PhaseDNS) // there was nothing to look up
	} else {
		d.clock.end(PhaseDNS)
	}
	return d.reachable(addrs)
}

// reachable leaves out the addresses of the IP version that the source does not have.
func (d *dialer) reachable(addrs []netip.AddrPort) ([]netip.AddrPort, error) {
	source := d.plan.Source
	if !source.IsValid() {
		return addrs, nil
	}
	same := slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return a.Addr().Is4() != source.Is4() })
	if len(same) == 0 {
		return nil, &sourceError{source, addrs[0].Addr()}
	}
	return same, nil
}

// resolveError is what a resolver has returned.
type resolveError struct{ error }

func (e *resolveError) Unwrap() error { return e.error }

// sourceError says that source and target are of different families.
type sourceError struct{ source, target netip.Addr }

func (e *sourceError) Error() string {
	return fmt.Sprintf("from source %s: the target %s is of the other IP version; use a source of its version", e.source, e.target)
}

// splitHostPort takes apart what http.Transport has put together.
func splitHostPort(hostPort string) (host string, port uint16, err error) {
	host, portText, err := net.SplitHostPort(hostPort)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseUint(portText, 10, 16)
	return host, uint16(n), err
}
