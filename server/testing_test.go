package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

const (
	name = "web-1"
	// Nothing here takes that long; a test that waits for so long has failed.
	patience = 20 * time.Second
	often    = time.Millisecond
)

// start runs a server for the length of a test, on loopback if the test does not care.
func start(t *testing.T, options server.Options) *server.Server {
	t.Helper()
	if options.Address == "" {
		options.Address = "127.0.0.1:0"
	}
	if options.Hostname == "" {
		options.Hostname = name
	}
	srv, err := server.Start(options)
	require.NoError(t, err)
	t.Cleanup(srv.Close)
	return srv
}

// A transport is one way in which the server does TCP.
type transport struct {
	options func(t *testing.T) server.Options
	dial    func(address string) (net.Conn, error)
}

// transports are event loops (where there are any), and package net, which TLS uses everywhere.
var transports = map[string]transport{
	"plain": {
		options: func(*testing.T) server.Options { return server.Options{} },
		dial:    func(address string) (net.Conn, error) { return net.Dial("tcp", address) },
	},
	"TLS": {
		options: func(t *testing.T) server.Options {
			cert, key := certificate(t)
			return server.Options{TLSCert: cert, TLSKey: key}
		},
		dial: func(address string) (net.Conn, error) {
			return tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		},
	},
}

// overTransports runs a test over each of them.
func overTransports(t *testing.T, test func(t *testing.T, tr transport)) {
	t.Helper()
	for name, tr := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, tr)
		})
	}
}

func (tr transport) connect(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	conn, err := tr.dial(to.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

// expectName reads one answer.
func expectName(t *testing.T, conn net.Conn) {
	t.Helper()
	answer := make([]byte, len(name))
	_, err := io.ReadFull(conn, answer)
	require.NoError(t, err)
	assert.Equal(t, name, string(answer))
}

// ask sends something and reads the answer.
func ask(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := conn.Write([]byte("x"))
	require.NoError(t, err)
	expectName(t, conn)
}

// expectEnd waits until the server closes a connection on which no more answers are due.
func expectEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	rest, err := io.ReadAll(conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Empty(t, rest)
}

// eventually waits until the server's counters are as they should be.
func eventually(t *testing.T, srv *server.Server, as func(server.Stats) bool) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return as(srv.Stats()) }, patience, often) {
		t.Fatalf("have: %+v", srv.Stats())
	}
}

// certificate makes a key pair for 127.0.0.1 and returns its files.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return certFile, keyFile
}
