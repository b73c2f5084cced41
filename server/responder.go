package server

import "net"

// responder tells its host name: to each TCP connection at once and for each read, and for each datagram.
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
			"hostname", s.options.Hostname, "max_connections", s.options.MaxConnections)
	}
	if s.udp.IsValid() {
		s.log.Info("Listen on UDP address; "+s.udp.String(), "address", s.udp.String())
	}
	return nil
}

func (r responder) answer([]byte) []byte { return r.name }

func (r responder) serve(n *netClients, conn net.Conn) {
	buffer := make([]byte, netReadSize)
	for r.tell(n, conn) {
		if _, ok := n.hear(conn, buffer); !ok {
			return
		}
	}
}

func (r responder) tell(n *netClients, conn net.Conn) bool {
	if !n.within(conn.SetWriteDeadline, writeTimeout) {
		return false
	}
	if _, err := conn.Write(r.name); err != nil {
		n.count.dropped.Add(1)
		return false
	}
	n.count.replies.Add(1)
	return true
}
