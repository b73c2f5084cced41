//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// speaksRedis answers PING as Redis does, on every n-th connection with an error.
func speaksRedis(n int64) func(*net.TCPConn) {
	var connections atomic.Int64
	return func(conn *net.TCPConn) {
		answer := "+PONG\r\n"
		if n > 0 && connections.Add(1)%n == 0 {
			answer = "-ERR unknown command\r\n"
		}
		for lines := bufio.NewReader(conn); ; {
			line, err := lines.ReadString('\n')
			if err != nil || line != "PING\r\n" {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil {
				return
			}
		}
	}
}

// Our own server tells its name at once, and answers a payload with it again. Both may come together, and no PROXY header is to blame.
func TestPayloadToOurServer(t *testing.T) {
	t.Parallel()
	h := faultTest{body: `
		const server = mconnect.listen({ hostname: 'web-1', tellSource: true });
		tell('r', await flood(server.address, { connections: 500, payload: 'Hello', expect: { hosts: ['web-1'], source: true } }));
		server.close();
	`}.passes(t)
	assert.Equal(t, map[string]int64{"web-1": 500}, tells[judgement](t, h, "r").Hosts)
	faultTest{body: `
		const server = mconnect.listen({ hostname: 'web-1' });
		await flood(server.address, { connections: 500, payload: 'Hello', expect: { hosts: ['web-1'] } });
		server.close();
	`}.passes(t)
}

// Options count wherever a script has them: in defaults that others inherit from, and in a class's getters.
func TestInheritedOptions(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"defaults": "Object.create({ connections: 20, expect: { hosts: ['web-2'] } })",
		"a class":  "new (class { get connections() { return 20; } get expect() { return { hosts: ['web-2'] }; } })()",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			faultTest{body: `
				const server = mconnect.listen({ hostname: 'web-1' });
				await flood(server.address, ` + options + `);
				server.close();
			`}.fails(t, map[string][]string{"hosts": {"web-2", "answers: web-1 20"}})
		})
	}
}

// A server that speaks only when spoken to, and answers every second client with an error.
func TestFaultExchange(t *testing.T) {
	t.Parallel()
	const ping = `payload: 'PING\r\n', reply: { match: /^\+(PONG)/, until: '\r\n' }`
	for _, test := range []struct {
		name, body string
		every      int64 // connection is answered with an error; 0 is none
		fails      map[string][]string
	}{
		{"flood, all well", `tell('r', await flood(args.target, { connections: 20, ` + ping + `, expect: { hosts: ['PONG'] } }));`, 0, nil},
		{"flood, every second fails", `tell('r', await flood(args.target, { connections: 20, ` + ping + ` }));`, 2, map[string][]string{"answered": {"10 of 20", "10 bad_reply", "does not match"}}},
		{"hold, all well", `const held = await hold(args.target, { connections: 20, keepalive: '100ms', keepaliveTimeout: '20s', duration: '900ms', ` + ping + `, expect: { hosts: ['PONG'] } });
			await until(() => !held.states().established); tell('r', await held.close());`, 0, nil},
		{
			"hold, every second fails", `const held = await hold(args.target, { connections: 20, keepalive: '100ms', ` + ping + ` });
			await until(() => held.states().error === 10); tell('r', await held.close());`, 2,
			map[string][]string{"kept": {"10 of 20", "10 bad_reply", "does not match"}},
		},
		{"capacity", `tell('r', await capacity(args.target, { connections: 20, ` + ping + ` }));`, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := faultTest{args: object{"target": startPeer(t, nil, speaksRedis(test.every)).address}, body: test.body}
			if test.fails == nil {
				f.passes(t)
				return
			}
			f.fails(t, test.fails)
		})
	}
}

// listens waits until something accepts connections at an address.
func listens(t *testing.T, p *process, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, 10*time.Millisecond, "%s: %s%s", p.cmd, p.stdout, p.stderr)
}

// The real Redis, plain, and over TLS with a certificate of a private authority and a name that only SNI and the certificate know.
func TestExchangeWithRedis(t *testing.T) {
	t.Parallel()
	ca, cert, key := certify(t, []string{"cache.example"}, nil)
	plain, secure := freePort(t), freePort(t)
	redis := start(t, nil, "redis-server", "--bind", "127.0.0.1", "--port", portOf(t, plain), "--tls-port", portOf(t, secure), "--tls-cert-file", cert,
		"--tls-key-file", key, "--tls-ca-cert-file", ca, "--tls-auth-clients", "no", "--save", "", "--dir", t.TempDir())
	listens(t, redis, plain)
	listens(t, redis, secure)
	const ping = `payload: 'PING\r\n', reply: { match: /^\+(PONG)\r\n$/, until: '\r\n' }`
	f := faultTest{
		wrapper: []string{"env", "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=/nonexistent"},
		args:    object{"plain": plain, "secure": secure},
		body: `
			const expect = { hosts: ['PONG'] };
			await flood(args.plain, { connections: 200, ` + ping + `, expect });
			await flood(args.secure, { connections: 50, network: 'tls', serverName: 'cache.example', ` + ping + `, expect });
			const holds = [
				await hold(args.plain, { connections: 50, keepalive: '100ms', keepaliveTimeout: '20s', duration: '900ms', ` + ping + `, expect }),
				await hold(args.secure, { connections: 20, concurrency: 4, keepalive: '100ms', keepaliveTimeout: '20s', duration: '1500ms', network: 'tls', serverName: 'cache.example', ` + ping + `, expect }),
			];
			for (const held of holds) {
				await until(() => !held.states().established);
				tell('hold', await held.close());
			}
		`,
	}
	f.passes(t)
	f.body = `await flood(args.plain, { connections: 10, payload: 'PONG\r\n', reply: { match: /^\+(PONG)/ } });`
	f.fails(t, map[string][]string{"answered": {"10 bad_reply", "does not match"}})
	f.body = `await flood(args.secure, { connections: 10, network: 'tls', serverName: 'other.example', ` + ping + ` });`
	f.fails(t, map[string][]string{"connected": {"10 tls", "other.example"}})
}

// A real SMTP server speaks first.
func TestExchangeWithSMTP(t *testing.T) {
	t.Parallel()
	address := freePort(t)
	smtp := start(t, nil, "aiosmtpd", "-n", "-l", address)
	listens(t, smtp, address)
	f := faultTest{
		args: object{"target": address},
		body: `
			await flood(args.target, { connections: 30, concurrency: 10, reply: { match: /^220 (\S+)/, until: '\r\n' } });
			const held = await hold(args.target, { connections: 10, keepalive: '200ms', keepaliveTimeout: '20s', duration: '1500ms', payload: 'NOOP\r\n', reply: { match: /^250 /, until: '\r\n' } });
			await until(() => !held.states().established);
			const r = await held.close();
			tell('echoes', r.echo_time.max > 0);
		`,
	}
	assert.True(t, tells[bool](t, f.passes(t), "echoes"))
	f.body = `const held = await hold(args.target, { connections: 5, keepalive: '100ms', payload: 'NOPE\r\n', reply: { match: /^250 /, until: '\r\n' } });
		await until(() => held.states().error === 5); await held.close();`
	f.fails(t, map[string][]string{"kept": {"0 of 5", "5 bad_reply"}})
}

// query is a question of DNS: its number, and the name web.test, type A.
var query = []byte("\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x04test\x00\x00\x01\x00\x01")

// A real name server answers in binary, over UDP and, with a length before it, over TCP.
func TestExchangeWithDNS(t *testing.T) {
	t.Parallel()
	address := freePort(t)
	dns := start(t, nil, "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root", "--listen-address=127.0.0.1", "--bind-interfaces",
		"--port="+portOf(t, address), "--address=/web.test/192.0.2.207")
	listens(t, dns, address)
	framed := append([]byte{0, byte(len(query))}, query...)
	f := faultTest{
		args: object{"target": address, "query": ints(query), "framed": ints(framed)},
		body: `
			const query = new Uint8Array(args.query).buffer, framed = new Uint8Array(args.framed).buffer;
			// The number, the bits of an answer without error, and at the end the address 192.0.2.207.
			const match = /^\xab\xcd[\x80-\xff][\x80\x00].*\xc0\x00\x02\xcf$/s;
			tell('udp', await flood(args.target, { network: 'udp', connections: 100, concurrency: 8, payload: query, reply: { match } }));
			tell('tcp', await flood(args.target, { connections: 20, concurrency: 8, payload: framed, reply: { match: /^\x00.\xab\xcd[\x80-\xff][\x80\x00].*\xc0\x00\x02\xcf$/s, bytes: args.framed.length + 16 } }));
			const held = await hold(args.target, { network: 'udp', connections: 5, keepalive: '100ms', keepaliveTimeout: '20s', duration: '900ms', payload: query, reply: { match } });
			await until(() => !held.states().established);
			await held.close();
		`,
	}
	h := f.passes(t)
	assert.EqualValues(t, 100, tells[judgement](t, h, "udp").Hosts["(unknown)"])
	f.body = `await flood(args.target, { network: 'udp', connections: 10, payload: new Uint8Array(args.query).buffer, reply: { match: /\xc0\x00\x02\xce$/ } });`
	f.fails(t, map[string][]string{"answered": {"10 bad_reply"}})
}

// ints are bytes as a script's arguments carry them.
func ints(data []byte) []int {
	list := make([]int, len(data))
	for i, b := range data {
		list[i] = int(b)
	}
	return list
}

// A device that resolves TLS by its name: HAProxy has two services behind one port, and refuses what has no name.
func TestExchangeOverTLSByName(t *testing.T) {
	t.Parallel()
	ca, cert, key := certify(t, []string{"cache.example"}, nil)
	var pem bytes.Buffer
	for _, file := range []string{cert, key} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		pem.Write(text)
	}
	chain := filepath.Join(t.TempDir(), "chain.pem")
	require.NoError(t, os.WriteFile(chain, pem.Bytes(), 0o600))
	address, behind := freePort(t), startPeer(t, nil, speaksRedis(0)).address
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen cache
  bind %s ssl crt %s strict-sni
  server one %s
`, address, chain, behind), 0o600))
	listens(t, start(t, nil, "haproxy", "-db", "-f", config), address)
	f := faultTest{
		wrapper: []string{"env", "SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=/nonexistent"},
		args:    object{"target": address},
		body: `tell('r', await flood(args.target, { network: 'tls', serverName: 'cache.example', connections: 50, payload: 'PING\r\n',
			reply: { match: '+PONG', until: '\r\n' } }));`,
	}
	f.passes(t)
	f.body = `tell('r', await flood(args.target, { network: 'tls', connections: 10, payload: 'PING\r\n', reply: { match: '+PONG' } }));`
	f.fails(t, map[string][]string{"connected": {"10 tls"}})
}

// Answers as long as a datagram can be are counted whole.
func TestFaultBytesOfDatagrams(t *testing.T) {
	t.Parallel()
	const size = 65507
	answer := make([]byte, size)
	copy(answer, "big")
	target := startUDPPeer(t, func([]byte) []byte { return answer })
	h := faultTest{
		args: object{"target": target},
		body: `
			await flood(args.target, { network: 'udp', connections: 10, concurrency: 1, expect: { hosts: ['big'] } });
			const held = await hold(args.target, { network: 'udp', connections: 1, keepalive: '100ms', keepaliveTimeout: '20s' });
			await wait(550);
			tell('held', await held.close());
		`,
	}.passes(t)
	held := tells[holdResult](t, h, "held")
	assert.Positive(t, held.BytesReceived)
	assert.Zero(t, held.BytesReceived%size, "whole answers: %d", held.BytesReceived)
	assert.Equal(t, 10*size+held.BytesReceived, h.Metrics["data_received"].count())
}

// A peer that never echoes keeps no call beyond its timeout.
func TestFaultTrafficTimeout(t *testing.T) {
	t.Parallel()
	silent := startPeer(t, nil, swallow).address
	for name, options := range map[string]string{
		"TCP":              `{ duration: '100ms', timeout: '1s', lossTimeout: '10s' }`,
		"halfClose":        `{ duration: '100ms', timeout: '1s', lossTimeout: '10s', halfClose: true }`,
		"UDP":              `{ network: 'udp', duration: '100ms', timeout: '1s', lossTimeout: '10s' }`,
		"UDP, fixed ports": `{ network: 'udp', sourcePorts: '41000-41009', duration: '100ms', timeout: '1s', lossTimeout: '10s' }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := silent
			if name != "TCP" && name != "halfClose" {
				target = startUDPPeer(t, func([]byte) []byte { return nil })
			}
			h := faultTest{
				args: object{"target": target},
				body: `const begun = Date.now(); tell('r', await traffic(args.target, ` + options + `)); tell('took', Date.now() - begun);`,
			}.start(t).end(t, exitThresholds)
			assert.Less(t, tells[int](t, h, "took"), 5000, "ms; the loss timeout is 10 s")
			r := tells[judgement](t, h, "r")
			assert.Contains(t, r.failed(), "recovered", "%v", r.Verdicts)
		})
	}
}
