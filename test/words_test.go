//go:build linux

package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Names that need IDNA work in all calls, and are the same for TLS.
func TestInternationalNames(t *testing.T) {
	t.Parallel()
	ca, cert, key := certify(t, []string{"xn--bcher-kva.example", "localhost"}, nil)
	plain, echo, pages, secure := freePort(t), freePort(t), freePort(t), freePort(t)
	start(t, nil, serverPath, "-address", plain, "-echo", echo, "-http", pages).awaitLine(t, pages)
	start(t, nil, serverPath, "-address", secure, "-tls-cert", cert, "-tls-key", key).awaitLine(t, secure)
	for _, name := range []string{"bücher.example", "BÜCHER。example", "xn--bcher-kva.example", "ＬＯＣＡＬＨＯＳＴ", "localhost"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := make([]string, 0, 11)
			args = append(args, "-e", "NAME="+name)
			for variable, address := range map[string]string{"PORT": plain, "ECHO": echo, "HTTP": pages, "SECURE": secure} {
				args = append(args, "-e", variable+"="+portOf(t, address))
			}
			k := awaitK6(t, startK6(t, nil, []string{"env", "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=/nonexistent"}, append(args, "test/testdata/names.js")...))
			require.Equal(t, exitOK, k.code, "%v", k.logs)
			calls := 0
			for _, line := range k.logs {
				var o struct {
					Call, Detail string
					OK           bool
				}
				if text, ok := strings.CutPrefix(line.Message, "outcome "); ok {
					require.NoError(t, json.Unmarshal([]byte(text), &o))
					assert.True(t, o.OK, "%s: %s", o.Call, o.Detail)
					calls++
				}
			}
			assert.Equal(t, 8, calls)
		})
	}
}

// A blocked name is blocked in every spelling.
func TestBlockedInternationalNames(t *testing.T) {
	t.Parallel()
	address := freePort(t)
	start(t, nil, serverPath, "-address", address, "-http", freePort(t)).awaitLine(t, address)
	port := portOf(t, address)
	calls := []string{
		`const r = await flood('ＬＯＣＡＬＨＯＳＴ:` + port + `'); throw new Error(JSON.stringify(r.errors))`,
		`const r = await mconnect.tcpPing('ＬＯＣＡＬＨＯＳＴ:` + port + `'); throw new Error(r.error)`,
		`const r = await mconnect.ping('http://ＬＯＣＡＬＨＯＳＴ:` + port + `/', {ip: '127.0.0.1'}); throw new Error(r.error)`,
	}
	k := runK6(t, "--block-hostnames", "localhost", "-e", "SNIPPETS="+asJSON(t, calls), "test/testdata/reject.js")
	outcomes := rejections(t, k)
	require.Len(t, outcomes, len(calls))
	for _, o := range outcomes {
		assert.Contains(t, o.Message, "blocked")
	}
}

// A URL's spaces do not reach the request line.
func TestRequestLine(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.RequestURI }))
	defer server.Close()
	call := fmt.Sprintf(`const r = await mconnect.ping('%s/x? /v1/quit HTTP/1.0'); throw new Error(r.status + ' ' + r.url)`, server.URL)
	k := runK6(t, "-e", "SNIPPETS="+asJSON(t, []string{call}), "test/testdata/reject.js")
	outcomes := rejections(t, k)
	require.Len(t, outcomes, 1)
	assert.Equal(t, "200 "+server.URL+"/x?%20/v1/quit%20HTTP/1.0", outcomes[0].Message)
	assert.Equal(t, "/x?%20/v1/quit%20HTTP/1.0", <-asked)
}

// evilServer has a certificate whose names would drive a terminal, and forge a line of a log. trusted is a file with the certificate.
func evilServer(t *testing.T) (address, trusted string) {
	t.Helper()
	const evil = "evil\x1b[31mRED\x1b]0;pwned\x07\nlevel=info msg=forged\n<script>alert(1)</script>"
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: evil, Organization: []string{evil}}, DNSNames: []string{evil},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	trusted = filepath.Join(t.TempDir(), "evil.pem")
	require.NoError(t, os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12})
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String(), trusted
}

// What a certificate says is escaped in results, errors and the log.
func TestEvilCertificate(t *testing.T) {
	t.Parallel()
	address, trusted := evilServer(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	for name, wrapper := range map[string][]string{"trusted": {"env", "SSL_CERT_FILE=" + trusted}, "unknown": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := `const r = await mconnect.ping('https://localhost:` + port + `/'); throw new Error(r.error_message)`
			k := awaitK6(t, startK6(t, nil, wrapper, "-e", "SNIPPETS="+asJSON(t, []string{call}), "test/testdata/reject.js"))
			outcomes := rejections(t, k)
			require.Len(t, outcomes, 1)
			warned := k.logged("a ping has failed")
			require.NotEmpty(t, warned)
			for _, text := range append(warned, outcomes[0].Message) {
				assert.False(t, strings.ContainsFunc(text, unicode.IsControl), "%q", text)
				if name == "trusted" {
					assert.Contains(t, text, `\x1b[31mRED`)
				}
			}
		})
	}
}

// The report of a file that others have written leaves the terminal alone, and passes over mconnect's lines before the JSON.
func TestReportOfHostileFiles(t *testing.T) {
	t.Parallel()
	const esc = `\u001b[2J\u202e\u009b`
	for name, row := range map[string]struct {
		text string
		code int
		says string
	}{
		"after mconnect's lines": {"Read err: EOF\nRead err: EOF\n" + `{"hosts":{"web-1":8},"connects":12,"failed_connects":0,"failed_reads":4}`, 0, "Failed reads 4"},
		"hosts":                  {`{"hosts":{"a` + esc + `":8},"connects":8}`, 0, `a\x1b[2J\u202e\u009b 8`},
		"ctraffic's":             {`{"PacketSize":1024,"Duration":1e9,"Connections":1,"ConnStats":[{"Ended":5,"Err":"` + esc + `","Remote":"` + esc + `","Host":"` + esc + `"}]}`, 0, `\x1b[2J\u202e\u009b 1 0`},
		"ctraffic's summary":     {`{"Started":"2026-11-28T22:09:39Z","Duration":2995499708,"Rate":200,"Connections":10,"PacketSize":1024,"Sent":598,"Received":598}`, 0, "199.6 KB/s"},
		"keys":                   {`{"` + esc + `":1}`, 1, `\x1b[2J\u202e\u009b`},
		"counts":                 {`{"connects":1,"hosts":"` + esc + `"}`, 1, "want an object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "run.json")
			require.NoError(t, os.WriteFile(file, []byte(row.text), 0o600))
			p := reportCommand(t, file)
			assert.Equal(t, row.code, p.wait(t), "%s", p.stderr)
			said := p.stdout.String() + p.stderr.String()
			if row.code == 0 {
				assert.Contains(t, strings.Join(strings.Fields(said), " "), row.says)
			} else {
				assert.Contains(t, strings.ReplaceAll(said, `\\`, `\`), row.says)
			}
			assert.False(t, strings.ContainsFunc(said, func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf) }), "%q", said)
		})
	}
}
