//go:build linux

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// The time for DNS is that of k6's resolver, with its cache, and not a part of the total.
func TestPingTimesK6sResolver(t *testing.T) {
	const delay, ms = 500 * time.Millisecond, float64(time.Millisecond)
	ns := newNamespace(t)
	startDNS(t, ns, delay, answerDNS)
	web := startPeer(t, ns, says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"))
	port := portOf(t, web.address)
	for _, test := range []struct {
		name   string
		ttl    string
		second func(assert.TestingT, any, any, ...any) bool // the second look-up against the delay
	}{
		{"without cache", "0", assert.GreaterOrEqual},
		{"with cache", "5m", assert.Less},
	} {
		t.Run(test.name, func(t *testing.T) {
			call := pingCall{Target: "http://web.example:" + port, Options: object{"timeout": "1m"}}
			tcp := pingCall{Target: "tcp.example:" + port, TCP: true}
			done := pingTest{calls: []pingCall{call, call, tcp}, script: object{"dns": object{"ttl": test.ttl}}, ns: ns, wrapper: resolvingAt(t, "127.0.0.1")}.run(t)
			require.Len(t, done.pongs, 3, "%s", done.stderr)
			for _, p := range done.pongs {
				require.False(t, p.Failed, "%s", p.Message)
			}
			assert.GreaterOrEqual(t, done.pongs[0].DNS, float64(delay)/ms)
			test.second(t, done.pongs[1].DNS, float64(delay)/ms)
			assert.InDelta(t, done.pongs[0].Connect+done.pongs[0].FirstByte+done.pongs[0].LastByte, done.pongs[0].Total, 1e-6)
			assert.GreaterOrEqual(t, done.pongs[2].DNS, float64(delay)/ms)
		})
	}
}

// Ctrl-C ends pings that wait for a DNS server which does not answer, long before the resolver gives up.
func TestInterruptedLookUp(t *testing.T) {
	for name, call := range map[string]pingCall{
		"HTTP": {Target: "http://web.example/", Options: object{"timeout": "10m"}},
		"TCP":  {Target: "web.example:80", TCP: true},
	} {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			var asked atomic.Int64
			startDNS(t, ns, 0, func([]byte) []byte {
				asked.Add(1)
				return nil
			})
			process, points := pingTest{calls: []pingCall{call}, ns: ns, wrapper: resolvingAt(t, "127.0.0.1")}.start(t)
			await(t, "the name server's first question", func() bool { return asked.Load() > 0 })
			process.signal(syscall.SIGINT)
			done := awaitPings(t, process, points)
			assert.Equal(t, exitAborted, done.code, "%s", done.stderr)
			assert.Equal(t, map[string]float64{"|aborted": 1}, done.points["mconnect_ping_failed"].by(true, "error"))
		})
	}
}

// resolvingAt starts a command that finds another DNS server in /etc/resolv.conf.
func resolvingAt(t *testing.T, server string) (wrapper []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(file, []byte("nameserver "+server+"\n"), 0o600))
	return []string{"unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, file}
}

// silence is no answer.
func silence([]byte) []byte { return nil }

// startDNS answers every question, late, if there is an answer.
func startDNS(t *testing.T, ns *namespace, delay time.Duration, answer func(query []byte) []byte) {
	t.Helper()
	var conn net.PacketConn
	require.NoError(t, ns.inside(func() (err error) {
		conn, err = net.ListenPacket("udp", "127.0.0.1:53")
		return err
	}))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			query := make([]byte, 1500)
			n, client, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			running.Go(func() {
				time.Sleep(delay)
				if text := answer(query[:n]); text != nil {
					_, _ = conn.WriteTo(text, client)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		running.Wait()
	})
}

// answerDNS tells that every name has the IPv4 address 127.0.0.1.
func answerDNS(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}
