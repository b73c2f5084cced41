//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certify makes an authority and a certificate for names and addresses, and writes them to files.
func certify(t *testing.T, names []string, addrs []net.IP) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	caKey, caTemplate := newKey(t), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	serverKey, serverTemplate := newKey(t), &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: names, IPAddresses: addrs, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore: caTemplate.NotBefore, NotAfter: caTemplate.NotAfter,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, caTemplate, caTemplate, &caKey.PublicKey, caKey)
	require.NoError(t, err)
	serverDER, err := x509.CreateCertificate(rand.Reader, serverTemplate, caTemplate, &serverKey.PublicKey, caKey)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(serverKey)
	require.NoError(t, err)
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return file
	}
	return write("ca.pem", "CERTIFICATE", caDER), write("cert.pem", "CERTIFICATE", serverDER), write("key.pem", "EC PRIVATE KEY", keyDER)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

// Certificates are checked as k6's options say, and failed handshakes are failed connects.
func TestTLS(t *testing.T) {
	const connections = 100
	ca, cert, key := certify(t, []string{"web.example"}, nil)
	c := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1", "-tls-cert", cert, "-tls-key", key)
	trusting := []string{"env", "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=/nonexistent"}
	named := "web.example:" + portOf(t, c.address)
	hosts := object{"hosts": object{"web.example": "127.0.0.1"}}
	plain := startPeer(t, nil, says("web-1"))
	for _, test := range []struct {
		name, target string
		options      object
		script       object
		wrapper      []string
		class        string
	}{
		{"unknown authority", c.address, object{"serverName": "web.example"}, nil, nil, "tls"},
		{"unknown authority, not checked", c.address, nil, object{"insecureSkipTLSVerify": true}, nil, ""},
		{"known authority, right name", c.address, object{"serverName": "web.example"}, nil, trusting, ""},
		{"known authority, wrong name", c.address, object{"serverName": "other.example"}, nil, trusting, "tls"},
		{"known authority, name of the target", named, nil, hosts, trusting, ""},
		{"known authority, address of the target", c.address, nil, nil, trusting, "tls"},
		{"server speaks no TLS", plain.address, nil, object{"insecureSkipTLSVerify": true}, nil, "tls"},
		{"version too new for the client", c.address, nil, object{"insecureSkipTLSVerify": true, "tlsVersion": object{"min": "tls1.0", "max": "tls1.1"}}, nil, "tls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := object{"network": "tls", "connections": connections, "concurrency": 16}
			maps.Copy(options, test.options)
			done := floodTest{calls: []call{{test.target, options}}, script: test.script, wrapper: test.wrapper}.flood(t)
			checkClass(t, done, test.class, "web-1", false, connections)
		})
	}
}

// Peers fail over TLS as they do without it.
func TestBadTLSPeers(t *testing.T) {
	const connections = 100
	for _, test := range []struct {
		name   string
		handle func(*net.TCPConn)
		class  string
	}{
		{"resets at once", reset, "reset"},
		{"closes at once", hangUp, "closed"},
		{"never shakes hands", swallow, "timeout"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := startPeer(t, nil, test.handle).address
			done := floodTest{calls: []call{{target, object{"network": "tls", "connections": connections, "connectTimeout": "1s"}}}}.flood(t)
			checkClass(t, done, test.class, "", false, connections)
		})
	}
}
