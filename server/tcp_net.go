package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	handshakeTimeout = 10 * time.Second
	// Answers are short, so a client for which writing one takes longer does not read.
	writeTimeout = 5 * time.Second
	// How long accepting rests when the system is out of descriptors or memory.
	acceptRest = 50 * time.Millisecond
	// One read of a client, as large as mconnect's clients ever send by far.
	netReadSize = 4 << 10
)

// netClients serves a listener with a goroutine per connection over package net.
type netClients struct {
	server   *Server
	role     role
	count    *counters
	listener net.Listener

	stopping chan struct{} // closed when accepting ends
	once     sync.Once
	accepter sync.WaitGroup
	serving  sync.WaitGroup

	closing atomic.Bool // from now on every connection ends
	mu      sync.Mutex
	conns   map[net.Conn]struct{}
}

// startNet serves a listener, which it takes over, over package net.
func startNet(s *Server, p port, listener net.Listener) service {
	n := &netClients{
		server: s, role: p.role, count: p.tally.newPart(), listener: listener,
		stopping: make(chan struct{}), conns: map[net.Conn]struct{}{},
	}
	n.accepter.Go(n.accept)
	return n
}

func (n *netClients) accept() {
	for {
		conn, err := n.listener.Accept()
		switch {
		case err == nil:
			n.welcome(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			n.server.short(err)
			select {
			case <-time.After(acceptRest):
			case <-n.stopping:
				return
			}
		}
	}
}

func (n *netClients) welcome(conn net.Conn) {
	if !n.server.gate.enter() {
		n.server.refused(n.count)
		_ = conn.Close()
		return
	}
	n.count.accepted.Add(1)
	if n.server.options.OnAccept != nil {
		n.server.options.OnAccept(addrPort(conn.RemoteAddr()))
	}
	n.mu.Lock()
	n.conns[conn] = struct{}{}
	n.mu.Unlock()
	n.serving.Go(func() { n.serve(conn) })
}

func (n *netClients) serve(conn net.Conn) {
	defer n.hangUp(conn)
	if n.shakeHands(conn) {
		n.role.serve(n, conn)
	}
}

func (n *netClients) shakeHands(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return true
	}
	return n.within(conn.SetDeadline, handshakeTimeout) && secure.HandshakeContext(context.Background()) == nil
}

// hear reads what a client has sent. It returns false when the connection is over.
func (n *netClients) hear(conn net.Conn, buffer []byte) (received int, open bool) {
	if !n.within(conn.SetReadDeadline, n.server.options.IdleTimeout) {
		return 0, false
	}
	received, err := conn.Read(buffer)
	if received == 0 {
		if errors.Is(err, os.ErrDeadlineExceeded) && !n.closing.Load() {
			n.count.timedOut.Add(1)
		}
		return 0, false
	}
	n.count.received.Add(int64(received))
	return received, true
}

// within sets a deadline; it returns false if the connection has to end. Looking after setting makes sure that the
// deadline which close sets is not overwritten unseen.
func (n *netClients) within(set func(time.Time) error, timeout time.Duration) bool {
	return set(time.Now().Add(timeout)) == nil && !n.closing.Load()
}

func (n *netClients) hangUp(conn net.Conn) {
	_ = conn.Close()
	n.mu.Lock()
	delete(n.conns, conn)
	n.mu.Unlock()
	n.server.gate.leave()
	n.count.left.Add(1)
}

func (n *netClients) drain() {
	n.once.Do(func() {
		close(n.stopping)
		_ = n.listener.Close()
	})
	n.accepter.Wait()
}

// close ends each connection by a deadline long gone, so that its own goroutine closes it: closing a TLS connection may
// have to wait for a client that does not read, and so they all wait at the same time.
func (n *netClients) close() {
	n.drain()
	n.closing.Store(true)
	n.mu.Lock()
	for conn := range n.conns {
		_ = conn.SetDeadline(time.Unix(1, 0))
	}
	n.mu.Unlock()
	n.serving.Wait()
}
