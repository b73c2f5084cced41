package connect

import (
	"errors"
	"net"
)

// errItself is why a connection counts as refused that has its own end for its peer: where nothing listens on a port of this host, the
// system may choose that very port for the end that connects, and TCP lets the two meet. It would echo all traffic, and keep the
// port from the server that is to come back.
var errItself = errors.New("connect: nothing listens there; the socket had the target's port itself, and was connected to itself")

func isItself(conn net.Conn) bool { return conn.LocalAddr().String() == conn.RemoteAddr().String() }
