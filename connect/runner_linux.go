package connect

import (
	"context"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

func (e *Engine) newFlood(j *job) runner {
	if e.portable || j.plan.Protocol() == "tls" {
		return newNetFlood(j)
	}
	return &loopFlood{job: j, engine: e, ended: make(chan struct{})}
}

// controlSource prepares a socket of package net for the source that it will be bound to.
func controlSource(from netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, _ string, raw syscall.RawConn) error {
		family := unix.AF_INET
		if from.Addr().Is6() {
			family = unix.AF_INET6
		}
		return raw.Control(func(fd uintptr) {
			socket.PrepareSource(int(fd), family, from.Port()) // #nosec G115 -- a descriptor
		})
	}
}

// handshake returns what the kernel measured of a TCP connection's handshake.
func handshake(conn any) (rtt time.Duration, synRetransmits int64) {
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return 0, 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, 0
	}
	var info socket.Info
	_ = raw.Control(func(fd uintptr) { info = socket.TCPInfo(int(fd)) }) // #nosec G115 -- a descriptor
	return time.Duration(info.RTT) * time.Microsecond, int64(info.Retransmits)
}
