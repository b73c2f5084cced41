package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// netFlood runs a job on package net: one goroutine for each connection in flight, which makes one after the other.
type netFlood struct {
	job    *job
	proto  string
	ctx    context.Context // until the call's deadline; its cause tells an abort from that
	cancel context.CancelCauseFunc
	stop   context.CancelFunc
	names  names
	mu     sync.Mutex // guards names
	ended  chan struct{}
}

var errAborted = errors.New("the call was aborted")

func newNetFlood(j *job) *netFlood {
	ctx, cancel := context.WithCancelCause(context.Background())
	ctx, stop := context.WithTimeout(ctx, j.plan.Timeout)
	return &netFlood{job: j, proto: j.plan.Protocol(), ctx: ctx, cancel: cancel, stop: stop, names: names{}, ended: make(chan struct{})}
}

func (f *netFlood) start() error {
	var workers sync.WaitGroup
	for range min(int64(f.job.plan.Concurrency), f.job.plan.Connections) {
		workers.Go(f.work)
	}
	go func() {
		workers.Wait()
		close(f.ended)
	}()
	return nil
}

func (f *netFlood) done() <-chan struct{} { return f.ended }

func (f *netFlood) abort() { f.cancel(errAborted) }

func (f *netFlood) close() {
	f.stop()
	f.cancel(nil)
}

func (f *netFlood) work() {
	for f.ctx.Err() == nil {
		c, wait, ok := f.job.claim(loop.Now())
		switch {
		case ok:
			f.job.deliver([]Outcome{f.connect(c)})
		case wait == loop.Never:
			return
		default:
			f.sleepUntil(wait)
		}
	}
}

func (f *netFlood) sleepUntil(at int64) {
	timer := time.NewTimer(time.Duration(at - loop.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}

// connect makes one connection, from dialling to closing it.
func (f *netFlood) connect(c claim) Outcome {
	f.job.count(&steps{started: 1})
	t := &f.job.plan.Targets[f.job.target(c.number)]
	if t.Err != nil {
		return f.failedDial(c, t.Class, t.Err)
	}
	ctx, cancel := context.WithTimeout(f.ctx, f.job.plan.ConnectTimeout)
	defer cancel()
	tcp, err := f.dial(ctx, c, t)
	if class := f.classOf(err, ClassTimeout); class == ClassReset && f.proto == "tcp" {
		return f.resetSince(c, err)
	} else if class != ClassNone {
		return f.failedDial(c, class, err)
	}
	conn, err := f.secure(ctx, tcp, t)
	if err != nil {
		_ = tcp.Close()
		return f.failedDial(c, f.classOfTLS(err), err)
	}
	established := loop.Now()
	f.job.count(&steps{connected: 1})
	o := f.exchange(c, conn, tcp)
	o.Connected = true
	o.Connect = time.Duration(established - c.planned)
	o.Reply = o.Elapsed() - o.Connect
	return o
}

func (f *netFlood) failedDial(c claim, class Class, err error) Outcome {
	o := f.job.outcome(c, loop.Now())
	o.Class, o.Err = class, err
	f.job.count(&steps{dialErrors: 1})
	return o
}

// resetSince ends a connection that was reset before package net had looked at it: an attempt to connect is refused,
// never reset, so it was established before.
func (f *netFlood) resetSince(c claim, err error) Outcome {
	f.job.count(&steps{connected: 1})
	o := f.job.outcome(c, loop.Now())
	o.Connected, o.Connect = true, o.Elapsed()
	o.Class, o.Err = ClassReset, err
	f.job.count(&steps{errors: 1})
	return o
}

func (f *netFlood) dial(ctx context.Context, c claim, to *Target) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	network := f.proto
	if network == "tls" {
		network = "tcp"
	}
	if sources := &f.job.plan.Sources; sources.Chosen() {
		from := sources.At(uint64(c.number)) // #nosec G115 -- connections count from 0
		if !from.Addr().IsValid() {
			from = netip.AddrPortFrom(unspecified(to.Addr.Addr()), from.Port())
		}
		dialer.LocalAddr = net.TCPAddrFromAddrPort(from)
		if network == "udp" {
			dialer.LocalAddr = net.UDPAddrFromAddrPort(from)
		}
		dialer.ControlContext = controlSource(from)
	}
	return dialer.DialContext(ctx, network, to.Addr.String())
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// secure shakes hands with the peer if the network is tls.
func (f *netFlood) secure(ctx context.Context, tcp net.Conn, t *Target) (net.Conn, error) {
	if f.proto != "tls" {
		return tcp, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.job.plan.TLS != nil {
		config = f.job.plan.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = SplitTarget(t.Name)
	}
	conn := tls.Client(tcp, config)
	return conn, conn.HandshakeContext(ctx)
}

// exchange asks for the answer, reads it, and closes.
func (f *netFlood) exchange(c claim, conn, tcp net.Conn) Outcome {
	rtt, retransmits := handshake(tcp)
	defer f.hangUp(conn, tcp)
	// An abort must not wait for the deadline of a read.
	unhook := context.AfterFunc(f.ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer unhook()
	_ = conn.SetDeadline(time.Now().Add(f.job.plan.ConnectTimeout))
	if f.ctx.Err() != nil {
		_ = conn.SetDeadline(time.Now())
	}

	host, sent, received, err := f.ask(conn)
	o := f.job.outcome(c, loop.Now())
	o.RTT, o.SYNRetransmits = rtt, retransmits
	o.Host, o.Sent, o.Received = host, int64(sent), int64(received)
	if err != nil {
		o.Class, o.Err = f.classOf(err, ClassNoReply), err
		f.job.count(&steps{errors: 1})
	} else {
		f.job.count(&steps{completed: 1})
	}
	return o
}

var errBadReply = errors.New("the answer is not 1 to 255 bytes of printable UTF-8")

// ask sends the payload of UDP, and returns the name that the peer answers with.
func (f *netFlood) ask(conn net.Conn) (host string, sent, received int, err error) {
	if f.proto == "udp" {
		if sent, err = conn.Write(f.job.plan.Payload); err != nil {
			return "", sent, 0, err
		}
	}
	if f.job.plan.SkipReply {
		return "", sent, 0, nil
	}
	var buf [2 * (reply.MaxLength + 1)]byte
	if received, err = conn.Read(buf[:]); err != nil && received == 0 {
		return "", sent, 0, err
	}
	name, ok := reply.Parse(buf[:received])
	if !ok {
		return "", sent, received, errBadReply
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names.intern(name), sent, received, nil
}

func (f *netFlood) hangUp(conn, tcp net.Conn) {
	if t, ok := tcp.(*net.TCPConn); ok && f.job.plan.Reset {
		_ = t.SetLinger(0)
		_ = tcp.Close() // without TLS's farewell
		return
	}
	_ = conn.Close()
}

// classOf classifies an error, which is an abort if the call was aborted, and late if time ran out.
func (f *netFlood) classOf(err error, late Class) Class {
	switch class := classify(err); {
	case errors.Is(err, errBadReply):
		return ClassBadReply
	case class != ClassTimeout && class != ClassAborted:
		return class
	case errors.Is(context.Cause(f.ctx), errAborted):
		return ClassAborted
	default:
		return late
	}
}

func (f *netFlood) classOfTLS(err error) Class {
	var errno syscall.Errno
	if class := f.classOf(err, ClassTimeout); class != ClassOther || errors.As(err, &errno) {
		return class
	}
	return ClassTLS
}
