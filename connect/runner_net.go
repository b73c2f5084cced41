package connect

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// netRunner runs a job on package net: one goroutine for each lane, which makes one connection after the other.
type netRunner struct {
	job      *job
	proto    string
	activity netActivity

	dialing    context.Context // until the call's deadline or its stop; the cause tells one from the other
	stopDial   context.CancelCauseFunc
	deadline   context.CancelFunc
	holding    context.Context // until the stop
	stopHold   context.CancelCauseFunc
	open       sync.WaitGroup
	starved    atomic.Int64 // dials that wait for a descriptor
	allSettled chan struct{}
	allDone    chan struct{}
}

// netActivity is what is done with a connection once it is established. It closes the connection and delivers its outcomes,
// before it returns or on a goroutine of r.open.
type netActivity interface {
	established(r *netRunner, c netConn)
	// reset is told of a connection that was reset as soon as it was established, and is closed.
	reset(r *netRunner, c netConn)
	// failed is told of a connection that could not be established.
	failed(r *netRunner, c claim)
}

// netConn is an established connection. If it was reset before package net had looked at it, it has no Conn but an error.
type netConn struct {
	claim
	net.Conn          // to talk on
	tcp      net.Conn // beneath TLS; else the same
	since    int64    // loop time when it was established
	lost     error

	rtt            time.Duration // of the TCP handshake
	synRetransmits int64
}

// stopped is why a runner's contexts end if the call is stopped, with the classes for what is dialling and what is established.
type stopped struct{ dialling, established Class }

func (s stopped) Error() string {
	if s.dialling == ClassTimeout {
		return "the call's time is up"
	}
	return "the call was ended from outside"
}

func newNetRunner(j *job, activity netActivity) *netRunner {
	r := &netRunner{job: j, proto: j.plan.Protocol(), activity: activity, allSettled: make(chan struct{}), allDone: make(chan struct{})}
	r.holding, r.stopHold = context.WithCancelCause(context.Background())
	r.dialing, r.stopDial = context.WithCancelCause(r.holding)
	r.dialing, r.deadline = context.WithTimeout(r.dialing, j.plan.Timeout)
	return r
}

func (r *netRunner) start() error {
	var lanes sync.WaitGroup
	for range min(int64(r.job.plan.Concurrency), r.job.plan.Connections) {
		lanes.Go(r.lane)
	}
	go func() {
		lanes.Wait()
		close(r.allSettled)
		r.open.Wait()
		r.job.end(loop.Now())
		close(r.allDone)
	}()
	return nil
}

func (r *netRunner) settled() <-chan struct{} { return r.allSettled }

func (r *netRunner) done() <-chan struct{} { return r.allDone }

func (r *netRunner) stop(dialling, established Class) { r.stopHold(stopped{dialling, established}) }

func (r *netRunner) close() {
	r.deadline()
	r.stopDial(nil)
	r.stopHold(nil)
}

func (r *netRunner) lane() {
	for r.dialing.Err() == nil {
		c, wait, ok := r.job.claim(loop.Now())
		switch {
		case ok:
			r.connect(c)
		case wait == loop.Never:
			return
		default:
			r.sleepUntil(wait)
		}
	}
}

func (r *netRunner) sleepUntil(at int64) {
	timer := time.NewTimer(time.Duration(at - loop.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.dialing.Done():
	}
}

// connect makes one connection and hands it to the activity.
func (r *netRunner) connect(c claim) {
	switch conn, ok := r.establish(c); {
	case !ok:
		r.activity.failed(r, c)
	case conn.lost != nil:
		r.activity.reset(r, conn)
	default:
		r.activity.established(r, conn)
	}
}

// establish makes one connection, or reports why it could not.
func (r *netRunner) establish(c claim) (established netConn, ok bool) {
	r.job.count(&steps{started: 1})
	t := &r.job.plan.Targets[r.job.target(c.number)]
	if t.Err != nil {
		r.failedDial(c, t.Class, t.Err)
		return netConn{}, false
	}
	ctx, cancel := context.WithTimeout(r.dialing, r.job.plan.ConnectTimeout)
	tcp, err := r.dial(ctx, c, t)
	for r.awaitDescriptor(err) {
		cancel()
		ctx, cancel = context.WithTimeout(r.dialing, r.job.plan.ConnectTimeout)
		tcp, err = r.dial(ctx, c, t)
	}
	defer cancel()
	if class := r.classOf(err, ClassTimeout); class == ClassReset && r.proto == "tcp" {
		// An attempt to connect is refused, never reset: this connection was established, and has been reset since.
		r.job.count(&steps{connected: 1})
		return netConn{claim: c, since: loop.Now(), lost: err}, true
	} else if class != ClassNone {
		r.failedDial(c, class, err)
		return netConn{}, false
	}
	if isItself(tcp) {
		reset(tcp)
		r.failedDial(c, ClassRefused, errItself)
		return netConn{}, false
	}
	rtt, synRetransmits := handshake(tcp) // before anything is sent on it
	conn, err := r.secure(ctx, tcp, t)
	if err != nil {
		_ = tcp.Close()
		r.failedDial(c, r.classOfTLS(err), err)
		return netConn{}, false
	}
	r.job.count(&steps{connected: 1})
	return netConn{claim: c, Conn: conn, tcp: tcp, since: loop.Now(), rtt: rtt, synRetransmits: synRetransmits}, true
}

func (r *netRunner) deliver(o Outcome) { r.job.outcomes.deliver([]Outcome{o}) }

func (r *netRunner) failedDial(c claim, class Class, err error) {
	o := r.job.outcome(c, loop.Now())
	o.Class, o.Err = class, err
	r.job.count(&steps{dialErrors: 1})
	r.deliver(o)
}

// awaitDescriptor waits until it is worth dialling again, if the last attempt found no descriptor. It returns false if it is
// not: for another error, or if no connection of this job is open that would free one by ending.
func (r *netRunner) awaitDescriptor(err error) bool {
	if classify(err) != ClassFDLimit || r.job.keeps {
		return false
	}
	r.starved.Add(1)
	defer r.starved.Add(-1)
	if !r.othersInFlight() {
		return false
	}
	r.sleepUntil(loop.Now() + retryNs)
	return r.dialing.Err() == nil
}

// othersInFlight reports whether connections are open or dialling that have a descriptor.
func (r *netRunner) othersInFlight() bool {
	s := r.job.counters.States()
	return s.Dialing+s.Established > r.starved.Load()
}

func (r *netRunner) dial(ctx context.Context, c claim, to *Target) (net.Conn, error) {
	dialer := net.Dialer{KeepAlive: -1}
	network := r.proto
	if network == "tls" {
		network = "tcp"
	}
	if sources := &r.job.plan.Sources; sources.Chosen() {
		from := sources.At(uint64(c.number)) // #nosec G115 -- connections count from 0
		if !from.Addr().IsValid() {
			from = netip.AddrPortFrom(unspecified(to.Addr.Addr()), from.Port())
		}
		dialer.LocalAddr = net.TCPAddrFromAddrPort(from)
		if network == "udp" {
			dialer.LocalAddr = net.UDPAddrFromAddrPort(from)
		}
		dialer.ControlContext = source.Control(from)
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
func (r *netRunner) secure(ctx context.Context, tcp net.Conn, t *Target) (net.Conn, error) {
	if r.proto != "tls" {
		return tcp, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.job.plan.TLS != nil {
		config = r.job.plan.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName, _, _ = SplitTarget(t.Name)
	}
	conn := tls.Client(tcp, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, handshakeError{err}
	}
	return conn, nil
}

// report begins a record of an established connection.
func (r *netRunner) report(c *netConn) Outcome {
	o := r.job.outcome(c.claim, loop.Now())
	o.Connected, o.Connect = true, time.Duration(c.since-c.planned)
	o.RTT, o.SYNRetransmits = c.rtt, c.synRetransmits
	return o
}

func (r *netRunner) hangUp(c *netConn) {
	if _, isTCP := c.tcp.(*net.TCPConn); isTCP && r.job.plan.Reset {
		reset(c.tcp) // without TLS's farewell
		return
	}
	_ = c.Close()
}

// reset closes with a RST, if that is TCP, and leaves no TIME_WAIT.
func reset(conn net.Conn) {
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}

// classOf classifies an error, which is what the stop says if the call was stopped, and late if time ran out.
func (r *netRunner) classOf(err error, late Class) Class {
	class := classify(err)
	if class == ClassAddrNotAvailable && r.job.plan.Sources.Ports.Count() > 0 && isConnect(err) {
		return ClassAddrInUse // see part.launchClass
	}
	if class != ClassTimeout && class != ClassAborted {
		return class
	}
	if s, ok := errors.AsType[stopped](context.Cause(r.dialing)); ok {
		return s.dialling
	}
	return late
}

func (r *netRunner) classOfTLS(err error) Class {
	var errno syscall.Errno
	if class := r.classOf(err, ClassTimeout); class != ClassOther || errors.As(err, &errno) {
		return class
	}
	return ClassTLS
}

// isConnect reports whether it was the connect that failed, not the bind before it.
func isConnect(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == "connect"
}
