//go:build !linux

package server

import "net"

// loopRole is empty where there are no event loops.
type loopRole any

// startTCP serves plain TCP over package net.
func startTCP(s *Server, p port, listener *net.TCPListener) (service, error) {
	return startNet(s, p, listener), nil
}
