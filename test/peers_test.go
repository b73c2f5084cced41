//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

func swallow(conn *net.TCPConn) { _, _ = io.Copy(io.Discard, conn) }

func reset(conn *net.TCPConn) { _ = conn.SetLinger(0) }

// hangUp closes as soon as it can; what has arrived unread by then would make the system reset the connection instead.
func hangUp(conn *net.TCPConn) {
	_ = conn.CloseWrite()
	swallow(conn)
}

// says makes a peer that writes a text and then reads until the client closes.
func says(text string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		if _, err := io.WriteString(conn, text); err == nil {
			swallow(conn)
		}
	}
}

// saysMore writes a second piece of its name when the client has closed, or nothing if it never does.
func saysMore(conn *net.TCPConn) {
	says("first")(conn)
	_, _ = io.WriteString(conn, "second")
}

// Whatever peers do, each connection is counted in the class it belongs to.
func TestBadPeers(t *testing.T) {
	longest := strings.Repeat("x", 255)
	for _, test := range []struct {
		name   string
		handle func(*net.TCPConn) // nil is a port that refuses
		class  string             // of all connections, or
		host   string             // of all answers
		read   bool               // whether connections fail after they were established
	}{
		{name: "refuses", class: "refused"},
		{name: "resets at once", handle: reset, class: "reset", read: true},
		{name: "closes at once", handle: hangUp, class: "closed", read: true},
		{name: "never answers", handle: swallow, class: "no_reply", read: true},
		{name: "answers in two pieces", handle: saysMore, host: "first"},
		{name: "answers in lines", handle: says("web-1\r\nweb-2\r\n"), host: "web-1"},
		{name: "answers a C string", handle: says("web-1\x00\xff\xff"), host: "web-1"},
		{name: "answers in UTF-8", handle: says("größe-☃"), host: "größe-☃"},
		{name: "answers the longest name", handle: says(longest), host: longest},
		{name: "answers a name too long", handle: says(longest + "x"), class: "bad_reply", read: true},
		{name: "answers an empty line", handle: says("\n"), class: "bad_reply", read: true},
		{name: "answers control characters", handle: says("\x1b[2J"), class: "bad_reply", read: true},
		{name: "answers invalid UTF-8", handle: says("web-\xc3\x28"), class: "bad_reply", read: true},
		{name: "answers with a PROXY header", handle: says("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nweb-1"), class: "bad_reply", read: true},
		{name: "answers as HTTP does", handle: says("HTTP/1.1 400 Bad Request\r\n\r\n"), host: "HTTP/1.1 400 Bad Request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			const connections = 200
			target := refusing(t, unix.SOCK_STREAM)
			if test.handle != nil {
				target = startPeer(t, nil, test.handle).address
			}
			done := floodTest{calls: []call{{target, object{"connections": connections, "concurrency": 100, "connectTimeout": "1s"}}}}.flood(t)
			checkClass(t, done, test.class, test.host, test.read, connections)
		})
	}
}

// checkClass checks that all connections failed with a class, or were answered with a name.
func checkClass(t *testing.T, done *flooded, class, host string, read bool, connections int64) {
	t.Helper()
	if class == "" {
		assert.Equal(t, map[string]int64{host: connections}, done.Report.Hosts, "%v", done.Report.FirstErrors)
		return
	}
	assert.Equal(t, map[string]int64{class: connections}, done.Report.Errors, "%v", done.Report.FirstErrors)
	if read {
		assert.Equal(t, connections, done.Report.FailedReads, "failed_reads")
	} else {
		assert.Equal(t, connections, done.Report.FailedConnects, "failed_connects")
	}
	assert.Len(t, done.warned(class), 1, "lines in the log that explain %s:\n%s", class, done.stderr)
}

// The same for datagrams.
func TestBadUDPPeers(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func([]byte) []byte // nil is a port that refuses
		class  string
	}{
		{"refuses", nil, "refused"},
		{"never answers", func([]byte) []byte { return nil }, "no_reply"},
		{"answers nothing", func([]byte) []byte { return []byte{} }, "bad_reply"},
		{"answers binary", func([]byte) []byte { return bytes.Repeat([]byte{0xfe}, 1400) }, "bad_reply"},
		{"answers 60 KB", func([]byte) []byte { return bytes.Repeat([]byte("x"), 60_000) }, "bad_reply"},
	} {
		t.Run(test.name, func(t *testing.T) {
			const connections = 200
			target := refusing(t, unix.SOCK_DGRAM)
			if test.answer != nil {
				target = startUDPPeer(t, test.answer)
			}
			done := floodTest{calls: []call{{target, object{"network": "udp", "connections": connections, "concurrency": 100, "connectTimeout": "1s"}}}}.flood(t)
			checkClass(t, done, test.class, "", true, connections)
		})
	}
}

// The payload arrives as it was given.
func TestUDPPayload(t *testing.T) {
	echo := startUDPPeer(t, func(request []byte) []byte { return request })
	done := floodTest{calls: []call{{echo, object{"network": "udp", "connections": 100, "payload": "who-is-there"}}}}.flood(t)
	assert.Equal(t, map[string]int64{"who-is-there": 100}, done.Report.Hosts)
	assert.InDelta(t, 1200, done.Metrics["data_sent"].Values["count"], 0)
	assert.InDelta(t, 1200, done.Metrics["data_received"].Values["count"], 0)
}

// A peer that sends more than a name can't fill this process's memory.
func TestPeerThatSendsTooMuch(t *testing.T) {
	const connections, most = 2000, 500 << 20
	megabyte := bytes.Repeat([]byte{0xfe, 0x00, 0x41, 0x80}, 1<<18)
	target := startPeer(t, nil, func(conn *net.TCPConn) { _, _ = conn.Write(megabyte) })
	done := floodTest{calls: []call{{target.address, object{"connections": connections, "concurrency": 200}}}}.flood(t)
	checkClass(t, done, "bad_reply", "", true, connections)
	assert.Less(t, done.maxRSS(), int64(most), "bytes of memory")
}

// A peer that invents names can't fill memory or time series either: the last ones share a name.
func TestPeerWithTooManyNames(t *testing.T) {
	const connections, mostNames, mostTags = 12_000, 10_000, 1000
	var n atomic.Int64
	target := startPeer(t, nil, func(conn *net.TCPConn) { says(fmt.Sprintf("name-%d", n.Add(1)))(conn) })
	f := floodTest{calls: []call{{target.address, object{"connections": connections}}}}
	points := f.withPoints(t)
	done := f.flood(t)
	checkOther(t, done.Report.Hosts, connections, mostNames)
	replies := map[string]int64{}
	for _, p := range points()["mconnect_replies"].points {
		replies[p.Tags["host"]] += int64(p.Value)
	}
	checkOther(t, replies, connections, mostTags)
}

// checkOther checks that as many names as allowed are counted one by one, and all others together.
func checkOther(t *testing.T, counts map[string]int64, sum int64, most int) {
	t.Helper()
	assert.Contains(t, []int{most, most + 1}, len(counts), "names, (other) included")
	assert.Equal(t, sum, total(counts))
	assert.Equal(t, sum-int64(len(counts)-1), counts["(other)"])
}

// Networks fail in ways that loopback does not.
func TestBadNetworks(t *testing.T) {
	ns := newNamespace(t)
	ns.run(t, "ip route add unreachable 198.51.100.0/24")
	ns.run(t, "ip route add prohibit 192.0.2.0/24")
	ns.run(t, "ip route add blackhole 192.0.2.128/25")
	ns.rules(t, `table inet e2e {
		chain in {
			type filter hook input priority 0
			meta l4proto {tcp, udp} th dport 9 drop
			tcp dport 10 reject with tcp reset
			tcp dport 12 reject with icmpx port-unreachable
			tcp dport 11 meta nfproto ipv6 reject with icmpv6 admin-prohibited
		}
	}`)
	silent := startPeer(t, ns, swallow)
	for _, test := range []struct {
		name, target string
		options      object
		class        string
		read         bool
	}{
		{"black hole", "127.0.0.1:9", object{"connectTimeout": "1s"}, "timeout", false},
		{"UDP black hole", "127.0.0.1:9", object{"connectTimeout": "1s", "network": "udp"}, "no_reply", true},
		{"the whole call ends first", "127.0.0.1:9", object{"timeout": "1s", "concurrency": 50}, "timeout", false},
		{"rejected by a firewall", "127.0.0.1:10", nil, "refused", false},
		{"no route", "203.0.113.1:5001", nil, "net_unreachable", false},
		{"unreachable", "198.51.100.1:5001", nil, "host_unreachable", false},
		{"forbidden by a route", "192.0.2.1:5001", nil, "blocked", false},
		{"swallowed by a route", "192.0.2.129:5001", nil, "blocked", false},
		{"swallowed by a route, on package net", "192.0.2.129:5001", object{"network": "tls"}, "blocked", false},
		{"no such interface", "[fe80::1%none]:5001", nil, "net_unreachable", false},
		{"UDP forbidden by a route", "192.0.2.1:5001", object{"network": "udp"}, "blocked", false},
		{"forbidden by a router", "[::1]:11", nil, "blocked", false},
		{"TLS, forbidden by a router", "[::1]:11", object{"network": "tls"}, "blocked", false},
		{"UDP without a route", "203.0.113.1:5001", object{"network": "udp"}, "net_unreachable", false},
		{"silent", silent.address, object{"timeout": "1s", "concurrency": 50}, "no_reply", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := object{"connections": 50}
			maps.Copy(options, test.options)
			done := floodTest{calls: []call{{test.target, options}}, ns: ns}.flood(t)
			checkClass(t, done, test.class, "", test.read, 50)
		})
	}
	t.Run("a ping is told, too", func(t *testing.T) {
		faultTest{ns: ns, body: `await mconnect.tcpPing('[::1]:11');`}.fails(t, map[string][]string{"connected": {"blocked after", "ICMP: administratively prohibited, from ::1"}})
		faultTest{ns: ns, body: `await mconnect.ping('http://[::1]:11/');`}.fails(t, map[string][]string{
			"connected": {"ping http://[::1]:11/", "ICMP: administratively prohibited, from ::1", "::1 says so"},
		})
	})
	t.Run("this host is told as the cause", func(t *testing.T) {
		const firewall = "says so, which is this host itself: look at its firewall"
		for body, says := range map[string]string{
			`await mconnect.flood('127.0.0.1:12');`:        firewall,
			`await mconnect.tcpPing('[::1]:12');`:          firewall,
			`await mconnect.ping('http://127.0.0.1:12/');`: firewall,
			`await mconnect.flood('192.0.2.129:5001');`:    "this host itself forbids it: look at its firewall (nft list ruleset) and at its routes",
			`await mconnect.ping('http://192.0.2.129/');`:  "route (ip route: prohibit, blackhole)",
			`await mconnect.flood('[fe80::1%none]:5001');`: "this host has no interface \"none\"",
		} {
			faultTest{ns: ns, body: body}.fails(t, map[string][]string{"connected": {says}})
		}
		faultTest{ns: ns, body: `await mconnect.capacity('127.0.0.1:12');`}.fails(t, map[string][]string{"capacity": {"a firewall rejects every connection", firewall}})
	})
	t.Run("lost SYNs are counted", func(t *testing.T) {
		done := floodTest{calls: []call{{"127.0.0.1:9", object{"connections": 20, "connectTimeout": "1500ms"}}}, ns: ns}.flood(t)
		checkClass(t, done, "timeout", "", false, 20)
		assert.EqualValues(t, 20, done.Report.SYNRetransmits, "each SYN is sent again after a second")
	})
}

// What this host itself drops, or rejects with a reset, is told as such, and not only as a fault of the target or the way there.
func TestFaultOwnFirewall(t *testing.T) {
	t.Parallel()
	const out, in = "of the packets that it had to send meanwhile: look at its firewall (chain output", "packets that came for it meanwhile: look at its firewall (chain input"
	for _, test := range []struct {
		name, hook, rule, call, verdict string
		more                            []string // verdicts
		says                            []string
	}{
		{"SYNs are dropped", "output", "tcp dport 5001 drop", `flood(at, { connections: 20, connectTimeout: '1500ms' })`, "connected", []string{"prompt"}, []string{"20 timeout", out}},
		{"and by a limit", "output", "tcp dport 5001 tcp flags & (syn | ack) == syn numgen inc mod 3 == 0 drop", `flood(at, { connections: 200, timeout: '20s', expect: { connected: 0.9 } })`, "prompt", nil, []string{"took more than one SYN", out}},
		{"they are rejected", "output", "tcp dport 5001 reject with tcp reset", `flood(at, { connections: 20 })`, "connected", nil, []string{"20 refused", out, "looks like a target that refuses"}},
		{"answers to them are dropped", "input", "tcp sport 5001 drop", `flood(at, { connections: 20, connectTimeout: '1500ms' })`, "connected", []string{"prompt"}, []string{"20 timeout", in}},
		{"answers are dropped", "input", "udp sport 5001 drop", `flood(at, { network: 'udp', connections: 20, timeout: '1s' })`, "answered", nil, []string{"20 no_reply", in}},
		{"a ping is rejected", "output", "tcp dport 5001 reject with tcp reset", `mconnect.ping('http://' + at + '/')`, "connected", nil, []string{"this host's own (nft list ruleset)"}},
		{"capacity", "output", "tcp dport 5001 tcp flags & (syn | ack) == syn drop", `capacity(at, { connections: 20, connectTimeout: '1500ms' })`, "capacity", nil, []string{out}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t)
			ns.rules(t, fmt.Sprintf("table inet own {\nchain own {\ntype filter hook %s priority 0\n%s\n}\n}", test.hook, test.rule))
			lines := map[string][]string{test.verdict: test.says}
			for _, name := range test.more {
				lines[name] = nil
			}
			faultTest{ns: ns, body: `const to = listen({ address: '127.0.0.1:5001' }), at = to.address; await ` + test.call}.fails(t, lines)
		})
	}
}

// Answers that come from another address than the target's, as from a backend that answers past its balancer, are told as such.
func TestFaultAnswersFromElsewhere(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	ns.rules(t, "table ip past {\nchain balancer {\ntype filter hook output priority -300\nmeta l4proto { tcp, udp } th sport 5001 ip saddr set 127.0.0.9\n}\n}")
	for _, test := range []struct {
		call, verdict, says string
		more                []string
	}{
		{`flood(at, { connections: 20, connectTimeout: '1500ms' })`, "connected", "TCP segments meanwhile that belong to no connection of its own", []string{"prompt"}},
		{`flood(at, { network: 'udp', connections: 20, timeout: '1s' })`, "answered", "datagrams meanwhile that belong to no connection of its own", nil},
	} {
		lines := map[string][]string{test.verdict: {"this host has rejected", test.says, "another address or port than the target's"}}
		for _, name := range test.more {
			lines[name] = nil
		}
		faultTest{ns: ns, body: `const to = listen({ address: '127.0.0.1:5001' }), at = to.address; await ` + test.call}.fails(t, lines)
	}
}

// A source that can't be had is told from one that is used up.
func TestSourcesUsedUp(t *testing.T) {
	ns := newNamespace(t)
	silent := startPeer(t, ns, swallow)
	ns.sysctl(t, "ipv4/ip_local_port_range", "20000 20009")
	for _, test := range []struct {
		name    string
		options object
		class   string
		others  int64 // that found a port
	}{
		{"the system's ports", object{"source": "127.0.0.1"}, "addr_not_available", 10},
		{"fixed ports", object{"source": "127.0.0.1", "sourcePorts": "30000-30009"}, "addr_in_use", 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := object{"connections": 50, "concurrency": 50, "connectTimeout": "1s", "close": "rst"}
			maps.Copy(options, test.options)
			done := floodTest{calls: []call{{silent.address, options}}, ns: ns}.flood(t)
			assert.Equal(t, map[string]int64{test.class: 50 - test.others, "no_reply": test.others}, done.Report.Errors, "%v", done.Report.FirstErrors)
			assert.Len(t, done.warned(test.class), 1)
		})
	}
}
