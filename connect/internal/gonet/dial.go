package gonet

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/hostname"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// dial makes the connection, as far as it gets before the deadline.
func (c *conn) dial() (tcp, stream net.Conn, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	deadline, open := c.begin(func() { cancel(context.Canceled) })
	if !open {
		return nil, nil, net.ErrClosed
	}
	patience := time.AfterFunc(time.Duration(deadline-loop.Now()), func() { c.giveUp(ctx, deadline, cancel) })
	defer patience.Stop()

	var queue icmp.Queue
	defer queue.Close()
	dialer := net.Dialer{KeepAlive: -1, ControlContext: func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		queue.Keep(raw, network)
		return c.control(ctx, network, address, raw)
	}}
	network := "tcp"
	if c.runner.job.Plan.Protocol == "udp" {
		network = "udp"
	}
	dialer.LocalAddr = c.localAddr(network)
	if tcp, err = dialer.DialContext(ctx, network, c.target().Addr.String()); err != nil {
		if errors.Is(context.Cause(ctx), engine.ReasonConnectTimeout) {
			return nil, nil, engine.ReasonConnectTimeout
		}
		return nil, nil, queue.Explain(err)
	}
	queue.Close()
	if tcp.LocalAddr().String() == tcp.RemoteAddr().String() {
		abort(tcp)
		return nil, nil, engine.ReasonSelf
	}
	return c.secure(tcp, deadline)
}

// begin starts the time of a dial, which cancel ends. It returns false if the connection is closed already.
func (c *conn) begin(cancel context.CancelFunc) (deadline int64, open bool) {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	c.cancel = cancel
	c.deadline += loop.Now() - c.queued // the dial begins only here: this process may have paused before
	return c.deadline, !c.closed
}

// giveUp cancels a dial whose deadline has passed, unless this process was paused and owes the dial that time.
func (c *conn) giveUp(dial context.Context, deadline int64, cancel context.CancelCauseFunc) {
	late := lateness{deadline: deadline, most: c.runner.job.Plan.ConnectTimeout}
	for late.extend() {
		select {
		case <-dial.Done():
			return
		case <-time.After(time.Duration(late.deadline - loop.Now())):
		}
	}
	c.inVain.Store(c.retransmits())
	cancel(engine.ReasonConnectTimeout)
}

func (c *conn) target() *engine.Target {
	j := c.runner.job
	return &j.Plan.Targets[j.TargetOf(c.number)]
}

// source is where the connection comes from; ok is false if the system chooses that.
func (c *conn) source() (from netip.AddrPort, ok bool) {
	sources := &c.runner.job.Plan.Sources
	if !sources.Chosen() {
		return netip.AddrPort{}, false
	}
	from = sources.At(uint64(c.number)) // #nosec G115 -- connections count from 0
	if !from.Addr().IsValid() {
		from = netip.AddrPortFrom(unspecified(c.target().Addr.Addr()), from.Port())
	}
	return from, true
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// localAddr is a net.Dialer's LocalAddr.
func (c *conn) localAddr(network string) net.Addr {
	switch from, ok := c.source(); {
	case !ok:
		return nil
	case network == "udp":
		return net.UDPAddrFromAddrPort(from)
	default:
		return net.TCPAddrFromAddrPort(from)
	}
}

// control is a net.Dialer's ControlContext.
func (c *conn) control(ctx context.Context, network, address string, raw syscall.RawConn) error {
	c.socket.Store(&raw)
	from, ok := c.source()
	if !ok {
		return nil
	}
	control := source.Control(from)
	if control == nil {
		return nil
	}
	return control(ctx, network, address, raw)
}

// secure sends the header if there is one, and shakes hands with the peer if the protocol is TLS.
func (c *conn) secure(tcp net.Conn, deadline int64) (_, stream net.Conn, err error) {
	if !c.take(tcp, deadline) {
		return tcp, nil, net.ErrClosed
	}
	plan := &c.runner.job.Plan
	if header := plan.Header; header != nil && plan.Protocol != "udp" {
		if _, err := tcp.Write(header(nil, addrPort(tcp.LocalAddr()), addrPort(tcp.RemoteAddr()))); err != nil {
			return tcp, nil, err
		}
	}
	if plan.Protocol != "tls" {
		return tcp, tcp, nil
	}
	secure, err := c.shake(tcp, deadline)
	if err != nil {
		return tcp, nil, err
	}
	return tcp, secure, nil
}

// take keeps what was dialed, for which there is time until the deadline. It returns false if the connection is closed already.
func (c *conn) take(tcp net.Conn, deadline int64) (open bool) {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	c.tcp, c.cancel = tcp, func() { _ = tcp.SetDeadline(past) }
	if !c.closed {
		_ = tcp.SetDeadline(instant(deadline))
	}
	if c.runner.job.Plan.Protocol != "udp" {
		c.handshake = c.kernelView() // before anything is sent
	}
	return !c.closed
}

// tlsConfig is the plan's, for the connection's target.
func (c *conn) tlsConfig() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if given := c.runner.job.Plan.TLS; given != nil {
		config = given.Clone()
	}
	if config.ServerName == "" {
		host, _, _ := net.SplitHostPort(c.target().Name)
		config.ServerName, _ = hostname.ASCII(host) // has been checked
	}
	return config
}

// dialed tells what has come of the dial. It returns false if the connection is over.
func (c *conn) dialed(tcp, stream net.Conn, err error) bool {
	r := c.runner
	fault := r.dialFault(err)
	wasReset := fault.Class == class.Reset && tcp == nil && r.job.Plan.Protocol == "tcp"
	r.mu.Lock()
	defer r.unlock()
	if c.closed || err != nil && !wasReset {
		if tcp != nil {
			_ = tcp.Close()
		}
		if !c.closed {
			r.tell(c, &engine.Event{Kind: engine.Ended, Fault: fault})
		}
		return false
	}
	if wasReset {
		// An attempt to connect is refused, never reset: this connection was established, and has been reset since.
		c.tcp, c.stream = resetConn{}, resetConn{}
	} else {
		c.tcp, c.stream = tcp, stream
		_ = tcp.SetDeadline(time.Time{})
	}
	r.tell(c, &engine.Event{Kind: engine.Connected, At: c.shaken})
	return true
}
