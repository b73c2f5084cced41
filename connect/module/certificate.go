package module

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// serverTLS is the TLS configuration of a responder: with the certificate that the script gave, or else a self-signed one.
func serverTLS(o *options.Listen) (*tls.Config, error) {
	pair, err := selfSigned(o.Server.Address)
	if o.Cert != "" {
		pair, err = tls.X509KeyPair([]byte(o.Cert), []byte(o.Key))
	}
	if err != nil {
		return nil, fmt.Errorf("options \"cert\" and \"key\": %w; want a certificate and its key as PEM text", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// selfSigned makes a certificate for an address and for localhost, valid for a day.
func selfSigned(address string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "xk6-mconnect listen()"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) != nil {
		template.IPAddresses = append(template.IPAddresses, net.ParseIP(host))
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
