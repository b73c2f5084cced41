//go:build !linux

package server

import "net"

// startTCP serves plain TCP over package net, where there are no event loops.
func startTCP(s *Server, listener *net.TCPListener) (service, error) {
	return startNet(s, listener), nil
}
