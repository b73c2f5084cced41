package options

import (
	"fmt"
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// Listen is what a script asks of listen().
type Listen struct {
	Server    server.Options // without TLS and mesh
	Echo      bool           // the echo listens on Server.Address, not the responder
	TLS       bool
	Cert, Key string // PEM; both "" for a certificate made for the occasion
}

// ParseListen checks the argument of listen(), which may be nil.
func ParseListen(options any) (*Listen, error) {
	l := &Listen{Server: server.Options{Address: "127.0.0.1:0", UDP: true}}
	var network string
	s := &l.Server
	err := parseArgument(options, "{hostname: 'web-1'}", map[string]setter{
		"address":        text(&s.Address),
		"hostname":       text(&s.Hostname),
		"echo":           flag(&l.Echo),
		"http":           text(&s.HTTP),
		"network":        oneOf(&network, "tcp", "udp", "tls"),
		"cert":           text(&l.Cert),
		"key":            text(&l.Key),
		"maxConnections": whole(&s.MaxConnections, 1, math.MaxInt32),
		"idleTimeout":    duration(&s.IdleTimeout),
		"tellSource":     flag(&s.TellSource),
		"proxyProtocol":  flag(&s.ProxyProtocol),
	})
	if err != nil {
		return nil, fmt.Errorf("listen(): %w", err)
	}
	l.TLS, s.NoTCP = network == "tls", network == "udp"
	if hasCert, hasKey := l.Cert != "", l.Key != ""; hasCert != hasKey || hasCert && !l.TLS {
		return nil, fmt.Errorf("listen(): options \"cert\" and \"key\": got cert: %t, key: %t with network %q; want both or none, and network 'tls' with them", hasCert, hasKey, network)
	}
	return l, nil
}
