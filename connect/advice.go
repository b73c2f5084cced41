package connect

import "errors"

// advice says what to do about a failure, "" if its error says enough.
func (p *Plan) advice(o *Outcome) string {
	_, inHandshake := errors.AsType[handshakeError](o.Err)
	switch {
	case errors.Is(o.Err, errTimeUp):
		return ""
	case o.Class == ClassTimeout && inHandshake:
		return "the target accepts connections, but does not shake hands in time: check that it speaks TLS on this port, and its health, or allow more time"
	case o.Class == ClassRefused && p.Protocol() == "udp":
		return "check that a server listens there"
	}
	return advice[o.Class]
}

// errTimeUp is why a connection was not established that was still dialled when its call ended.
var errTimeUp = errors.New("connect: the call's time was up first (option timeout, and duration of traffic)")

// handshakeError is that of TLS, on a connection that was established.
type handshakeError struct{ error }

// Error implements error.
func (e handshakeError) Error() string {
	return "connected, but the TLS handshake failed: " + e.error.Error()
}

// Unwrap gives errors.Is and errors.As the cause.
func (e handshakeError) Unwrap() error { return e.error }

var advice = map[Class]string{
	ClassRefused:          "check that a server listens there and that its backlog is larger than the concurrency",
	ClassTimeout:          "check the route and firewalls, the server's backlog, that answers to the source come back to this host, and that this host keeps up (its processors; a lower rate or concurrency)",
	ClassReset:            "the target, or a firewall or balancer on the way, resets the connection: check its log, its limit of connections, and that its backend is up",
	ClassClosed:           "the target, or a balancer on the way, closes the connection: check its log, its limit of connections, and that its backend is up",
	ClassHostUnreachable:  "check that the host is up and in the network that its address belongs to, and the routers on the way (traceroute)",
	ClassNetUnreachable:   "this host has no route there, or none from the source: check its routes (ip route get), and that it has an address of this IP version",
	ClassAddrInUse:        "other sockets, or other connections of this call, have these source ports: use others, fewer connections than sources x ports x targets, or close: 'rst'",
	ClassAddrNotAvailable: "the source is not an address of this host, or can't reach the target (127.0.0.0/8 reaches none but this host), or its ports to it are used up (net.ipv4.ip_local_port_range, TIME_WAIT): use others, more of them, or close: 'rst'",
	ClassFDLimit:          "raise the limit of open files (ulimit -n, LimitNOFILE= of a service), or lower the connections",
	ClassNoReply:          "check that the target answers, as an mconnect server does, and allow it more time; flood() needs no answer with readReply: false, traffic() needs a server that echoes (mconnect-server -echo)",
	ClassBadReply:         "the target answers something else than a host name: check that it is an mconnect server; flood() needs no answer with readReply: false, traffic() needs a server that echoes what it gets and no more (mconnect-server -echo)",
	ClassBlocked:          "allow the target in k6's options blacklistIPs and blockHostnames, in this host's firewall and routes (prohibit), and on the routers between",
	ClassDNS:              "check the name, and the resolver's settings",
	ClassTLS:              "check the certificate, the server name and the TLS options",
}
