package server

import "net"

// A role is what a listener's clients are told: the responder's or the echo's.
type role interface {
	loopRole
	// serve talks to a TCP client over package net until the connection is over.
	serve(n *netClients, conn net.Conn)
	// answer returns what a datagram is answered with, which may be the datagram itself, changed.
	answer(datagram []byte) []byte
}
