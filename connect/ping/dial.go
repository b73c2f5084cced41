package ping

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// dialer resolves and connects, and notes on the clock when each is done.
type dialer struct {
	plan  *Plan
	url   *url.URL
	clock *timeline
}

// dial makes the connection, with TLS if the URL says so. The context has a deadline.
func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	host, port, err := endpoint(d.url)
	if err != nil {
		return nil, &resolveError{err}
	}
	addrs, err := d.resolve(ctx, host, port)
	if err != nil {
		return nil, err
	}
	conn, err := d.first(ctx, addrs)
	switch {
	case err != nil:
		return nil, err
	case d.url.Scheme == "https":
		d.clock.end(PhaseConnect)
		return d.handshake(ctx, conn, host)
	}
	d.clock.end(PhaseConnect, PhaseTLS)
	return conn, nil
}

// first connects to the first of the addresses that answers, and notes which are tried.
func (d *dialer) first(ctx context.Context, addrs []netip.AddrPort) (net.Conn, error) {
	return Dial(ctx, addrs, func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		d.clock.dialing(to)
		return source.Dialer{Source: d.plan.Source}.DialContext(ctx, to)
	})
}

// Dial connects to the first of the addresses that answers. Each gets its share of the time until the deadline of ctx, if there is
// one, so that an address that is silent leaves some to the next. The error unwraps to that of the last that was tried.
func Dial(ctx context.Context, addrs []netip.AddrPort, connect func(context.Context, netip.AddrPort) (net.Conn, error)) (net.Conn, error) {
	if len(addrs) == 0 {
		return nil, errors.New("there is no address to connect to")
	}
	failed := &connectError{}
	for i, addr := range addrs {
		share, cancel := part(ctx, len(addrs)-i)
		conn, err := connect(share, addr)
		cancel()
		if err == nil {
			return conn, nil
		}
		failed.add(because(ctx, err))
		if ctx.Err() != nil {
			break // the others are not tried, and must not be named
		}
	}
	return nil, failed
}

// part limits a context to a part of the time that it has.
func part(ctx context.Context, of int) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || of == 1 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(deadline)/time.Duration(of))
}

// handshake is that of a first visit, over which HTTP/1.1 is spoken, as perftest does.
func (d *dialer) handshake(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	config := d.plan.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.NextProtos, config.ClientSessionCache = nil, nil
	if config.ServerName == "" {
		config.ServerName = host
	}
	secure := tls.Client(conn, config)
	err := secure.HandshakeContext(ctx)
	if err == nil {
		d.clock.end(PhaseTLS)
		return secure, nil
	}
	_ = conn.Close()
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && string(header.RecordHeader[:]) == "HTTP/" {
		err = fmt.Errorf("%w: the server speaks HTTP without TLS on this port", err)
	}
	return nil, err
}

func (d *dialer) resolve(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	if d.plan.IP.IsValid() {
		host = d.plan.IP.String()
	}
	find := d.plan.Resolve
	if find == nil {
		find = SystemResolver
	}
	_, err := netip.ParseAddr(host)
	isName := err != nil
	if isName {
		find = find.bounded
	}
	addrs, err := find(ctx, host, port)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%q has no address", host)
	}
	if err != nil {
		return nil, &resolveError{err}
	}
	if isName {
		d.clock.end(PhaseDNS)
	} else {
		d.clock.end(PhaseNone, PhaseDNS) // there was nothing to look up
	}
	return d.reachable(addrs)
}

// bounded does not wait for a resolver that goes on when its context has ended.
func (find Resolver) bounded(ctx context.Context, host string, port uint16) ([]netip.AddrPort, error) {
	type answer struct {
		addrs []netip.AddrPort
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		addrs, err := find(ctx, host, port)
		answers <- answer{addrs, err}
	}()
	select {
	case a := <-answers:
		return a.addrs, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// reachable leaves out the addresses of the IP version that the source does not have.
func (d *dialer) reachable(addrs []netip.AddrPort) ([]netip.AddrPort, error) {
	dialer := source.Dialer{Source: d.plan.Source}
	same := slices.DeleteFunc(slices.Clone(addrs), func(a netip.AddrPort) bool { return dialer.Check(a.Addr()) != nil })
	if len(same) == 0 {
		return nil, dialer.Check(addrs[0].Addr())
	}
	return same, nil
}

// resolveError is what a resolver has returned.
type resolveError struct{ error }

func (e *resolveError) Unwrap() error { return e.error }

// connectError says why no address answered. The result is about the last that was tried, and so is Unwrap.
type connectError struct {
	last   error
	before []string
}

func (e *connectError) add(err error) {
	if e.last != nil {
		e.before = append(e.before, e.last.Error())
	}
	e.last = err
}

// Error implements error.
func (e *connectError) Error() string {
	const most = 3
	switch n := len(e.before); {
	case n == 0:
		return e.last.Error()
	case n > most:
		return fmt.Sprintf("%v; before that %s, and %d more", e.last, strings.Join(e.before[:most], ", "), n-most)
	}
	return fmt.Sprintf("%v; before that %s", e.last, strings.Join(e.before, ", "))
}

func (e *connectError) Unwrap() error { return e.last }
