package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"syscall"
)

// How often another port is tried when the system chose one for TCP that is taken for UDP.
const portAttempts = 16

// openResponder opens TCP and, if asked for, UDP on the same address.
func (s *Server) openResponder() error {
	config, err := s.options.tls()
	if err != nil {
		return err
	}
	tcp, udp, err := s.listen()
	if err != nil {
		return err
	}
	s.tcp = addrPort(tcp.Addr())
	if udp != nil {
		s.udp = addrPort(udp.LocalAddr())
		s.services = append(s.services, startUDP(s, udp))
	}
	service, err := s.serveTCP(tcp, config)
	if err != nil {
		_ = tcp.Close()
		return &ListenError{"Address", s.options.Address, err}
	}
	s.services = append(s.services, service)
	s.log.Info("Listen on address; "+s.tcp.String(), "address", s.tcp.String(), "tls", config != nil,
		"hostname", s.options.Hostname, "max_connections", s.options.MaxConnections)
	if udp != nil {
		s.log.Info("Listen on UDP address; "+s.udp.String(), "address", s.udp.String())
	}
	return nil
}

func (s *Server) serveTCP(listener *net.TCPListener, config *tls.Config) (service, error) {
	if config != nil {
		return startNet(s, tls.NewListener(listener, config)), nil
	}
	return startTCP(s, listener)
}

func (s *Server) listen() (tcp *net.TCPListener, udp *net.UDPConn, err error) {
	_, port, _ := net.SplitHostPort(s.options.Address)
	for range portAttempts {
		tcp, udp, err = s.listenOnce()
		if port != "0" || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return nil, nil, &ListenError{"Address", s.options.Address, err}
	}
	return tcp, udp, nil
}

func (s *Server) listenOnce() (*net.TCPListener, *net.UDPConn, error) {
	config := net.ListenConfig{KeepAlive: -1} // idle connections end by IdleTimeout
	config.SetMultipathTCP(false)
	listener, err := config.Listen(context.Background(), "tcp", s.options.Address)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // by the caller
	}
	tcp := listener.(*net.TCPListener) //nolint:forcetypeassert // network tcp gives just that
	if !s.options.UDP {
		return tcp, nil, nil
	}
	host, _, _ := net.SplitHostPort(s.options.Address)
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	conn, err := config.ListenPacket(context.Background(), "udp", net.JoinHostPort(host, port))
	if err != nil {
		_ = tcp.Close()
		return nil, nil, err //nolint:wrapcheck // by the caller
	}
	return tcp, conn.(*net.UDPConn), nil //nolint:forcetypeassert // network udp gives just that
}
