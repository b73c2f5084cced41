//go:build !linux

package icmp

import "syscall"

// A Queue would keep the ICMP messages about a socket; only Linux has such a queue.
type Queue struct{}

// Keep does nothing.
func (*Queue) Keep(syscall.RawConn, string) {}

// Explain returns the error as it is.
func (*Queue) Explain(err error) error { return err }

// Close does nothing.
func (*Queue) Close() {}
