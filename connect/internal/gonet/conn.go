package gonet

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/hostname"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/icmp"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// conn is a connection from its dial to its end.
type conn struct {
	runner *runner
	key    uint32
	number int64
	queued int64 // when it was to be dialed

	socket atomic.Pointer[syscall.RawConn] // as soon as there is one
	inVain atomic.Uint32                   // SYNs that were sent again until the dial was given up
	cancel context.CancelFunc              // of the dial

	// Under the runner's lock:
	tcp       net.Conn // or UDP's; nil until it is dialed
	stream    net.Conn // to talk on: tcp, or TLS above it
	deadline  int64
	waits     int64 // the deadline of the read that waits, or 0
	handshake engine.Handshake
	out       []byte // what is to be sent
	spare     []byte // room for more
	writer    bool   // a goroutine is sending it
	stuck     bool   // TLS can't be written to any more
	shut      bool   // the sending side is to be shut down, after out
	hasShut   bool
	closed    bool
	reset     bool
}

// Dial implements engine.Driver.
func (r *runner) Dial(key uint32, number int64) (at int64, fault engine.Fault) {
	for int(key) >= len(r.conns) {
		r.conns = append(r.conns, nil)
	}
	now := loop.Now()
	r.conns[key] = &conn{runner: r, key: key, number: number, queued: now, deadline: engine.Never}
	r.queue = append(r.queue, r.conns[key])
	return now, engine.Fault{}
}

// Send implements engine.Driver. Streams are sent once the lock is free, and all of p counts as sent.
func (r *runner) Send(key uint32, p []byte) (n int, at int64, fault engine.Fault) {
	c := r.conns[key]
	if r.job.Plan.Protocol != "udp" {
		c.out = append(c.out, p...)
		return len(p), loop.Now(), engine.Fault{}
	}
	n, err := c.stream.Write(p)
	if err != nil && !errors.Is(err, syscall.ENOBUFS) {
		return 0, loop.Now(), r.faultOf("write", err)
	}
	return n, loop.Now(), engine.Fault{}
}

// Shut implements engine.Driver.
func (r *runner) Shut(key uint32) {
	c := r.conns[key]
	c.shut = true
	c.wait(past)
}

// Deadline implements engine.Driver.
func (r *runner) Deadline(key uint32, at int64) {
	c := r.conns[key]
	if c.deadline = at; c.stream != nil && c != r.current {
		c.wait(instant(at))
	}
}

// wait sets how long the connection's goroutine waits in a read, at most.
func (c *conn) wait(until time.Time) {
	c.waits = 0
	_ = c.tcp.SetReadDeadline(until)
}

// instant is a time for package net, which takes the zero time for never.
func instant(at int64) time.Time {
	if at == engine.Never {
		return time.Time{}
	}
	return loop.Time(at)
}

// Handshake implements engine.Driver. While a connection is dialed, it asks the socket.
func (r *runner) Handshake(key uint32) engine.Handshake {
	c := r.conns[key]
	if r.job.Plan.Protocol == "udp" {
		return engine.Handshake{}
	}
	switch {
	case c.stream == nil && c.tcp == nil:
		return engine.Handshake{Retransmits: max(c.inVain.Load(), c.retransmits())}
	case c.stream == nil || c.handshake != (engine.Handshake{}):
		first := c.handshake
		c.handshake = engine.Handshake{}
		return first
	}
	return c.kernelView()
}

func (c *conn) retransmits() uint32 { return c.kernelView().Retransmits }

// kernelView is the kernel's view of the connection now, if it has a socket.
func (c *conn) kernelView() engine.Handshake {
	if raw := c.socket.Load(); raw != nil {
		return handshakeOf(*raw)
	}
	return engine.Handshake{}
}

// Local implements engine.Driver.
func (r *runner) Local(key uint32) netip.AddrPort { return addrPort(r.conns[key].tcp.LocalAddr()) }

// Close implements engine.Driver. The connection's own goroutine does it.
func (r *runner) Close(key uint32, reset bool) {
	c := r.conns[key]
	r.conns[key] = nil
	c.closed, c.reset = true, reset
	r.finishing++
	c.interrupt()
}

// interrupt makes the connection's goroutine look what there is to do. What it waits for ends at once.
func (c *conn) interrupt() {
	switch {
	case c.stream != nil:
		c.waits = 0
		_ = c.tcp.SetDeadline(past)
	case c.cancel != nil:
		c.cancel()
	}
}

var past = time.Unix(1, 0)

// live dials the connection, reads it until it is over, and closes it.
func (c *conn) live() {
	tcp, stream, err := c.dial()
	if !c.dialed(tcp, stream, err) {
		return
	}
	buffer := make([]byte, c.runner.size)
	for c.perform() {
		n, err := c.stream.Read(buffer)
		if n > 0 || err == nil && c.runner.job.Plan.Protocol == "udp" {
			c.runner.handle(c, engine.Event{Kind: engine.Data, Data: buffer[:n]})
		}
		if err != nil {
			c.failed("read", err)
		}
	}
	c.hangUp()
}

// failed tells of an error of a read or write. One that says that time is up may mean an interruption.
func (c *conn) failed(call string, err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.expire()
	case errors.Is(err, io.EOF):
		c.runner.handle(c, engine.Event{Kind: engine.Ended})
	default:
		c.runner.handle(c, engine.Event{Kind: engine.Ended, Fault: c.runner.faultOf(call, err)})
	}
}

// expire tells that the deadline has passed, if it has, and if nothing has arrived that was not read while this process was paused.
func (c *conn) expire() {
	r := c.runner
	r.mu.Lock()
	defer r.unlock()
	switch {
	case c.closed || loop.Now() < c.deadline: // interrupted
	case isLate(c.deadline) && isReadable(c.tcp):
		c.deadline = loop.Now() + int64(lastLook)
	default:
		c.deadline = engine.Never
		r.tell(c, &engine.Event{Kind: engine.Expired})
	}
}

// dial makes the connection, as far as it gets before the deadline.
func (c *conn) dial() (tcp, stream net.Conn, err error) {
	r := c.runner
	r.mu.Lock()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	c.cancel = func() { cancel(context.Canceled) }
	now := loop.Now()
	c.deadline += now - c.queued // the dial begins only here: this process may have paused before
	deadline, closed := c.deadline, c.closed
	r.mu.Unlock()
	if closed {
		return nil, nil, net.ErrClosed
	}
	patience := time.AfterFunc(time.Duration(deadline-now), func() { c.giveUp(ctx, deadline, cancel) })
	defer patience.Stop()

	var queue icmp.Queue
	defer queue.Close()
	dialer := net.Dialer{KeepAlive: -1, ControlContext: func(ctx context.Context, network, address string, raw syscall.RawConn) error {
		queue.Keep(raw, network)
		return c.control(ctx, network, address, raw)
	}}
	network := "tcp"
	if r.job.Plan.Protocol == "udp" {
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
	r := c.runner
	r.mu.Lock()
	c.tcp = tcp
	if !c.closed {
		_ = tcp.SetDeadline(instant(deadline))
	}
	closed := c.closed
	c.cancel = func() { _ = tcp.SetDeadline(past) }
	if r.job.Plan.Protocol != "udp" {
		c.handshake = c.kernelView() // before anything is sent
	}
	r.mu.Unlock()
	if closed {
		return tcp, nil, net.ErrClosed
	}
	if header := r.job.Plan.Header; header != nil && r.job.Plan.Protocol != "udp" {
		if _, err := tcp.Write(header(nil, addrPort(tcp.LocalAddr()), addrPort(tcp.RemoteAddr()))); err != nil {
			return tcp, nil, err
		}
	}
	if r.job.Plan.Protocol != "tls" {
		return tcp, tcp, nil
	}
	secure := tls.Client(&lastLooker{Conn: tcp, conn: c, late: lateness{deadline: deadline, most: r.job.Plan.ConnectTimeout}}, c.tlsConfig())
	if err := secure.Handshake(); err != nil { //nolint:noctx // the deadline bounds it, and can be moved
		return tcp, nil, engine.HandshakeError{Err: err}
	}
	return tcp, secure, nil
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
	r.tell(c, &engine.Event{Kind: engine.Connected})
	return true
}

// perform does what the core has asked for, and prepares a read. It returns false if the connection is closed.
func (c *conn) perform() bool {
	r := c.runner
	for {
		r.mu.Lock()
		mayWrite := len(c.out) > 0 && !c.writer && !c.stuck
		switch {
		case c.closed:
			r.mu.Unlock()
			return false
		case mayWrite && len(c.out) <= writeSize:
			out := c.out
			c.out, c.spare = c.spare[:0], nil
			_ = c.tcp.SetWriteDeadline(instant(c.deadline))
			r.mu.Unlock()
			c.write(out)
			continue
		case mayWrite:
			c.writer = true
			_ = c.tcp.SetWriteDeadline(time.Time{})
			r.goroutines.Go(c.writeBeside)
		case c.shut && !c.hasShut && !c.writer:
			c.hasShut = true
			r.mu.Unlock()
			c.shutDown()
			continue
		}
		if c.waits != c.deadline {
			c.waits = c.deadline
			_ = c.tcp.SetReadDeadline(instant(c.deadline)) // an interruption's may have been overwritten, but has been heeded
		}
		r.mu.Unlock()
		return true
	}
}

// writeSize is how much may be written before the next read: every connection's buffers have room for it. A peer that echoes takes no
// more of a larger packet before its echo is read.
const writeSize = 16 << 10

func (c *conn) write(out []byte) {
	n, err := c.stream.Write(out)
	c.runner.mu.Lock()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.out = append(out[n:len(out):len(out)], c.out...)
		c.stuck = c.stream != c.tcp // TLS fails for good
	} else {
		c.spare = out[:0]
	}
	c.runner.mu.Unlock()
	if err != nil {
		c.failed("write", err)
	}
}

// writeBeside writes while the connection's goroutine reads.
func (c *conn) writeBeside() {
	r := c.runner
	for {
		r.mu.Lock()
		out := c.out
		c.out = nil
		if len(out) == 0 || c.closed {
			c.writer = false
			if c.shut && !c.closed {
				c.wait(past)
			}
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		if _, err := c.stream.Write(out); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			c.failed("write", err)
		}
	}
}

// shutDown ends the sending side: over TLS by close_notify.
func (c *conn) shutDown() {
	if half, ok := c.stream.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			c.failed("shutdown", err)
		}
	}
}

// hangUp closes the connection: without TLS's farewell if there is to be a RST, or if the peer may not take it.
func (c *conn) hangUp() {
	c.runner.mu.Lock()
	reset, owes := c.reset, c.writer || len(c.out) > 0
	c.runner.mu.Unlock()
	switch {
	case reset:
		abort(c.tcp)
	case owes:
		_ = c.tcp.Close()
	default:
		_ = c.tcp.SetDeadline(time.Time{})
		_ = c.stream.Close()
	}
}

// abort closes with a RST, if that is TCP, and leaves no TIME_WAIT.
func abort(conn net.Conn) {
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}

func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort()
	case *net.UDPAddr:
		return a.AddrPort()
	}
	return netip.AddrPort{}
}
