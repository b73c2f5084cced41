package server

import (
	"net"
	"net/netip"
)

// A role is what a listener's clients are told: the responder's or the echo's.
type role interface {
	loopRole
	// serve talks to a TCP client over package net until the connection is over.
	serve(n *netClients, conn net.Conn, client netip.AddrPort)
	// answer returns what a client's datagram is answered with, which may be the datagram itself, changed.
	answer(datagram []byte, client netip.AddrPort) []byte
}
