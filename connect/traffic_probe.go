package connect

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// maxProbe is how long the probe of a silent flow waits at most.
const maxProbe = time.Second

// probe asks, when a UDP flow with a fixed source port has fallen silent and not come back, whether its target answers a datagram from a
// new port. If so, it is the flow's 5-tuple that is stuck on the way. The probe is counted nowhere. It returns nil if there is nothing
// to ask, or no time left for it.
func (c *trafficCall) probe(ctx context.Context, r *TrafficResult) *bool {
	plan := c.tally.traffic
	number, silent := c.tally.silentFlow()
	patience := min(plan.LossTimeout, maxProbe, plan.Timeout-r.Duration)
	if plan.Protocol() != "udp" || !r.Fixed || !silent || patience <= 0 || ctx.Err() != nil {
		return nil
	}
	from := netip.AddrPortFrom(plan.Sources.At(uint64(number)).Addr(), 0) // #nosec G115 -- connections count from 0
	answered, err := answersNewPort(ctx, from, c.tally.remote(number), patience)
	if err != nil {
		return nil
	}
	return &answered
}

// answersNewPort sends a datagram from a port of the system's choice, and reports whether anything comes back to it. An error means that
// it was not sent.
func answersNewPort(ctx context.Context, from, to netip.AddrPort, patience time.Duration) (bool, error) {
	config := net.ListenConfig{}
	address := ":0"
	if from.Addr().IsValid() {
		address = from.String()
		control := source.Control(from)
		config.Control = func(network, address string, raw syscall.RawConn) error { return control(ctx, network, address, raw) }
	}
	network := "udp6"
	if to.Addr().Unmap().Is4() {
		network = "udp4"
	}
	socket, err := config.ListenPacket(ctx, network, address)
	if err != nil {
		return false, err
	}
	defer func() { _ = socket.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	if _, err := socket.WriteTo(make([]byte, MinDatagramSize), net.UDPAddrFromAddrPort(to)); err != nil {
		return false, err
	}
	if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return false, err
	}
	for buffer := make([]byte, 1); ; {
		switch _, peer, err := socket.ReadFrom(buffer); {
		case err != nil:
			return false, nil // nothing has come in time
		case isFrom(peer, to):
			return true, nil
		}
	}
}

// isFrom reports whether a datagram's sender is the one that was asked.
func isFrom(peer net.Addr, asked netip.AddrPort) bool {
	udp, ok := peer.(*net.UDPAddr)
	if !ok {
		return false
	}
	from := udp.AddrPort()
	return from.Port() == asked.Port() && from.Addr().Unmap().WithZone("") == asked.Addr().Unmap().WithZone("")
}
