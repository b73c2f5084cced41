package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/packets"
)

// Server is a running server.
type Server struct {
	options Options
	name    []byte
	log     *slog.Logger
	tls     *tls.Config // nil for plain TCP
	gate    *gate
	lobby   lobby // of the HTTP listener
	twins   *twins

	tally, echoTally tally

	overLimit, shortage, noHeader seldom // log lines

	services    []service
	fromPackets []packets.Service
	tcp, udp    netip.AddrPort
	echoAddr    netip.AddrPort
	probe       netip.AddrPort
	httpAddr    netip.AddrPort
	http        httpCounters

	closing sync.Mutex // of listeners
	stop    sync.Once
	stopErr error
}

// A service is one listener with its clients.
type service interface {
	// drain stops taking clients who would have to be waited for; those it has go on.
	drain()
	// close ends the clients that are left, and waits for every goroutine. It can come without drain.
	close()
}

// Start opens the listeners and serves until Stop. When it returns, clients can connect. A wrong option gives an
// *OptionError, a listener that cannot be opened a *ListenError.
func Start(options Options) (*Server, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	config, err := options.tls()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: options, tls: config, name: []byte(options.Hostname), log: options.Log,
		gate: newGate(options.MaxConnections), twins: newTwins(),
	}
	if err := s.open(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open() error {
	for _, open := range []func() error{s.openResponder, s.openEcho, s.openPackets, s.openProbe, s.openHTTP} {
		if err := open(); err != nil {
			return err
		}
	}
	return nil
}

// Addr is the address that the TCP responder listens on; not valid without one.
func (s *Server) Addr() netip.AddrPort { return s.tcp }

// UDPAddr is the address of the UDP responder; not valid without one.
func (s *Server) UDPAddr() netip.AddrPort { return s.udp }

// EchoAddr is the address of the echo, for TCP and UDP; not valid without one.
func (s *Server) EchoAddr() netip.AddrPort { return s.echoAddr }

// ProbeAddr is the address of the liveness probe; not valid without one.
func (s *Server) ProbeAddr() netip.AddrPort { return s.probe }

// HTTPAddr is the address of the HTTP listener; not valid without one.
func (s *Server) HTTPAddr() netip.AddrPort { return s.httpAddr }

// Stats are the totals so far. They can be asked for at any time, also after Stop.
func (s *Server) Stats() Stats {
	stats := s.tally.responder()
	stats.Echo = s.echoTally.echo()
	stats.HTTP = HTTPStats{
		Accepted: s.http.accepted.Load(), Active: s.http.active.Load(), Refused: s.http.refused.Load(),
		Dropped: s.http.dropped.Load(),
		Pending: s.http.pending.Load(), Served: s.http.served.Load(),
	}
	return stats
}

// Stop takes no more TCP connections and lets clients, and HTTP requests, finish, until ctx is done or Options.Drain has passed; UDP and the
// probe answer meanwhile. Then it closes what is left and waits for every goroutine. The error says how many connections
// were closed on their clients. A second call waits for the first and returns the same.
func (s *Server) Stop(ctx context.Context) error {
	s.stop.Do(func() {
		s.drain(ctx)
		if left := s.gate.inside.Load(); left > 0 {
			s.stopErr = fmt.Errorf("%d connections were still open and are closed", left)
		}
		s.close()
	})
	return s.stopErr
}

// Close is Stop without giving clients time.
func (s *Server) Close() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.Stop(ctx)
}

// CloseListeners frees all addresses before it returns, and takes nobody any more. TCP clients go on until Stop or Close, which has to follow.
func (s *Server) CloseListeners() {
	s.drainServices()
	for _, service := range s.services {
		switch service.(type) {
		case *udpAnswerer, *probe: // they serve on while others drain
			service.close()
		}
	}
}

func (s *Server) drainServices() {
	s.closing.Lock()
	defer s.closing.Unlock()
	for _, service := range s.services {
		service.drain()
	}
}

func (s *Server) drain(ctx context.Context) {
	s.drainServices()
	s.gate.drain()
	ctx, cancel := context.WithTimeout(ctx, max(s.options.Drain, 0))
	defer cancel()
	select {
	case <-s.gate.empty:
	case <-ctx.Done():
	}
}

func (s *Server) close() {
	for _, service := range s.services {
		service.close()
	}
}

// enter takes a place for a connection. If there is none, the HTTP client that has been without a request longest gives up its own.
func (s *Server) enter() bool {
	if s.gate.enter() {
		return true
	}
	if !s.lobby.drop() {
		return false
	}
	s.http.dropped.Add(1)
	return s.gate.enter()
}

// refused counts and logs a connection for which there is no place.
func (s *Server) refused(count *counters) {
	count.refused.Add(1)
	if s.overLimit.ok() {
		s.log.Warn("Connections refused; limit reached", "max_connections", s.options.MaxConnections)
	}
}

// short logs that the system has run out of something that accepting takes.
func (s *Server) short(err error) {
	if s.shortage.ok() {
		s.log.Error("Connections can't be accepted", "error", err, "limit_of_descriptors", limits.Descriptors())
	}
}
