package source

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
)

// Dialer connects from a source address, which need not be configured on an interface where the system allows that
// (Linux: IP_FREEBIND). An invalid address leaves the choice to the system.
type Dialer struct {
	Source netip.Addr
	Opened func(syscall.RawConn) // if set, is shown the socket before it connects
}

// DialContext makes one TCP connection. From a source of the other IP version that is a [*FamilyError]. If an ICMP message was the reason of a
// failure, its error tells who has sent that (Linux).
func (d Dialer) DialContext(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if err := d.Check(to.Addr()); err != nil {
		return nil, err
	}
	var told icmp.Queue
	defer told.Close()
	dialer := net.Dialer{KeepAlive: -1, ControlContext: func(ctx context.Context, network, address string, socket syscall.RawConn) error {
		told.Keep(socket, network)
		return d.open(ctx, network, address, socket)
	}}
	if d.Source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(d.from())
	}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, told.Explain(err)
	}
	return conn, nil
}

func (d Dialer) from() netip.AddrPort { return netip.AddrPortFrom(d.Source, 0) }

// open is a net.Dialer's ControlContext.
func (d Dialer) open(ctx context.Context, network, address string, socket syscall.RawConn) error {
	if d.Opened != nil {
		d.Opened(socket)
	}
	if !d.Source.IsValid() {
		return nil
	}
	return Control(d.from())(ctx, network, address, socket)
}

// Check returns a [*FamilyError] if no connection to the target can come from the source.
func (d Dialer) Check(to netip.Addr) error {
	if d.Source.IsValid() && d.Source.Unmap().Is4() != to.Unmap().Is4() {
		return &FamilyError{Source: d.Source, Target: to}
	}
	return nil
}

// FamilyError says that source and target are of different IP versions.
type FamilyError struct{ Source, Target netip.Addr }

// Error implements error.
func (e *FamilyError) Error() string {
	return fmt.Sprintf("from source %s: the target %s is of the other IP version; use a source of its version", e.Source, e.Target)
}
