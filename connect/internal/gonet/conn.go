package gonet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
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
	shaken    int64    // when the TLS handshake ended; 0 is without TLS
	deadline  int64
	waits     int64 // the deadline of the read that waits, or 0
	looks     uint8 // times that the deadline has been put off, for what has arrived in a pause
	woken     bool  // there is something to do before the next read waits
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
	c.wake()
}

// Deadline implements engine.Driver.
func (r *runner) Deadline(key uint32, at int64) {
	c := r.conns[key]
	c.looks = 0
	if c.deadline = at; c.stream != nil && c != r.current && !c.woken {
		c.wait(instant(at))
	}
}

// wake ends the read that waits. Its end must not be overwritten by another deadline: package net forgets one that has passed as long as the
// reader has not run.
func (c *conn) wake() {
	c.woken = true
	c.wait(past)
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

// live dials the connection, does what the core asks for and reads until it is over, and closes it.
func (c *conn) live() {
	tcp, stream, err := c.dial()
	if !c.dialed(tcp, stream, err) {
		return
	}
	buffer := make([]byte, c.runner.size)
	for {
		switch next, out := c.next(); next {
		case toRead:
			c.read(buffer)
		case toWrite:
			c.write(out)
		case toShut:
			c.shutDown()
		case toHangUp:
			c.hangUp()
			return
		}
	}
}

// task is what the connection's goroutine does next.
type task uint8

const (
	toRead task = iota
	toWrite
	toShut
	toHangUp
)

// next is what there is to do, and the bytes that are to be written, if that is it. It prepares a read or a write. More than a read leaves room
// for is written on a goroutine of its own.
func (c *conn) next() (next task, out []byte) {
	r := c.runner
	r.mu.Lock()
	defer r.mu.Unlock()
	c.woken = false
	mayWrite := len(c.out) > 0 && !c.writer && !c.stuck
	switch {
	case c.closed:
		return toHangUp, nil
	case mayWrite && len(c.out) <= writeSize:
		out, c.out, c.spare = c.out, c.spare[:0], nil
		_ = c.tcp.SetWriteDeadline(instant(c.deadline))
		return toWrite, out
	case mayWrite:
		c.writer = true
		_ = c.tcp.SetWriteDeadline(time.Time{})
		r.goroutines.Go(c.writeBeside)
	case c.shut && !c.hasShut && !c.writer:
		c.hasShut = true
		return toShut, nil
	}
	if c.waits != c.deadline {
		c.waits = c.deadline
		_ = c.tcp.SetReadDeadline(instant(c.deadline)) // an interruption's may have been overwritten, but has been heeded
	}
	return toRead, nil
}

func (c *conn) read(buffer []byte) {
	n, err := c.stream.Read(buffer)
	if n > 0 || err == nil && c.runner.job.Plan.Protocol == "udp" {
		c.runner.handle(c, engine.Event{Kind: engine.Data, Data: buffer[:n]})
	}
	if err != nil {
		c.failed("read", err)
	}
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
	case c.looks < mostLooks && isLate(c.deadline) && isReadable(c.tcp):
		c.looks++
		c.deadline = loop.Now() + int64(lastLook)
	default:
		c.deadline = engine.Never
		r.tell(c, &engine.Event{Kind: engine.Expired})
	}
}

// writeSize is how much may be written before the next read: every connection's buffers have room for it. A peer that echoes takes no
// more of a larger packet before its echo is read.
const writeSize = 16 << 10

func (c *conn) write(out []byte) {
	n, err := c.stream.Write(out)
	c.wrote(out, n, err)
	if err != nil {
		c.failed("write", err)
	}
}

// wrote keeps what was not written in time, to go on with it.
func (c *conn) wrote(out []byte, n int, err error) {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.out = append(out[n:len(out):len(out)], c.out...)
		c.stuck = c.stream != c.tcp // TLS fails for good
	} else {
		c.spare = out[:0]
	}
}

// writeBeside writes while the connection's goroutine reads.
func (c *conn) writeBeside() {
	for out := c.beside(); out != nil; out = c.beside() {
		if _, err := c.stream.Write(out); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			c.failed("write", err)
		}
	}
}

// beside is what writeBeside has to write, nil if that is all.
func (c *conn) beside() (out []byte) {
	c.runner.mu.Lock()
	defer c.runner.mu.Unlock()
	if len(c.out) > 0 && !c.closed {
		out, c.out = c.out, nil
		return out
	}
	c.out, c.writer = nil, false
	if c.shut && !c.closed {
		c.wake()
	}
	return nil
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
