package connect

import (
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// proxyHeader returns what writes the header of the PROXY protocol, with the connection's own addresses
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt).
func proxyHeader(version byte) func(buffer []byte, local, remote netip.AddrPort) []byte {
	return func(buffer []byte, local, remote netip.AddrPort) []byte {
		header := proxyproto.HeaderProxyFromAddrs(version, tcpAddr(local), tcpAddr(remote))
		text, err := header.Format()
		if err != nil {
			return buffer // the addresses are not TCP's
		}
		return append(buffer, text...)
	}
}

func tcpAddr(a netip.AddrPort) net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
}
