//go:build !unix

package gonet

import "net"

// isReadable can't tell on this system.
func isReadable(net.Conn) bool { return true }
