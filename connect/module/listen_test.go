package module_test

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
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// insecure makes a VU's TLS take any certificate.
func insecure(v *vu) {
	v.VU.StateField.TLSConfig = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} // #nosec G402 -- a test's
}

func TestListen(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		options, network string
		want             map[string]int64 // hosts
	}{
		"TCP":             {`{hostname: 'web-1'}`, "tcp", map[string]int64{"web-1": 3}},
		"UDP as well":     {`{hostname: 'web-1'}`, "udp", map[string]int64{"web-1": 3}},
		"UDP alone":       {`{hostname: 'web-1', network: 'udp'}`, "udp", map[string]int64{"web-1": 3}},
		"UDP without TCP": {`{hostname: 'web-1', network: 'udp'}`, "tcp", map[string]int64{}},
		"TLS":             {`{hostname: 'web-1', network: 'tls'}`, "tls", map[string]int64{"web-1": 3}},
		"TLS, UDP":        {`{hostname: 'web-1', network: 'tls'}`, "udp", map[string]int64{"web-1": 3}},
		"IPv4 of all":     {`{hostname: 'web-1', address: '127.0.0.2:0', idleTimeout: '5s', maxConnections: 10}`, "tcp", map[string]int64{"web-1": 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVU(t, settings{})
			insecure(v)
			r := get[floodResult](t, v, `
				const responder = listen(%s);
				const result = await flood(responder.address, {network: '%s', connections: 3, concurrency: 1});
				await responder.close();
				return result;`, row.options, row.network)
			assert.Equal(t, row.want, r.Hosts, "%v", r.Errors)
		})
	}
}

func TestListenByDefault(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[struct {
		Address, HTTP string
		Hosts         map[string]int64
	}](t, v, `
		const responder = listen();
		return {address: responder.address, http: String(responder.http), hosts: (await flood(responder.address)).hosts};`)
	host, port, err := net.SplitHostPort(r.Address)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1", host)
	assert.NotEqual(t, "0", port)
	assert.Equal(t, "undefined", r.HTTP)
	assert.Len(t, r.Hosts, 1, "this host's name")
}

// A responder of a VU's function ends with the iteration, and k6 waits until its address is free.
func TestListenEndsWithTheIteration(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	address := get[string](t, v, `return listen().address`)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	v.end(t)
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err, "the address is free")
	require.NoError(t, listener.Close())
}

// One that is closed frees its address before close() returns.
func TestListenClose(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{setup: true}) // where it would stay until the test ends
	assert.Equal(t, []string{"same", "undefined"}, get[[]string](t, v, `
		const first = listen();
		const closing = first.close();
		const second = listen({address: first.address});
		const settled = String(await closing);
		await second.close();
		return [first.address === second.address ? 'same' : 'other', settled];`))
}

// With http, the responder is a part of a mesh as well.
func TestListenHTTP(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	url := get[string](t, v, `return listen({http: '127.0.0.1:0', hostname: 'web-1'}).http`)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, says := range map[string]string{
		"/v1/ping": "Served from web-1", "/v1/peers": `"SrvLoc": "web-1"`, "/metrics": "mconnect_server_connections_active", "/": "<h1>Mesh",
	} {
		answer, err := client.Get(url + path)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode, path)
		assert.Contains(t, string(body), says, path)
	}
	located := get[pinged](t, v, `const r = listen({http: '127.0.0.1:0', hostname: 'web-2'}); return ping(r.http + '/v1/ping')`)
	assert.Equal(t, "web-2", located.Location)
}

// The certificate is the script's, or one for the address.
func TestListenCertificate(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	certificate := func(address string) *x509.Certificate {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) // #nosec G402 -- looks at the certificate
		require.NoError(t, err)
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0]
	}
	own := certificate(get[string](t, v, `return listen({network: 'tls', address: '127.0.0.3:0'}).address`))
	assert.NoError(t, own.VerifyHostname("127.0.0.3"))
	assert.NoError(t, own.VerifyHostname("localhost"))

	cert, key := pair(t)
	require.NoError(t, v.VU.Runtime().Set("pem", map[string]string{"cert": cert, "key": key}))
	given := certificate(get[string](t, v, `return listen({network: 'tls', cert: pem.cert, key: pem.key}).address`))
	assert.EqualValues(t, 4711, given.SerialNumber.Int64())
}

// pair is a certificate and its key, as PEM text.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{SerialNumber: big.NewInt(4711), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, secret.Public(), secret)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	require.NoError(t, err)
	text := func(kind string, bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return text("CERTIFICATE", der), text("PRIVATE KEY", private)
}
