package packets

import (
	"net/netip"
	"sync/atomic"
)

// Service is what answers on a port. Its functions are called by a goroutine for each queue of the interface.
type Service struct {
	Addr netip.AddrPort // an unspecified address is all of the interface's
	TCP  bool
	// Greet appends what a client is told at once, and for each of its segments with data. If it is nil, clients get their own data back.
	Greet func(to []byte, client netip.AddrPort) []byte
	// Mark overwrites the beginning of what a client gets back.
	Mark func(beginning []byte)
	// Datagram returns the answer to a datagram, which may be the datagram itself, changed; nil is none. If the function is nil, no datagram
	// is answered.
	Datagram func(datagram []byte, client netip.AddrPort) []byte
	// OnAccept, if set, is told of each handshake's end.
	OnAccept func(client netip.AddrPort)
	Count    Counters
}

// Counters are where a service counts. Connections that end by a RST, or silently, are never counted as left.
type Counters struct {
	Accepted, Left               *atomic.Int64 // handshakes that have ended, and FINs of clients
	Replies                      *atomic.Int64
	Received, Sent               *atomic.Int64 // bytes over TCP
	Datagrams, DatagramsAnswered *atomic.Int64
}
