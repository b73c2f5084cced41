package server

import (
	"net"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// responder tells its host name: to each TCP connection at once and for each read, and for each datagram. With TellSource it tells the
// client's address behind it.
type responder struct{ *Server }

// openResponder opens TCP and UDP, as asked for, on the same address.
func (s *Server) openResponder() (err error) {
	if s.options.Address == "" { // only the echo is wanted
		return nil
	}
	s.tcp, s.udp, err = s.openPort(port{
		option: "Address", address: s.options.Address, tcp: !s.options.NoTCP, udp: s.options.UDP, role: responder{s}, tally: &s.tally,
	})
	if err != nil {
		return err
	}
	if s.tcp.IsValid() {
		s.log.Info("Listen on address; "+s.tcp.String(), "address", s.tcp.String(), "tls", s.tls != nil,
			"hostname", s.options.Hostname, "max_connections", s.options.MaxConnections, "proxy_protocol", s.options.ProxyProtocol)
	}
	if s.udp.IsValid() {
		s.log.Info("Listen on UDP address; "+s.udp.String(), "address", s.udp.String())
	}
	return nil
}

func (r responder) answer(datagram []byte, client netip.AddrPort) []byte {
	if !r.options.TellSource {
		return r.name
	}
	return r.appendAnswer(datagram[:0], client) // in the datagram's place, so that nothing is allocated
}

// appendAnswer appends what a client is told.
func (r responder) appendAnswer(to []byte, client netip.AddrPort) []byte {
	to = append(to, r.name...)
	if r.options.TellSource {
		to = reply.AppendSource(to, client)
	}
	return to
}

func (r responder) serve(n *netClients, conn net.Conn, client netip.AddrPort) {
	buffer, answer := make([]byte, netReadSize), r.appendAnswer(nil, client)
	for r.tell(n, conn, answer) {
		if _, ok := n.hear(conn, buffer); !ok {
			return
		}
	}
}

func (r responder) tell(n *netClients, conn net.Conn, answer []byte) bool {
	if !n.within(conn.SetWriteDeadline, writeTimeout) {
		return false
	}
	if _, err := conn.Write(answer); err != nil {
		n.count.dropped.Add(1)
		return false
	}
	n.count.replies.Add(1)
	return true
}
