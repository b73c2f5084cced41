//go:build !linux

package gonet

import (
	"syscall"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// handshakeOf has nothing to say on this system.
func handshakeOf(syscall.RawConn) engine.Handshake { return engine.Handshake{} }
