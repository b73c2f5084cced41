package ping_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// evil is what a hostile peer says: it clears a terminal, forges a line of a log, and reorders what follows.
const evil = "evil\x1b[2J\x1b]0;pwned\x07\u009b31m\u202e"

// evilCertificate has such names.
func evilCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	const ascii = "evil\x1b[2J\x1b]0;pwned\x07\nlevel=info msg=forged\n<script>"
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: evil, Organization: []string{evil + "\n"}}, DNSNames: []string{ascii},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Nothing that a peer says reaches a terminal as it is.
func TestPeersWordsAreEscaped(t *testing.T) {
	certificate := evilCertificate(t)
	root, err := x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	trusting := x509.NewCertPool()
	trusting.AddCert(root)
	for name, row := range map[string]struct {
		answer string
		plan   ping.Plan
		says   string
	}{
		"a certificate's names":  {plan: ping.Plan{URL: "https://a", TLS: &tls.Config{RootCAs: trusting}}, says: `\x1b[2J`},
		"a certificate's issuer": {plan: ping.Plan{URL: "https://a", TLS: &tls.Config{RootCAs: x509.NewCertPool()}}, says: "certificate"},
		"a status line":          {answer: "HTTP/1.1 2" + evil + "\r\n\r\n", says: `\x1b[2J`},
		"a version":              {answer: "HTTP/" + evil + " 200 OK\r\n\r\n", says: `\x1b[2J`},
		"no HTTP at all":         {answer: evil + " " + evil + "\r\n\r\n", says: `\x1b[2J`},
		"a header":               {answer: "HTTP/1.1 200 OK\r\n" + evil + "\r\n\r\n", says: `\x1b[2J`},
		"a header without end":   {answer: "HTTP/1.1 200 OK\r\n" + string(make([]byte, 1<<17)), says: "exceeded"},
		"a length":               {answer: "HTTP/1.1 200 OK\r\nContent-Length: " + evil + "\r\n\r\n", says: "header"},
		"an encoding":            {answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: evil\xff\r\n\r\n", says: `evil`},
		"a resolver": {plan: ping.Plan{URL: "http://a", Resolve: func(context.Context, string, uint16) ([]netip.AddrPort, error) {
			return nil, fmt.Errorf("no %s\n", evil) //nolint:revive // a hostile one
		}}, says: `\x1b[2J`},
	} {
		t.Run(name, func(t *testing.T) {
			listener := listen(t)
			defer listener.Close()
			go serveOnce(listener, row.answer, certificate)
			plan := row.plan
			if plan.URL == "" {
				plan.URL = "http://a"
			}
			plan.URL += fmt.Sprintf(":%d/", netip.MustParseAddrPort(listener.Addr().String()).Port())
			if plan.Resolve == nil {
				plan.IP = netip.MustParseAddr("127.0.0.1")
			}
			r, err := ping.Do(context.Background(), plan)
			require.NoError(t, err)
			require.Error(t, r.Err)
			assert.ErrorContains(t, r.Err, row.says)
			assert.Equal(t, quote.Printable(r.Err.Error()), r.Err.Error())
			assert.True(t, utf8.ValidString(r.Err.Error()))
			assert.Less(t, len(r.Err.Error()), 3000)
		})
	}
}

// serveOnce answers one client, over TLS if there is no answer.
func serveOnce(listener net.Listener, answer string, certificate tls.Certificate) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	if answer == "" {
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}).Handshake()
		return
	}
	_, _ = conn.Read(make([]byte, 4096))
	fmt.Fprint(conn, answer)
}

// A line of perftest's has its columns, whatever a name has.
func TestFormatEscapes(t *testing.T) {
	t.Parallel()
	r := ping.Result{Start: time.Unix(7, 0), URL: "https://a/\u202e", From: "a\tb\u202e"}
	assert.Contains(t, r.Format(), "\ta b\\u202e\t-\thttps://a/\\u202e")
}
