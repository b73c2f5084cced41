package options

import (
	"fmt"
	"math"
	"net/netip"
	"os"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server/mesh"
)

// Listen is what a script asks of listen().
type Listen struct {
	Server    server.Options // without TLS
	Echo      bool           // the echo listens on Server.Address, not the responder
	TLS       bool
	Cert, Key string // PEM; both "" for a certificate made for the occasion
}

// ParseListen checks the argument of listen(), which may be nil.
func ParseListen(options any) (*Listen, error) {
	l := &Listen{Server: server.Options{Address: "127.0.0.1:0", UDP: true}}
	if options == nil {
		return l, nil
	}
	object, ok := options.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("listen(): options: got %s; want an object such as {hostname: 'web-1'}", show(options))
	}
	var network string
	s := &l.Server
	err := parse(object, map[string]setter{
		"address":        text(&s.Address),
		"hostname":       text(&s.Hostname),
		"echo":           flag(&l.Echo),
		"http":           text(&s.HTTP),
		"network":        oneOf(&network, "tcp", "udp", "tls"),
		"cert":           text(&l.Cert),
		"key":            text(&l.Key),
		"maxConnections": whole(&s.MaxConnections, 1, math.MaxInt32),
		"idleTimeout":    duration(&s.IdleTimeout),
	})
	if err != nil {
		return nil, fmt.Errorf("listen(): %w", err)
	}
	if s.HTTP != "" {
		s.Mesh = func(listening netip.AddrPort) (server.Mesh, error) { return startMesh(s.Hostname, listening) }
	}
	l.TLS = network == "tls"
	if hasCert, hasKey := l.Cert != "", l.Key != ""; hasCert != hasKey || hasCert && !l.TLS {
		return nil, fmt.Errorf("listen(): options \"cert\" and \"key\": got cert: %t, key: %t with network %q; want both or none, and network 'tls' with them", hasCert, hasKey, network)
	}
	return l, nil
}

// startMesh makes a responder a part of a mesh that knows nobody yet.
func startMesh(hostname string, listening netip.AddrPort) (server.Mesh, error) {
	if hostname == "" {
		hostname, _ = os.Hostname()
	}
	m, err := mesh.Start(mesh.Options{Location: hostname, Hostname: hostname, Port: int(listening.Port())})
	if err != nil {
		return nil, err
	}
	return m, nil
}
