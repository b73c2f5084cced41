package server

import (
	"net"
	"net/netip"
)

const (
	// echoHead is how much of a TCP stream the echo waits for and marks with its host name.
	echoHead = 64
	// echoReadSize is what one read takes, and so the most that is kept for a client that does not read its echo.
	echoReadSize = 16 << 10
	// echoTail is the end of a datagram that a host name beyond the usual 64 bytes leaves alone, as traffic() keeps a time there.
	echoTail = 8
)

// echo is ctraffic's server: it sends back what it gets, the beginning of each TCP stream and of each datagram
// overwritten with its host name.
type echo struct{ *Server }

// openEcho opens the echo, if asked for, on TCP and UDP.
func (s *Server) openEcho() error {
	if s.options.Echo == "" {
		return nil
	}
	tcp, udp, err := s.openPort(port{
		option: "Echo", address: s.options.Echo, tcp: !s.options.NoTCP, udp: true, role: echo{s}, tally: &s.echoTally,
	})
	if err != nil {
		return err
	}
	s.echoAddr = udp
	if tcp.IsValid() {
		s.echoAddr = tcp
	}
	s.log.Info("Echo on; "+s.echoAddr.String(), "address", s.echoAddr.String(), "tls", s.tls != nil,
		"hostname", s.options.Hostname, "proxy_protocol", s.options.ProxyProtocol)
	return nil
}

// mark overwrites the beginning of a stream or datagram with as much of the host name as there is room for.
func (e echo) mark(beginning []byte) { copy(beginning, e.name) }

func (e echo) answer(datagram []byte, _ netip.AddrPort) []byte {
	e.mark(datagram[:min(len(datagram), max(echoHead, len(datagram)-echoTail))])
	return datagram
}

func (e echo) serve(n *netClients, conn net.Conn, _ netip.AddrPort) {
	buffer := make([]byte, echoReadSize)
	for have, marked := 0, false; ; {
		received, ok := n.hear(conn, buffer[have:])
		if !ok {
			return
		}
		have += received
		if !marked && have < echoHead {
			continue
		}
		if !marked {
			e.mark(buffer[:echoHead])
			marked = true
		}
		if !e.send(n, conn, buffer[:have]) {
			return
		}
		have = 0
	}
}

// send waits for a client that reads slowly, as long as for one that sends slowly.
func (e echo) send(n *netClients, conn net.Conn, data []byte) bool {
	if !n.within(conn.SetWriteDeadline, n.server.options.IdleTimeout) {
		return false
	}
	sent, err := conn.Write(data)
	n.count.sent.Add(int64(sent))
	return err == nil
}
