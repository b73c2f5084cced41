package server

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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

// udpAnswerer answers each datagram as its role wants, from the address that it was sent to.
type udpAnswerer struct {
	server  *Server
	role    role
	tally   *tally
	conn    *net.UDPConn
	readers sync.WaitGroup
}

// startUDP serves a socket, which it takes over.
func startUDP(s *Server, p port, conn *net.UDPConn) service {
	u := &udpAnswerer{server: s, role: p.role, tally: p.tally, conn: conn}
	s.twins.add(addrPort(conn.LocalAddr()).Port())
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
	count := u.tally.newPart()
	data, control := make([]byte, maxDatagram), make([]byte, controlSize)
	for {
		size, n, _, client, err := u.conn.ReadMsgUDPAddrPort(data, control)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(udpRest)
			continue
		}
		count.datagrams.Add(1)
		if !u.server.takesDatagram(netip.AddrPortFrom(client.Addr().Unmap(), client.Port())) {
			continue
		}
		if _, _, err := u.conn.WriteMsgUDPAddrPort(u.role.answer(data[:size], client), fromDestination(control[:n]), client); err == nil {
			count.datagramsAnswered.Add(1)
		}
	}
}

// takesDatagram reports whether a datagram is to be answered, and not a forged sender's: port 0 is nobody's. If so, it tells OnDatagram.
func (s *Server) takesDatagram(client netip.AddrPort) bool {
	if client.Port() == 0 || s.twins.has(client.Port()) && !s.twins.answers.Allow() {
		return false
	}
	if s.options.OnDatagram != nil {
		s.options.OnDatagram(client)
	}
	return true
}

// drain does nothing: answering a datagram keeps nobody waiting.
func (u *udpAnswerer) drain() {}

func (u *udpAnswerer) close() {
	_ = u.conn.Close()
	u.readers.Wait()
}

// twins are senders with a port number on which this server answers, too. They may be clients by chance, but also other
// servers, and one forged datagram would keep the two busy with each other for ever: they are answered at a rate that
// hurts nobody.
type twins struct {
	ports   [2]atomic.Uint32 // the responder's and the echo's; 0 is none
	answers *rate.Limiter
}

func newTwins() *twins { return &twins{answers: rate.NewLimiter(twinAnswers, twinAnswers)} }

func (t *twins) add(port uint16) {
	if !t.ports[0].CompareAndSwap(0, uint32(port)) {
		t.ports[1].Store(uint32(port))
	}
}

func (t *twins) has(port uint16) bool {
	return t.ports[0].Load() == uint32(port) || t.ports[1].Load() == uint32(port)
}
