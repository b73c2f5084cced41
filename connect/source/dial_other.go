//go:build !linux

package source

import (
	"context"
	"net/netip"
	"syscall"
)

// Control has no options to set on this system.
func Control(netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return nil
}
