package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
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
	if !n.server.enter() {
		n.server.refused(n.count)
		_ = conn.Close()
		return
	}
	n.count.accepted.Add(1)
	n.mu.Lock()
	n.conns[conn] = struct{}{}
	n.mu.Unlock()
	n.serving.Go(func() { n.serve(conn) })
}

func (n *netClients) serve(accepted net.Conn) {
	conn, client := accepted, addrPort(accepted.RemoteAddr())
	defer func() { n.hangUp(accepted, conn) }()
	if n.server.options.ProxyProtocol {
		source, rest, err := n.readHeader(accepted, client)
		if err != nil {
			return
		}
		conn, client = &headedConn{accepted, rest}, source
	}
	if n.server.options.OnAccept != nil {
		n.server.options.OnAccept(client)
	}
	if n.server.tls != nil {
		secure := tls.Server(conn, n.server.tls)
		conn = secure
		if !n.within(conn.SetDeadline, handshakeTimeout) || secure.HandshakeContext(context.Background()) != nil {
			return
		}
	}
	n.role.serve(n, conn, client)
}

// readHeader reads a connection's PROXY header. The rest is what came behind it.
func (n *netClients) readHeader(conn net.Conn, own netip.AddrPort) (source netip.AddrPort, rest []byte, err error) {
	if !n.within(conn.SetReadDeadline, n.server.options.headerTimeout()) {
		return source, nil, net.ErrClosed
	}
	parser := newHeaderParser()
	var data []byte
	for buffer := make([]byte, netReadSize); ; {
		received, failed := conn.Read(buffer)
		data = append(data, buffer[:received]...)
		source, rest, whole, err := parser.parse(data, own)
		switch {
		case whole:
			return source, rest, nil
		case err != nil:
		case errors.Is(failed, os.ErrDeadlineExceeded):
			err = errHeaderLate
		case failed != nil:
			err = errHeaderEnd
		default:
			continue
		}
		if !n.closing.Load() {
			n.server.rejectHeader(n.count, own, data, err)
		}
		return source, nil, err
	}
}

// A headedConn is a connection of which more has been read than its PROXY header.
type headedConn struct {
	net.Conn
	rest []byte
}

// Read implements net.Conn.
func (c *headedConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return c.Conn.Read(p) //nolint:wrapcheck // as it is
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
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

// hangUp closes a connection, with its TLS if it has one.
func (n *netClients) hangUp(accepted, conn net.Conn) {
	_ = conn.Close()
	n.mu.Lock()
	delete(n.conns, accepted)
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
