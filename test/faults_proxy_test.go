//go:build linux

package e2e

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A header of the PROXY protocol before a server that expects none, and before one that does.
func TestFaultProxyProtocol(t *testing.T) {
	t.Parallel()
	source := object{"hosts": []string{"web-1"}, "source": true}
	for _, test := range []struct {
		name    string
		server  []string // flags
		haproxy string   // of the server's line
		expect  object
		fails   map[string][]string // none is all well
	}{
		{"unexpected header, version 2", nil, "send-proxy-v2", nil, map[string][]string{"answered": {"bad_reply", "twice over", "PROXY"}}},
		{"header at both ends, version 2", []string{"-proxy-protocol", "-tell-source"}, "send-proxy-v2", source, nil},
		{"header at both ends, version 1", []string{"-proxy-protocol", "-tell-source"}, "send-proxy", source, nil},
		{"no header", []string{"-tell-source"}, "", source, map[string][]string{"source": {"on 30 of 30 connections they saw another", "127.0.0.1 in place of 127.0.1.", "PROXY protocol"}}},
		{"a server that tells no source", nil, "", source, map[string][]string{"source": {"30 of 30 answers tell none", "-tell-source"}}},
		{"a server that wants a header", []string{"-proxy-protocol"}, "", nil, map[string][]string{"answered": {"0 of 30", "after a header of the PROXY protocol"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCompanion(t, nil, "127.0.0.1", append([]string{"-hostname", "web-1"}, test.server...)...)
			vip := startHAProxy(t, "roundrobin", "server web-1 "+c.address+" "+test.haproxy)
			f := faultTest{args: object{"vip": vip, "expect": test.expect}, body: `tell('flood', await flood(args.vip, { connections: 30, source: '127.0.1.1-127.0.1.9', timeout: '2s', expect: args.expect || {} }));`}
			if test.fails == nil {
				f.passes(t)
				return
			}
			h := f.fails(t, test.fails)
			assert.NotContains(t, tells[judgement](t, h, "flood").Hosts, "web-1web-1")
		})
	}
}

// Held connections tell their hosts' names, too, and a payload makes the server tell its name once more.
func TestFaultProxyProtocolOfOthers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body, verdict string
	}{
		"hold":                 {`const h = await hold(args.target, { connections: 20 }); await until(() => h.states().error > 0); await h.close();`, "kept"},
		"hold with keepalives": {`const h = await hold(args.target, { connections: 20, keepalive: '5s' }); await until(() => h.states().error > 0); await h.close();`, "kept"},
		"flood with a payload": {`await flood(args.target, { connections: 200, payload: 'Hello' });`, "answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := startPeer(t, nil, func(conn *net.TCPConn) { // what comes of it, in one read
				_, _ = io.WriteString(conn, "web-1web-1"+strings.Repeat("web-1", strings.Count(name, "payload")))
				swallow(conn)
			})
			faultTest{args: object{"target": target.address}, body: test.body}.fails(t, map[string][]string{test.verdict: {"name twice over", "PROXY protocol"}})
		})
	}
}

// capacity() and idle() count nobody as served whom a header of the PROXY protocol has reached that does not want one, or who waits for one.
func TestFaultProxyProtocolOfSearches(t *testing.T) {
	t.Parallel()
	const (
		misplaced = `await capacity(args.target, { connections: 100 });`
		asked     = `await capacity(args.target, { connections: 100, payload: 'PING' });`
		silences  = `await mconnect.idle(args.target, { from: '100ms', to: '1s' });`
		own       = `proxyProtocol: 1, `
	)
	withOwn := func(call string) string { return strings.Replace(call, "{ ", "{ "+own, 1) }
	for name, test := range map[string]struct {
		server []string // flags
		echo   bool
		body   string
		fails  map[string][]string
	}{
		"capacity, not wanted":                {body: withOwn(misplaced), fails: map[string][]string{"capacity": {"held 0 connections", "PROXY protocol", "twice over"}}},
		"capacity with a payload, not wanted": {body: withOwn(asked), fails: map[string][]string{"capacity": {"held 0 connections", "PROXY protocol"}}},
		"capacity with a payload, wanted":     {server: []string{"-proxy-protocol"}, body: asked, fails: map[string][]string{"capacity": {"closes every connection", "wants a header of the PROXY protocol"}}},
		"idle, not wanted":                    {echo: true, body: withOwn(silences), fails: map[string][]string{"answered": {"more came back than was sent", "PROXY protocol"}, "complete": {"could not begin"}}},
		"idle, wanted":                        {server: []string{"-proxy-protocol"}, body: silences, fails: map[string][]string{"answered": {"wants a header of the PROXY protocol first"}, "complete": {"could not begin"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flags := append([]string{"-hostname", "web-1"}, test.server...)
			c := startCompanion(t, nil, "127.0.0.1", append(flags, "-echo", "127.0.0.1:0")...)
			target := c.address
			if test.echo {
				target = c.logged(t, `"Echo on; `).Address
			}
			faultTest{args: object{"target": target}, body: test.body}.fails(t, test.fails)
		})
	}
}

// The client's own header, over TCP and TLS: the server sees the source that the header tells.
func TestFaultProxyProtocolOfTheClient(t *testing.T) {
	t.Parallel()
	_, cert, key := certify(t, []string{"web.example"}, nil)
	plain := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1", "-proxy-protocol", "-tell-source")
	secure := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1", "-proxy-protocol", "-tell-source", "-tls-cert", cert, "-tls-key", key)
	faultTest{
		script: object{"insecureSkipTLSVerify": true},
		args:   object{"plain": plain.address, "secure": secure.address},
		body: `
			for (const proxyProtocol of [1, 2]) {
				const options = { connections: 50, proxyProtocol, source: '127.0.1.1-127.0.1.9', expect: { hosts: ['web-1'], source: true } };
				await flood(args.plain, options);
				await flood(args.secure, { ...options, network: 'tls' });
			}
		`,
	}.passes(t)
}
