package mesh

import (
	"context"
	"net"
	"sync"
)

// dns is the DNS server that is asked in tests; the system's if it has no address.
var dns struct {
	mu      sync.Mutex
	address string
	conns   []net.Conn
}

func init() {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dns.mu.Lock()
		defer dns.mu.Unlock()
		if dns.address == "" {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		conn, err := new(net.Dialer).DialContext(ctx, "udp", dns.address)
		if err == nil {
			dns.conns = append(dns.conns, conn)
		}
		return conn, err
	}}
}

// AskDNS has names looked up at an address until end is called, which ends what is being looked up.
func AskDNS(address string) (end func()) {
	dns.mu.Lock()
	defer dns.mu.Unlock()
	dns.address = address
	return func() {
		dns.mu.Lock()
		defer dns.mu.Unlock()
		for _, conn := range dns.conns {
			_ = conn.Close()
		}
		dns.address, dns.conns = "", nil
	}
}
