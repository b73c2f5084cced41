//go:build !linux

package connect

import (
	"syscall"
	"time"
)

// handshake has nothing to say on this system.
func handshake(any) (rtt time.Duration, synRetransmits int64) { return 0, 0 }

// handshakeOf has nothing to say on this system.
func handshakeOf(syscall.RawConn) (rtt time.Duration, synRetransmits int64) { return 0, 0 }
