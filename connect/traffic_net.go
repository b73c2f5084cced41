package connect

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// talking keeps each connection under traffic on a goroutine of its own, which dials it again when it is lost.
type talking struct {
	lanes chan struct{} // bounds how many are dialled again at once
}

func newRedialLanes(j *job) chan struct{} { return make(chan struct{}, j.plan.Concurrency) }

func (a talking) established(r *netRunner, c netConn) {
	f := newNetFlow(r, a, c.number)
	r.open.Go(func() {
		f.talk(c)
		f.stayUp()
	})
}

func (a talking) reset(r *netRunner, c netConn) {
	f := newNetFlow(r, a, c.number)
	r.open.Go(func() {
		f.reset(c)
		f.stayUp()
	})
}

func (a talking) failed(r *netRunner, c claim) {
	f := newNetFlow(r, a, c.number)
	f.failed++
	r.open.Go(f.stayUp)
}

// netFlow is a flow on package net.
type netFlow struct {
	flow
	pace
	runner   *netRunner
	activity talking
	packet   []byte
	buf      []byte
	writing  bool          // beside the reads
	written  chan struct{} // that has ended, with writeErr
	writeErr error

	lateSince int64 // when the echo was due that is looked for a last time
	lookUntil int64
}

func newNetFlow(r *netRunner, a talking, number int64) *netFlow {
	p := newPace(r.job)
	return &netFlow{flow: flow{number: number}, pace: p, runner: r, activity: a, packet: make([]byte, p.size), buf: make([]byte, p.size+1), written: make(chan struct{}, 1)}
}

// stayUp dials the flow again, as long as that is wanted.
func (f *netFlow) stayUp() {
	r := f.runner
	for r.dialing.Err() == nil {
		if r.job.traffic.NoReconnect {
			r.job.traffic.counters.gaveUp.Add(1)
			return
		}
		planned := loop.Now() + int64(f.backoff())
		if r.sleepUntil(planned); r.dialing.Err() != nil {
			return
		}
		select {
		case f.activity.lanes <- struct{}{}:
		case <-r.dialing.Done():
			return
		}
		r.job.count(&steps{planned: 1})
		c, ok := r.establish(claim{number: f.number, planned: planned})
		<-f.activity.lanes
		switch {
		case !ok:
			f.failed++
		case c.lost != nil:
			f.reset(c)
		default:
			f.talk(c)
		}
	}
}

// established takes note of a new connection.
func (f *netFlow) established(c *netConn, local netip.AddrPort) Outcome {
	f.begin(local)
	counts := trafficSteps{connected: 1}
	if f.lives > 1 {
		counts.reconnected = 1
	}
	f.runner.job.traffic.counters.count(&counts)
	o := f.runner.report(c)
	o.Event = Established
	f.runner.deliver(o)
	return o
}

// lose takes note of the end of a connection that did not last.
func (f *netFlow) lose(o Outcome, class Class, err error) {
	f.lost()
	o.Event, o.Class, o.Err = Ended, class, err
	f.runner.job.count(&steps{errors: 1})
	f.runner.job.traffic.counters.count(&trafficSteps{lost: 1})
	f.runner.deliver(o)
}

// reset takes note of a connection that was reset as soon as it was established.
func (f *netFlow) reset(c netConn) {
	o := f.established(&c, netip.AddrPort{})
	o.Record = f.recordOf(&f.flow, 0)
	f.lose(o, ClassReset, c.lost)
}

// talk sends packets until the connection is lost, or the call ends.
func (f *netFlow) talk(c netConn) {
	r := f.runner
	defer f.hangUp(&c)
	begun := f.established(&c, addrPort(c.LocalAddr()))

	unhook := context.AfterFunc(r.dialing, func() {
		if _ = c.SetReadDeadline(time.Now()); !f.draining() {
			_ = c.SetWriteDeadline(time.Now())
		}
	})
	defer unhook()
	err := f.exchange(&c)
	f.endWrite(&c)

	o := r.report(&c)
	o.RTT, o.SYNRetransmits = begun.RTT, begun.SYNRetransmits
	_, segments := handshake(c.tcp)
	o.Record = f.recordOf(&f.flow, max(segments-begun.SYNRetransmits, 0))
	if r.dialing.Err() != nil && (err == nil || classify(err) == ClassTimeout && !errors.Is(err, errNoEcho)) {
		r.job.count(&steps{completed: 1})
		r.deliver(o)
		return
	}
	switch {
	case errors.Is(err, errNoEcho):
		f.lose(o, ClassNoReply, err)
	case errors.Is(err, errTooMuch):
		f.lose(o, ClassBadReply, err)
	default:
		f.lose(o, classify(err), err)
	}
}

// hangUp closes the connection, without TLS's farewell if the peer may not take it.
func (f *netFlow) hangUp(c *netConn) {
	if f.waiting != 0 && !f.runner.job.plan.Reset {
		_ = c.tcp.Close()
		return
	}
	f.runner.hangUp(c)
}

var (
	errNoEcho  = errors.New("no echo in time (option lossTimeout)")
	errTooMuch = errors.New("more came back than was sent")
)

// draining reports whether the call has ended by itself.
func (f *netFlow) draining() bool {
	s, ok := errors.AsType[stopped](context.Cause(f.runner.holding))
	return ok && s.established == ClassNone
}

// exchange sends packets when they are due, and takes their echoes. It returns nil if the call has ended; one that ends by itself lets what
// is on its way come back.
func (f *netFlow) exchange(c *netConn) error {
	if f.slot = loop.Now(); f.interval > 0 {
		f.slot = f.firstSlot(&f.flow, f.slot)
	}
	for {
		ended := f.runner.dialing.Err() != nil
		if err := f.hasWritten(); err != nil {
			return err
		}
		if ended && (f.waiting == 0 || !f.draining()) {
			return nil
		}
		now := loop.Now()
		if f.isLate(now) {
			if f.draining() && f.lacksLast(&f.flow) {
				return nil
			}
			return errNoEcho
		}
		if now >= f.slot && !ended {
			if err := f.useSlot(c, now); err != nil {
				return err
			}
		}
		if err := f.read(c, ended); err != nil {
			return err
		}
	}
}

// isLate reports whether the echo that is waited for is lost, since what there was to read at the end of its time has been read.
func (f *netFlow) isLate(now int64) bool {
	due := f.since + int64(f.runner.job.traffic.LossTimeout)
	switch {
	case f.waiting == 0 || now < due:
		return false
	case f.lateSince != due:
		f.lateSince, f.lookUntil = due, now+int64(lastLook)
	}
	return now >= f.lookUntil
}

func (f *netFlow) useSlot(c net.Conn, now int64) error {
	planned := now
	if f.interval > 0 {
		var dropped int64
		var ok bool
		planned, dropped, ok = f.takeSlots(&f.flow, now)
		f.runner.job.traffic.counters.count(&trafficSteps{dropped: dropped})
		if !ok {
			return nil
		}
	} else if f.slot = loop.Never; f.datagram {
		f.slot = now + int64(f.runner.job.traffic.LossTimeout)/unheardPart
	}
	f.stamp(f.packet, planned)
	f.sending(&f.flow, planned, now)
	f.runner.job.traffic.counters.count(&trafficSteps{sent: 1})
	_ = c.SetWriteDeadline(time.Now().Add(f.runner.job.traffic.LossTimeout))
	if f.runner.dialing.Err() != nil && !f.draining() {
		_ = c.SetWriteDeadline(time.Now()) // the stop's own deadline may just have been overwritten
	}
	return f.write(c)
}

// syncSize is how large a packet may be to be written at once: every connection's buffers have room for it. A peer that echoes takes
// no more of a larger one before its echo is read.
const syncSize = 16 << 10

func (f *netFlow) write(c net.Conn) error {
	if f.datagram || f.size <= syncSize {
		_, err := c.Write(f.packet)
		return f.lateWrite(err)
	}
	if f.writing { // it is as good as done, since all of its echo has come
		if err := f.awaitWrite(); err != nil {
			return err
		}
	}
	f.writing = true
	f.runner.open.Go(func() {
		if _, f.writeErr = c.Write(f.packet); f.writeErr != nil {
			_ = c.SetReadDeadline(time.Now())
		}
		f.written <- struct{}{}
	})
	return nil
}

// lateWrite is no echo in time, unless the call has been ended from outside.
func (f *netFlow) lateWrite(err error) error {
	if classify(err) == ClassTimeout && (f.runner.dialing.Err() == nil || f.draining()) {
		return errNoEcho
	}
	return err
}

// hasWritten returns what a write beside the reads has come to, nil as long as it has come to nothing.
func (f *netFlow) hasWritten() error {
	if len(f.written) == 0 {
		return nil
	}
	return f.awaitWrite()
}

func (f *netFlow) awaitWrite() error {
	<-f.written
	f.writing = false
	return f.lateWrite(f.writeErr)
}

// endWrite ends a write beside the reads, and waits for its end.
func (f *netFlow) endWrite(c net.Conn) {
	if f.writing {
		_ = c.SetWriteDeadline(time.Now())
		_ = f.awaitWrite() // the exchange has ended for another reason
	}
}

// read waits for an echo, until the next packet is due or the one on its way is late, or until the call ends, if it has not.
func (f *netFlow) read(c net.Conn, ended bool) error {
	until := f.slot
	if ended {
		until = loop.Never // nothing more is due
	}
	if f.waiting != 0 {
		due := f.since + int64(f.runner.job.traffic.LossTimeout)
		if f.lateSince == due {
			due = f.lookUntil
		}
		until = min(until, due)
	}
	_ = c.SetReadDeadline(loop.Time(until))
	if hasEnded := f.runner.dialing.Err() != nil; hasEnded && !ended {
		return nil // the stop's own deadline may just have been overwritten
	}
	n, err := c.Read(f.buf)
	if n > 0 {
		return f.took(f.buf[:n])
	}
	if classify(err) == ClassTimeout {
		return nil
	}
	if err == nil && !f.datagram {
		return io.ErrNoProgress
	}
	return err
}

func (f *netFlow) took(data []byte) error {
	now, planned := loop.Now(), int64(0)
	var counts trafficSteps
	if f.datagram {
		var moved bool
		if planned, moved = f.tookDatagram(&f.flow, data, now); moved {
			counts.moved = 1
		}
	} else {
		var ok bool
		if planned, ok = f.tookStream(&f.flow, data, now); !ok {
			return errTooMuch
		}
	}
	if planned == 0 {
		return nil
	}
	if f.interval == 0 && f.waiting == 0 {
		f.slot = now
	}
	counts.received = 1
	t := f.runner.job.traffic
	t.counters.count(&counts)
	t.echoes.deliver([]Echo{{Number: f.number, At: time.Duration(now - f.start), RoundTrip: time.Duration(now - planned)}})
	return nil
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
