package source

import (
	"context"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

// Control prepares a socket of package net for the source that it will be bound to.
func Control(from netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, _ string, raw syscall.RawConn) error {
		family := unix.AF_INET
		if from.Addr().Is6() {
			family = unix.AF_INET6
		}
		return raw.Control(func(fd uintptr) {
			sys.PrepareSource(int(fd), family, from.Port()) // #nosec G115 -- a descriptor
		})
	}
}
