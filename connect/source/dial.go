package source

import (
	"context"
	"net"
	"net/netip"
)

// Dialer connects from a source address, which need not be configured on an interface where the system allows that
// (Linux: IP_FREEBIND). An invalid address leaves the choice to the system.
type Dialer struct{ Source netip.Addr }

// DialContext makes one TCP connection.
func (d Dialer) DialContext(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	if d.Source.IsValid() {
		from := netip.AddrPortFrom(d.Source, 0)
		dialer.LocalAddr = net.TCPAddrFromAddrPort(from)
		dialer.ControlContext = Control(from)
	}
	return dialer.DialContext(ctx, "tcp", to.String())
}
