//go:build !linux

package server

import "net"

const controlSize = 0

// askForDestination does nothing here: the system chooses the address that answers come from.
func askForDestination(*net.UDPConn) error { return nil }

func fromDestination([]byte) []byte { return nil }
