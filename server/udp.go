package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// More than one goroutine, so that one reads while another writes; they share the socket's read lock anyway.
	udpReaders = 2
	// Any datagram fits: some systems fail a read that cuts one.
	maxDatagram = 64 << 10
	// Asked for, so that a burst of datagrams fits; the system may give less.
	udpBuffer = 4 << 20
	// Answers a second to senders with this responder's own port number.
	twinAnswers = 100
	// How long reading rests after an error.
	udpRest = 10 * time.Millisecond
)

// udpAnswerer answers each datagram with the host name, from the address that it was sent to.
type udpAnswerer struct {
	server  *Server
	conn    *net.UDPConn
	port    uint16
	twins   *rate.Limiter
	readers sync.WaitGroup
}

// startUDP serves a socket, which it takes over.
func startUDP(s *Server, conn *net.UDPConn) service {
	u := &udpAnswerer{server: s, conn: conn, port: addrPort(conn.LocalAddr()).Port(), twins: rate.NewLimiter(twinAnswers, twinAnswers)}
	_ = conn.SetReadBuffer(udpBuffer)
	if err := askForDestination(conn); err != nil {
		s.log.Warn("UDP answers come from the system's choice of address", "error", err)
	}
	for range udpReaders {
		u.readers.Go(u.read)
	}
	return u
}

func (u *udpAnswerer) read() {
	count := u.server.tally.newPart()
	data, control := make([]byte, maxDatagram), make([]byte, controlSize)
	for {
		_, n, _, client, err := u.conn.ReadMsgUDPAddrPort(data, control)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(udpRest)
			continue
		}
		count.datagrams.Add(1)
		if !u.wanted(client) {
			continue
		}
		if u.server.options.OnDatagram != nil {
			u.server.options.OnDatagram(netip.AddrPortFrom(client.Addr().Unmap(), client.Port()))
		}
		if _, _, err := u.conn.WriteMsgUDPAddrPort(u.server.name, fromDestination(control[:n]), client); err == nil {
			count.datagramsAnswered.Add(1)
		}
	}
}

// wanted tells clients from forged senders. Port 0 is nobody's. A sender with this responder's own port may be a client by
// chance, but also another responder, and one forged datagram would keep the two busy with each other for ever: it is
// answered at a rate that hurts nobody.
func (u *udpAnswerer) wanted(client netip.AddrPort) bool {
	return client.Port() != 0 && (client.Port() != u.port || u.twins.Allow())
}

// drain does nothing: answering a datagram keeps nobody waiting.
func (u *udpAnswerer) drain() {}

func (u *udpAnswerer) close() {
	_ = u.conn.Close()
	u.readers.Wait()
}
