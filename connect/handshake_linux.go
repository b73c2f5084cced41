package connect

import (
	"syscall"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

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
	return handshakeOf(raw)
}

// handshakeOf is handshake for a socket that need not be connected yet, nor open any more.
func handshakeOf(raw syscall.RawConn) (rtt time.Duration, synRetransmits int64) {
	var info socket.Info
	_ = raw.Control(func(fd uintptr) { info = socket.TCPInfo(int(fd)) }) // #nosec G115 -- a descriptor
	return time.Duration(info.RTT) * time.Microsecond, int64(info.Retransmits)
}
