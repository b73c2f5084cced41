package gonet

import (
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// handshakeOf is the kernel's view of a TCP socket, which need not be connected yet, nor open any more.
func handshakeOf(raw syscall.RawConn) (h engine.Handshake) {
	_ = raw.Control(func(fd uintptr) {
		info := sys.TCPInfo(int(fd)) // #nosec G115 -- a descriptor
		h = engine.Handshake{RTT: info.RTT, Retransmits: info.Retransmits}
	})
	return h
}
