package ping_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/ping"
)

func resolvesTo(addrs ...netip.AddrPort) ping.Resolver {
	return func(context.Context, string, uint16) ([]netip.AddrPort, error) { return addrs, nil }
}

func resolverFails(err error) ping.Resolver {
	return func(context.Context, string, uint16) ([]netip.AddrPort, error) { return nil, err }
}

// rawPeer accepts connections and leaves them to a function, and to the client to close.
func rawPeer(t *testing.T, handle func(*net.TCPConn)) (url string) {
	t.Helper()
	listener := listen(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handle(conn.(*net.TCPConn))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	return "http://" + listener.Addr().String()
}

// says writes a text once it has got a request, and reads until the client leaves.
func says(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// saysAndCloses ends the connection in an orderly way after the text.
func saysAndCloses(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, text)
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
}

func resets(conn *net.TCPConn) {
	_, _ = conn.Read(make([]byte, 4096))
	_ = conn.SetLinger(0)
}

// greets speaks before it is asked, as SSH and mconnect's server do.
func greets(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// demanding is a peer that wants a certificate, and with TLS 1.3 says so only after the handshake.
func demanding(t *testing.T) *httptest.Server {
	t.Helper()
	peer := httptest.NewUnstartedServer(http.HandlerFunc(servePage))
	peer.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}
	peer.StartTLS()
	t.Cleanup(peer.Close)
	return peer
}

// repeats says something, and then something else until the client leaves.
func repeats(once, again string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, err := io.WriteString(conn, once)
		for err == nil {
			_, err = io.WriteString(conn, again)
		}
	}
}

// Whatever goes wrong is a result with its class, the phase that did not end, and a message that says what to do.
func TestFailures(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewTLSServer(http.HandlerFunc(servePage))
	t.Cleanup(untrusted.Close)
	endless := plainPeer(t, func(w http.ResponseWriter, _ *http.Request) {
		for megabyte := make([]byte, 1<<20); ; {
			if _, err := w.Write(megabyte); err != nil {
				return
			}
		}
	})
	chunks := rawPeer(t, repeats("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1;"+strings.Repeat("x", 4000)+"\r\na\r\n"))
	const hints, chunked = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	const page200 = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nServed from Hamburg\n"
	for _, test := range []struct {
		name   string
		plan   ping.Plan
		class  class.Class
		in     ping.Phase
		status int
		text   string
	}{
		{"unknown name", ping.Plan{URL: "http://web.invalid/", Resolve: resolverFails(&net.DNSError{Err: "no such host", IsNotFound: true})}, class.DNS, ping.PhaseDNS, 0, "no such host"},
		{"name without address", ping.Plan{URL: "http://web.invalid/", Resolve: resolvesTo()}, class.DNS, ping.PhaseDNS, 0, `"web.invalid" has no address`},
		{"resolver is silent", ping.Plan{URL: "http://web.invalid/", Resolve: hangs, Timeout: 50 * time.Millisecond}, class.DNS, ping.PhaseDNS, 0, "time is up after 50ms"},
		{"forbidden", ping.Plan{URL: "http://10.0.0.1/", Resolve: resolverFails(fmt.Errorf("%w: not in -allow", ping.ErrBlocked))}, class.Blocked, ping.PhaseDNS, 0, "not in -allow"},
		{"forbidden address given", ping.Plan{URL: "http://web.invalid/", IP: loopback, Resolve: resolverFails(ping.ErrBlocked)}, class.Blocked, ping.PhaseDNS, 0, "blocked"},
		{"refused", ping.Plan{URL: "http://127.0.0.1:1/"}, class.Refused, ping.PhaseConnect, 0, "127.0.0.1:1"},
		{"source of the other IP version", ping.Plan{URL: "http://127.0.0.1:1/", Source: netip.IPv6Loopback()}, class.AddrNotAvailable, ping.PhaseConnect, 0, "the other IP version"},
		{"unknown authority", ping.Plan{URL: untrusted.URL}, class.TLS, ping.PhaseTLS, 0, "certificate"},
		{"no certificate of one's own", ping.Plan{URL: demanding(t).URL, TLS: &tls.Config{InsecureSkipVerify: true}}, class.TLS, ping.PhaseFirstByte, 0, "certificate required"},
		{"certificate of another name", ping.Plan{URL: untrusted.URL, TLS: &tls.Config{RootCAs: trusting(untrusted).RootCAs, ServerName: "web.invalid", MinVersion: tls.VersionTLS12}}, class.TLS, ping.PhaseTLS, 0, "not web.invalid"},
		{"HTTP without TLS", ping.Plan{URL: strings.Replace(rawPeer(t, greets("HTTP/1.1 400 Bad Request\r\n\r\n")), "http", "https", 1)}, class.TLS, ping.PhaseTLS, 0, "HTTP without TLS"},
		{"TLS to a peer without", ping.Plan{URL: strings.Replace(rawPeer(t, says("hello")), "http", "https", 1)}, class.TLS, ping.PhaseTLS, 0, "TLS handshake; the peer speaks no TLS on this port: use http"},
		{"no handshake", ping.Plan{URL: strings.Replace(rawPeer(t, says("")), "http", "https", 1), Timeout: 50 * time.Millisecond}, class.Timeout, ping.PhaseTLS, 0, "time is up after 50ms; the server accepts connections, but does not shake hands in time"},
		{"handshake closed", ping.Plan{URL: strings.Replace(rawPeer(t, saysAndCloses("")), "http", "https", 1)}, class.Closed, ping.PhaseTLS, 0, "EOF"},
		{"no answer", ping.Plan{URL: rawPeer(t, says("")), Timeout: 50 * time.Millisecond}, class.NoReply, ping.PhaseFirstByte, 0, "time is up after 50ms"},
		{"closes", ping.Plan{URL: rawPeer(t, saysAndCloses(""))}, class.Closed, ping.PhaseFirstByte, 0, "EOF"},
		{"resets", ping.Plan{URL: rawPeer(t, resets)}, class.Reset, ping.PhaseFirstByte, 0, "check the server's log"},
		{"no answer after early hints", ping.Plan{URL: rawPeer(t, says(hints)), Timeout: 50 * time.Millisecond}, class.NoReply, ping.PhaseFirstByte, 0, "time is up after 50ms"},
		{"closes after early hints", ping.Plan{URL: rawPeer(t, saysAndCloses(hints))}, class.Closed, ping.PhaseFirstByte, 0, "EOF"},
		{"early hints without end", ping.Plan{URL: rawPeer(t, repeats("", hints))}, class.BadReply, ping.PhaseLastByte, 0, "exceeded 65536 bytes"},
		{"speaks first", ping.Plan{URL: rawPeer(t, greets("SSH-2.0-OpenSSH\r\n"))}, class.BadReply, ping.PhaseLastByte, 0, `it is no HTTP: it begins with "SSH-2.0-OpenSSH\r\n"; the peer is no web server, but greets`},
		{"greets without end", ping.Plan{URL: rawPeer(t, greets("web-1"))}, class.BadReply, ping.PhaseLastByte, 0, `it begins with "web-1"; the peer is no web server, but greets, as mconnect's responder`},
		{"greets as HTTP begins", ping.Plan{URL: rawPeer(t, greets("HTTQ"))}, class.BadReply, ping.PhaseLastByte, 0, `it begins with "HTTQ"`},
		{"speaks TLS", ping.Plan{URL: rawPeer(t, says("\x15\x03\x01\x00\x02\x02\x0a"))}, class.BadReply, ping.PhaseLastByte, 0, "the server speaks TLS on this port: use https"},
		{"speaks bytes", ping.Plan{URL: rawPeer(t, says("\x00\x00\x12\x04"))}, class.BadReply, ping.PhaseLastByte, 0, "check that the server speaks HTTP/1.1 on this port"},
		{"stops in the protocol's name", ping.Plan{URL: rawPeer(t, says("HT")), Timeout: 50 * time.Millisecond}, class.NoReply, ping.PhaseLastByte, 0, "time is up after 50ms; the server begins its answer"},
		{"closes in the protocol's name", ping.Plan{URL: rawPeer(t, saysAndCloses("HT"))}, class.Closed, ping.PhaseLastByte, 0, "unexpected EOF"},
		{"status that is none", ping.Plan{URL: rawPeer(t, says("HTTP/1.1 000 OK\r\n\r\n"))}, class.BadReply, ping.PhaseLastByte, 0, "malformed HTTP status code"},
		{"header lines without end", ping.Plan{URL: rawPeer(t, repeats("HTTP/1.1 200 OK\r\n", "X: x\r\n"))}, class.BadReply, ping.PhaseLastByte, 0, "exceeded 65536 bytes"},
		{"stops in the header", ping.Plan{URL: rawPeer(t, says("HTTP/1.1 200 OK\r\nX")), Timeout: 50 * time.Millisecond}, class.NoReply, ping.PhaseLastByte, 0, "time is up after 50ms; the server begins its answer"},
		{"closes in the header", ping.Plan{URL: rawPeer(t, saysAndCloses("HTTP/1.1 200 OK\r\nX"))}, class.Closed, ping.PhaseLastByte, 0, "unexpected EOF; the server ends the connection before"},
		{"says a word and closes", ping.Plan{URL: rawPeer(t, saysAndCloses("web-1"))}, class.BadReply, ping.PhaseLastByte, 0, `it begins with "web-1"`},
		{"chunk of no size", ping.Plan{URL: rawPeer(t, says(chunked+"x\r\n"))}, class.BadReply, ping.PhaseLastByte, 200, "chunk"},
		{"chunks that are all extension", ping.Plan{URL: chunks}, class.BadReply, ping.PhaseLastByte, 200, "chunk"},
		{"trailer without end", ping.Plan{URL: rawPeer(t, repeats(chunked+"0\r\n", "X: x\r\n"))}, class.BadReply, ping.PhaseLastByte, 200, "trailer"},
		{"two lengths", ping.Plan{URL: rawPeer(t, says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"))}, class.BadReply, ping.PhaseLastByte, 0, "Content-Length"},
		{"no HTTP", ping.Plan{URL: rawPeer(t, says("web-1\r\n\r\n"))}, class.BadReply, ping.PhaseLastByte, 0, "it is no HTTP"},
		{"endless header", ping.Plan{URL: rawPeer(t, says("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1<<20)))}, class.BadReply, ping.PhaseLastByte, 0, "exceeded 65536 bytes"},
		{"closes in the body", ping.Plan{URL: rawPeer(t, saysAndCloses(page200))}, class.Closed, ping.PhaseLastByte, 200, "EOF; the server ends the connection before its answer is whole"},
		{"stops in the body", ping.Plan{URL: rawPeer(t, says(page200)), Timeout: 50 * time.Millisecond}, class.NoReply, ping.PhaseLastByte, 200, "reading the answer's body, after status 200 and 20 bytes of it: time is up after 50ms; the server begins its answer"},
		{"body without end", ping.Plan{URL: endless.URL}, class.BadReply, ping.PhaseLastByte, 200, "more than 64 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.plan.Timeout == 0 {
				test.plan.Timeout = time.Minute
			}
			r := do(t, test.plan)
			assert.True(t, r.Failed())
			assert.Equal(t, test.class.String(), r.Class.String(), "%v", r.Err)
			assert.Equal(t, test.in.String(), r.FailedIn.String(), "%v", r.Err)
			assert.Equal(t, test.status, r.Status)
			require.Error(t, r.Err)
			assert.Contains(t, r.Err.Error(), test.text)
			assert.Contains(t, r.Trouble(), test.text)
			assert.Contains(t, r.Err.Error(), test.plan.URL)
			assert.Equal(t, r.Connect+r.TLS+r.FirstByte+r.LastByte, r.Total)
			assert.Equal(t, 500, r.Code(), "no status of a whole answer")
			assert.Contains(t, r.Format(), "\t500\t")
		})
	}
}

func hangs(ctx context.Context, _ string, _ uint16) ([]netip.AddrPort, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// A caller who ends a ping gets its result at once.
func TestAborted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := rawPeer(t, func(conn *net.TCPConn) {
		_, _ = conn.Read(make([]byte, 4096))
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	r, err := ping.Do(ctx, ping.Plan{URL: url})
	require.NoError(t, err)
	assert.Equal(t, class.Aborted, r.Class)
	assert.Equal(t, ping.PhaseFirstByte, r.FailedIn)
}

// Statuses count as pingmesh counts them.
func TestStatus(t *testing.T) {
	t.Parallel()
	for status, failed := range map[int]bool{200: false, 204: false, 302: false, 304: false, 305: true, 307: true, 404: true, 503: true} {
		r := do(t, ping.Plan{URL: plainPeer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }).URL})
		require.NoError(t, r.Err)
		assert.Equal(t, status, r.Status)
		assert.Equal(t, failed, r.Failed(), "status %d", status)
		if failed {
			assert.Contains(t, r.Trouble(), strconv.Itoa(status))
		} else {
			assert.Empty(t, r.Trouble())
		}
	}
}

// A wrong plan is the caller's error, and nothing is sent.
func TestWrongPlans(t *testing.T) {
	t.Parallel()
	for want, plan := range map[string]ping.Plan{
		`URL "": the scheme is ""; want http`:                       {},
		`URL "127.0.0.1:80": first path segment`:                    {URL: "127.0.0.1:80"},
		`URL "ftp://a/": the scheme is "ftp"; want http`:            {URL: "ftp://a/"},
		`URL "http:///x" has no host; want http`:                    {URL: "http:///x"},
		`URL "http://a:0/": the port is 0; want 1 to 65535`:         {URL: "http://a:0/"},
		`URL "http://a:65536/": the port is 65536; want 1 to 65535`: {URL: "http://a:65536/"},
		`header "content-length": says how a request is framed`:     {URL: "http://a/", Header: http.Header{"content-length": {"5"}}},
		`method "G T": want one such as GET`:                        {URL: "http://a/", Method: "G T"},
		`URL "http://a<b/": the host is "a<b"`:                      {URL: "http://a<b/"},
		`URL "http://xn--ä/": the host is`:                          {URL: "http://xn--ä/"},
		`header "Host": got "a b"; want a host`:                     {URL: "http://a/", Header: http.Header{"Host": {"a b"}}},
		`header "a b": want a name`:                                 {URL: "http://a/", Header: http.Header{"a b": {"c"}}},
		`header "A": got "b\nc"; want a value`:                      {URL: "http://a/", Header: http.Header{"A": {"b\nc"}}},
	} {
		r, err := ping.Do(t.Context(), plan)
		assert.Nil(t, r)
		assert.ErrorContains(t, err, want)
	}
}

// An answer may switch protocols: what comes after it is not HTTP, and not waited for.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	r := do(t, ping.Plan{URL: rawPeer(t, says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")), Timeout: time.Minute})
	require.NoError(t, r.Err)
	assert.Equal(t, 101, r.Status)
}

// A peer that answers and hangs up before it has read the request has answered.
func TestAnswerBeforeTheRequestIsRead(t *testing.T) {
	t.Parallel()
	url := rawPeer(t, func(conn *net.TCPConn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\r\n")
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	})
	r := do(t, ping.Plan{URL: url, Timeout: time.Minute})
	require.NoError(t, r.Err)
	assert.Equal(t, 431, r.Status)
}

// A resolver that takes no notice of the time does not hold up the ping.
func TestDeafResolver(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	r := do(t, ping.Plan{URL: "http://web.invalid/", Timeout: 50 * time.Millisecond, Resolve: func(context.Context, string, uint16) ([]netip.AddrPort, error) {
		<-release
		return nil, nil
	}})
	assert.Equal(t, class.DNS, r.Class)
	assert.ErrorContains(t, r.Err, "name resolution: time is up after 50ms")
}

var errBoom = errors.New("boom")

// Errors can be told apart by the caller of the resolver.
func TestErrorsUnwrap(t *testing.T) {
	t.Parallel()
	assert.ErrorIs(t, do(t, ping.Plan{URL: "http://a/", Resolve: resolverFails(errBoom)}).Err, errBoom)
}
