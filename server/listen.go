package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// How often another port is tried when the system chose one for TCP that is taken for UDP.
const portAttempts = 16

// A port is where TCP and UDP clients, or one of them, meet a role.
type port struct {
	option   string // of Options, that has the address
	address  string
	tcp, udp bool
	role     role
	tally    *tally
}

// openPort listens and serves. The address of what is not wanted is not valid.
func (s *Server) openPort(p port) (tcpAddr, udpAddr netip.AddrPort, err error) {
	if s.options.Packets != "" {
		return s.servePackets(p)
	}
	tcp, udp, err := p.listen()
	if err != nil {
		return tcpAddr, udpAddr, &ListenError{p.option, p.address, err}
	}
	if udp != nil {
		udpAddr = addrPort(udp.LocalAddr())
		s.services = append(s.services, startUDP(s, p, udp))
	}
	if tcp == nil {
		return tcpAddr, udpAddr, nil
	}
	tcpAddr = addrPort(tcp.Addr())
	service, err := s.serveTCP(p, tcp)
	if err != nil {
		_ = tcp.Close()
		return tcpAddr, udpAddr, &ListenError{p.option, p.address, err}
	}
	s.services = append(s.services, service)
	return tcpAddr, udpAddr, nil
}

func (s *Server) serveTCP(p port, listener *net.TCPListener) (service, error) {
	if s.tls != nil {
		return startNet(s, p, listener), nil
	}
	return startTCP(s, p, listener)
}

func (p *port) listen() (tcp *net.TCPListener, udp *net.UDPConn, err error) {
	_, number, _ := net.SplitHostPort(p.address)
	for range portAttempts {
		tcp, udp, err = p.listenOnce()
		if number != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return tcp, udp, err
}

func (p *port) listenOnce() (tcp *net.TCPListener, udp *net.UDPConn, err error) {
	config := net.ListenConfig{KeepAlive: -1} // idle connections end by IdleTimeout
	config.SetMultipathTCP(false)
	address := p.address
	if p.tcp {
		listener, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return nil, nil, err //nolint:wrapcheck // by the caller
		}
		tcp = listener.(*net.TCPListener) //nolint:forcetypeassert // network tcp gives just that
		host, _, _ := net.SplitHostPort(address)
		_, number, _ := net.SplitHostPort(tcp.Addr().String())
		address = net.JoinHostPort(host, number)
	}
	if !p.udp {
		return tcp, nil, nil
	}
	conn, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		if tcp != nil {
			_ = tcp.Close()
		}
		return nil, nil, err //nolint:wrapcheck // by the caller
	}
	return tcp, conn.(*net.UDPConn), nil //nolint:forcetypeassert // network udp gives just that
}

// A ListenError says which listener could not be opened, why, and what to do.
type ListenError struct {
	Option  string // the field of Options that has the address
	Address string
	Err     error
}

func (e *ListenError) Error() string {
	text := fmt.Sprintf("%s %q: %v", e.Option, e.Address, e.Err)
	if advice := e.advice(); advice != "" {
		return text + ": " + advice
	}
	return text
}

// Unwrap returns the system's error.
func (e *ListenError) Unwrap() error { return e.Err }

func (e *ListenError) advice() string {
	switch {
	case errors.Is(e.Err, syscall.EADDRINUSE) && strings.HasSuffix(e.Address, ":0"):
		return "all local ports are taken, most of them perhaps by connections in TIME_WAIT (ss -s): wait a minute, or choose a port"
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "stop what listens there, or choose another port"
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "use an address of this host, or [::] for all of them"
	case errors.Is(e.Err, syscall.EACCES):
		return "use a port from 1024 up, or run with CAP_NET_BIND_SERVICE"
	case errors.Is(e.Err, syscall.EAFNOSUPPORT):
		return "this system lacks that IP version, use the other one"
	case errors.Is(e.Err, syscall.EMFILE), errors.Is(e.Err, syscall.ENFILE):
		return "the address is free, but no file descriptor: raise the limit (ulimit -n) or hold fewer connections"
	}
	return ""
}

// addrPort is the address of a TCP or UDP listener.
func addrPort(a net.Addr) netip.AddrPort {
	type ported interface{ AddrPort() netip.AddrPort }
	p, ok := a.(ported)
	if !ok {
		return netip.AddrPort{}
	}
	ap := p.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
