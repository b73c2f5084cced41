package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// DefaultTCPPingTimeout bounds a TCP ping whose plan does not.
const DefaultTCPPingTimeout = 5 * time.Second

// TCPPing is one TCP connect, for peers that speak no HTTP (for those that do, see package ping).
type TCPPing struct {
	Target  Target
	Source  netip.Addr    // not valid leaves the choice to the system
	Timeout time.Duration // 0 is DefaultTCPPingTimeout
}

// TCPPong is what a TCPPing came to.
type TCPPong struct {
	Start          time.Time
	Connect        time.Duration // of the handshake as this process sees it, or until the failure
	RTT            time.Duration // the kernel's measure of it; 0 where it has none
	SYNRetransmits int64
	RemoteAddr     netip.AddrPort
	Class          Class // why it failed, ClassNone if it did not
	Err            error // says the same in words
}

// Do connects and closes. Its failures are in the result.
func (p TCPPing) Do(ctx context.Context) TCPPong {
	pong := TCPPong{Start: time.Now(), RemoteAddr: p.Target.Addr}
	if p.Target.Err != nil {
		return p.failed(pong, p.Target.Class, p.Target.Err)
	}
	if p.Timeout <= 0 {
		p.Timeout = DefaultTCPPingTimeout
	}
	conn, late, err := p.dial(ctx)
	pong.Connect = time.Since(pong.Start)
	switch {
	case late != nil:
		pong.SYNRetransmits = late.synRetransmits
		return p.failed(pong, ClassTimeout, late)
	case err != nil && ctx.Err() != nil:
		return p.failed(pong, ClassAborted, err)
	case isOfOtherFamily(err):
		return p.failed(pong, ClassAddrNotAvailable, err)
	case err != nil:
		return p.failed(pong, classify(err), err)
	}
	pong.RTT, pong.SYNRetransmits = handshake(conn)
	_ = conn.Close()
	return pong
}

// lateError is that of a dial whose time is up.
type lateError struct{ synRetransmits int64 }

func (*lateError) Error() string { return "no answer" }

// dial looks at the socket when time is up: then it is closed, and nobody can.
func (p TCPPing) dial(ctx context.Context) (conn net.Conn, late *lateError, err error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var dialled atomic.Pointer[syscall.RawConn]
	timer := time.AfterFunc(p.Timeout, func() {
		late := &lateError{}
		if socket := dialled.Load(); socket != nil {
			_, late.synRetransmits = handshakeOf(*socket)
		}
		cancel(late)
	})
	defer timer.Stop()
	dialer := source.Dialer{Source: p.Source, Opened: func(socket syscall.RawConn) { dialled.Store(&socket) }}
	if conn, err = dialer.DialContext(limited, p.Target.Addr); err != nil {
		late, _ = errors.AsType[*lateError](context.Cause(limited))
	}
	return conn, late, err
}

func (p TCPPing) failed(pong TCPPong, class Class, err error) TCPPong {
	text := "tcp " + p.Target.Name
	if p.Source.IsValid() {
		text += " from " + p.Source.String()
	}
	pong.Class, pong.Err = class, fmt.Errorf("%s: %s after %s: %w", text, class, pong.Connect.Round(time.Microsecond), err)
	if advice := advice[class]; advice != "" && !isOfOtherFamily(err) { // which says itself what to do
		pong.Err = fmt.Errorf("%w; %s", pong.Err, advice)
	}
	return pong
}

func isOfOtherFamily(err error) bool {
	_, is := errors.AsType[*source.FamilyError](err)
	return is
}
