//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// dnat is a network whose router spreads the virtual IP's connections over backends by chance, with nftables and connection tracking.
type dnat struct {
	*router
	spaces  []*namespace
	servers []*process
}

// newDNAT makes one with so many backends, all of them in use.
func newDNAT(t *testing.T, backends int) *dnat {
	t.Helper()
	d := &dnat{router: &router{clients: newNamespace(t), center: newNamespace(t)}, servers: make([]*process, backends)}
	d.center.sysctl(t, "ipv4/ip_forward", "1")
	d.connect(t, d.clients, 100)
	d.clients.run(t, "ip route add local 50.0.0.0/24 dev lo")
	d.center.run(t, "ip route add 50.0.0.0/24 via 10.1.100.2")
	all := make([]int, 0, backends)
	for i := range backends {
		d.spaces = append(d.spaces, newNamespace(t))
		d.connect(t, d.spaces[i], i+1)
		d.boot(t, i+1)
		all = append(all, i+1)
	}
	d.spread(t, all...)
	return d
}

// boot starts the server of a backend, whose number counts from 1.
func (d *dnat) boot(t *testing.T, number int) {
	t.Helper()
	p := start(t, d.spaces[number-1], serverPath, "-udp", "-address", fmt.Sprintf("10.1.%d.2:5001", number), "-echo", fmt.Sprintf("10.1.%d.2:5003", number),
		"-k8sprobe", "127.0.0.1:0", "-log", "json", "-hostname", fmt.Sprintf("web-%d", number))
	p.awaitLine(t, `"Listen on address; `)
	p.awaitLine(t, `"Echo on; `)
	d.servers[number-1] = p
}

// crash ends the server of a backend.
func (d *dnat) crash(t *testing.T, number int) {
	t.Helper()
	d.servers[number-1].signal(syscall.SIGKILL)
	d.servers[number-1].wait(t)
}

// spread sends new connections to these backends.
func (d *dnat) spread(t *testing.T, numbers ...int) {
	t.Helper()
	members := make([]string, 0, len(numbers))
	for i, number := range numbers {
		members = append(members, fmt.Sprintf("%d : 10.1.%d.2", i, number))
	}
	d.center.rules(t, fmt.Sprintf(`
		table ip lb {
			chain pre { type nat hook prerouting priority dstnat; }
		}
		flush chain ip lb pre
		table ip lb {
			chain pre {
				ip daddr 10.0.0.1 meta l4proto { tcp, udp } dnat to numgen random mod %d map { %s }
			}
		}
	`, len(numbers), strings.Join(members, ", ")))
}

// drop makes the router lose forwarded packets that a rule describes.
func (d *dnat) drop(t *testing.T, rule string) {
	t.Helper()
	d.center.rules(t, fmt.Sprintf(`
		table ip drops {
			chain passing {
				type filter hook forward priority 5
				%s drop
			}
		}
	`, rule))
}

// forget flushes the router's connection table of a backend's TCP connections.
func (d *dnat) forget(number int) {
	_ = d.center.inside(func() error {
		return exec.Command("conntrack", "-D", "-p", "tcp", "--reply-src", fmt.Sprintf("10.1.%d.2", number)).Run() // fails if there are none
	})
}

// announce tells a script in the clients' namespace, by its listener, that a backend changes.
func (d *dnat) announce(t *testing.T, listener, text, host string) {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = d.clients.inside(func() (err error) {
			var dialer net.Dialer
			conn, err = dialer.DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}}}
	question := url.Values{"text": {text}, "hosts": {host}, "within": {"1500ms"}}
	response, err := client.Post("http://"+listener+"/change?"+question.Encode(), "", nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusNoContent, response.StatusCode)
}

// roll restarts three of four backends, one after the other.
func (d *dnat) roll(t *testing.T, listener string, restart func(number int, others []int)) {
	t.Helper()
	for number := 1; number <= 3; number++ {
		others := slices.DeleteFunc([]int{1, 2, 3, 4}, func(n int) bool { return n == number })
		d.announce(t, listener, fmt.Sprintf("restart of web-%d", number), fmt.Sprintf("web-%d", number))
		restart(number, others)
		time.Sleep(300 * time.Millisecond) // for connections to be dialed anew, and outages to be apart
	}
}

// A rolling restart, with connections that last and with new ones. What changes excuse, and what they do not.
func TestFaultRolling(t *testing.T) {
	t.Parallel()
	well := func(t *testing.T, d *dnat) func(int, []int) {
		return func(number int, others []int) {
			d.spread(t, others...)
			time.Sleep(400 * time.Millisecond) // for what is in flight
			d.crash(t, number)
			d.forget(number)
			d.boot(t, number)
			d.spread(t, 1, 2, 3, 4)
		}
	}
	for _, test := range []struct {
		name    string
		restart func(t *testing.T, d *dnat) func(number int, others []int)
		fails   map[string][]string
	}{
		{"well", well, nil},
		{"late", func(t *testing.T, d *dnat) func(int, []int) {
			return func(number int, others []int) {
				d.crash(t, number)
				time.Sleep(400 * time.Millisecond)
				d.spread(t, others...)
				d.boot(t, number)
				d.spread(t, 1, 2, 3, 4)
			}
		}, map[string][]string{"connected": {"in flood()", "refused"}}},
		{"with a needless flush", func(t *testing.T, d *dnat) func(int, []int) {
			return func(number int, others []int) {
				well(t, d)(number, others)
				if number == 2 {
					time.Sleep(400 * time.Millisecond) // for those that were dialed anew to be answered: then it is known who had them
					d.forget(4)
				}
			}
		}, map[string][]string{"kept": {"in traffic()", "web-4"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDNAT(t, 4)
			const listener = "127.0.0.1:8090"
			k := faultTest{
				ns: d.clients, args: object{"http": listener},
				body: `
					listen({ http: args.http });
					setTimeout(() => console.log('rolling'), 700);
					const [fresh, lasting] = await Promise.all([
						flood('10.0.0.1:5001', { connections: 1200, rate: 200, connectTimeout: '2s' }),
						traffic('10.0.0.1:5003', { connections: 40, rate: 200, packetSize: 512, duration: '6s', lossTimeout: '1s' }),
					]);
					tell('fresh', fresh);
					tell('lasting', lasting);
				`,
			}.start(t)
			k.awaitLine(t, "rolling")
			d.roll(t, listener, test.restart(t, d))
			code := exitOK
			if test.fails != nil {
				code = exitThresholds
			}
			h := k.end(t, code)
			if last(h, "answered") != "" && test.name == "late" { // what was in flight when the backend went
				test.fails["answered"] = []string{"reset"}
			}
			h.says(t, test.fails)
			lasting := tells[judgement](t, h, "lasting")
			assert.Positive(t, lasting.Excused)
			delete(lasting.NeedlessBy, "web-4")
			assert.Empty(t, lasting.NeedlessBy, "no loss of the others is needless")
			if _, flushed := test.fails["kept"]; !flushed {
				assert.Zero(t, lasting.Needless)
			}
		})
	}
}

// Three restarts are three outages, and each has its hosts.
func TestFaultOutages(t *testing.T) {
	t.Parallel()
	d := newDNAT(t, 4)
	const listener = "127.0.0.1:8090"
	points := t.TempDir() + "/points.json"
	k := faultTest{
		ns: d.clients, args: object{"http": listener}, flags: []string{"--out", "json=" + points},
		body: `
			listen({ http: args.http });
			setTimeout(() => console.log('rolling'), 500);
			tell('lasting', await traffic('10.0.0.1:5003', { connections: 40, rate: 400, packetSize: 512, duration: '5s', expect: { recovery: '2s' } }));
		`,
	}.start(t)
	k.awaitLine(t, "rolling")
	d.roll(t, listener, func(number int, others []int) {
		d.spread(t, others...)
		time.Sleep(300 * time.Millisecond)
		d.crash(t, number)
		d.boot(t, number)
		d.spread(t, 1, 2, 3, 4)
	})
	h := k.end(t, exitOK)
	r := tells[struct {
		Outages []struct {
			From, To    float64
			Connections int64
			Hosts       []string
		}
		Changes []struct{ Text string }
		Excused int64
	}](t, h, "lasting")
	require.Len(t, r.Outages, 3, "%+v", r.Outages)
	sum := int64(0)
	for i, o := range r.Outages {
		assert.Equal(t, []string{fmt.Sprintf("web-%d", i+1)}, o.Hosts)
		assert.Greater(t, o.To, o.From)
		assert.Equal(t, fmt.Sprintf("restart of web-%d", i+1), r.Changes[i].Text)
		sum += o.Connections
	}
	assert.Equal(t, r.Excused, sum)
	assert.EqualValues(t, 3, h.Metrics["mconnect_recovery_duration"].count())
}

// Packets above a size vanish on the way, and so does the ICMP that would tell: to all backends, or to one.
func TestFaultMTU(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, network, rule, expect string
		fails                       map[string][]string
	}{
		{"to all, TCP", "tcp", "ip length > 1400", "{}", map[string][]string{
			"kept":      {"packets of 64 bytes come back, those of 1400 never do", "MTU", "web-1", "web-2", "web-3"},
			"recovered": {"MTU"},
		}},
		{"to one, TCP", "tcp", "ip daddr 10.1.2.2 ip length > 1400", "{ recovered: false }", map[string][]string{
			"kept": {"packets of 64 bytes come back, those of 1400 never do", "MTU", "connections with web-2 "},
		}},
		{"to all, UDP", "udp", "ip length > 1400", "{}", map[string][]string{"recovered": {"those of 1400 never do", "MTU"}}},
		{"to one, UDP", "udp", "ip daddr 10.1.2.2 ip length > 1400", "{}", map[string][]string{"recovered": {"those of 1400 never do", "MTU", "web-2"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDNAT(t, 3)
			d.drop(t, test.rule)
			h := faultTest{
				ns: d.clients, args: object{"network": test.network},
				body: `tell('r', await traffic('10.0.0.1:5003', { network: args.network, connections: 12, rate: 200, packetSize: [64, 1400, 4096].map((n) => args.network === 'udp' && n < 72 ? 72 : n),
					duration: '4s', lossTimeout: '500ms', expect: ` + test.expect + ` }));`,
			}.start(t).end(t, exitThresholds)
			for name, words := range test.fails {
				for i := range words {
					if test.network == "udp" {
						words[i] = strings.ReplaceAll(words[i], "of 64 ", "of 72 ")
					}
				}
				test.fails[name] = words
			}
			h.says(t, test.fails)
		})
	}
}

// A router rejects some segments of established connections, and no more after that. TCP sends them again, as for every other program.
func TestFaultPassingICMP(t *testing.T) {
	t.Parallel()
	d := newDNAT(t, 3)
	d.center.sysctl(t, "ipv4/icmp_ratelimit", "0")
	d.center.rules(t, `table ip some {
		chain some {
			type filter hook forward priority 5
			iifname to-100 tcp flags & psh == psh limit rate 1/day burst 45 packets counter reject with icmp host-unreachable
		}
	}`)
	faultTest{ns: d.clients, body: `
		const h = await hold('10.0.0.1:5001', { connections: 30, keepalive: '200ms', keepaliveTimeout: '20s' });
		while (h.result().echo_time.max < 400) { // some have been sent three times: an error that comes while the first is being sent ends nothing
			await new Promise((done) => setTimeout(done, 50));
		}
		await h.close();
	`}.passes(t)
	assert.Contains(t, d.center.run(t, "nft list table ip some"), "packets 45 ")
}

// One of four backends rejects by ICMP, of which only some is sent, and the balancer chooses anew for each SYN: most connections get through to another one.
func TestFaultRejectedSYNs(t *testing.T) {
	t.Parallel()
	d := newDNAT(t, 3)
	d.center.rules(t, `table ip some {
		chain some {
			type filter hook forward priority 5
			iifname to-100 tcp flags & (syn | ack) == syn numgen inc mod 4 == 0 reject with icmp admin-prohibited
		}
	}`)
	const told = "ICMP (communication administratively prohibited, from 10.0.0.1)"
	faultTest{ns: d.clients, body: `
		await flood('10.0.0.1:5001', { connections: 400, timeout: '20s', expect: { hosts: ['web-1', 'web-2', 'web-3', 'web-4'] } });
	`}.fails(t, map[string][]string{
		"connected": {"blocked", "communication administratively prohibited"},
		"prompt":    {told, "took a further SYN"},
		"hosts":     {"no answer came from web-4: most likely it is there that connections are rejected, since " + told},
	})
}

// One of four backends drops SYNs, and the balancer chooses anew for each: all connections get through to another one, some of them late.
func TestFaultDroppedSYNs(t *testing.T) {
	t.Parallel()
	d := newDNAT(t, 3)
	d.center.rules(t, `table ip some {
		chain some {
			type filter hook forward priority 5
			iifname to-100 tcp flags & (syn | ack) == syn numgen random mod 4 == 0 drop
		}
	}`)
	const dropped, hosts = "most likely SYNs to web-4 are dropped, and the balancer chooses anew for each SYN", "expect: { hosts: ['web-1', 'web-2', 'web-3', 'web-4'] }"
	faultTest{ns: d.clients, body: `
		await flood('10.0.0.1:5001', { connections: 600, concurrency: 200, connectTimeout: '20s', timeout: '30s', ` + hosts + ` });
	`}.fails(t, map[string][]string{
		"prompt": {"connects took more than one SYN", dropped},
		"hosts":  {"no answer came from web-4: " + dropped},
	})
	faultTest{ns: d.clients, body: `
		await flood('10.0.0.1:5001', { connections: 4000, concurrency: 50, timeout: '5s', ` + hosts + ` });
	`}.fails(t, map[string][]string{
		"complete":  {"the time was up first (option timeout, 5 s), since", "connects took more than one SYN", dropped},
		"connected": nil, // those that were under way
		"prompt":    {dropped},
		"hosts":     {dropped},
	})
}

// A link has a smaller MTU, and its ICMP says so: the kernel divides the datagrams that follow, so that all is well.
func TestFaultPathMTU(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"flood": `await flood('10.0.0.1:5001', { network: 'udp', connections: 60, payload: 'x'.repeat(1400), expect: { hosts: ['web-1', 'web-2', 'web-3'] } });`,
		"hold": `
			const h = await hold('10.0.0.1:5001', { network: 'udp', connections: 30, payload: 'x'.repeat(1400), keepalive: '200ms', keepaliveTimeout: '5s' });
			while (h.result().echo_time.max === 0) {
				await new Promise((done) => setTimeout(done, 50));
			}
			await h.close();
		`,
		"traffic": `await traffic('10.0.0.1:5003', { network: 'udp', connections: 15, rate: 300, packetSize: [72, 1400, 4096], duration: '1s' });`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDNAT(t, 3)
			d.center.run(t, "ip link set to-2 mtu 1300")
			faultTest{ns: d.clients, body: body}.passes(t)
			assert.Contains(t, d.clients.run(t, "ip route get 10.0.0.1"), "mtu 1300", "the ICMP has come")
		})
	}
}

// A link that loses one datagram in seven: connections last, and packets do not.
func TestFaultUDPLoss(t *testing.T) {
	t.Parallel()
	d := newDNAT(t, 3)
	script := faultTest{
		ns:   d.clients,
		body: `tell('r', await traffic('10.0.0.1:5003', { network: 'udp', connections: 20, rate: 200, packetSize: 512, duration: '2s', lossTimeout: '2s', expect: { loss: 0.01 } }));`,
	}
	script.passes(t)
	d.drop(t, "meta l4proto udp ip saddr 10.1.0.0/16 numgen random mod 100 < 15")
	h := script.fails(t, map[string][]string{"loss": {"at most 1 % expected", "a link or a queue on the way"}})
	assert.Positive(t, h.Metrics["mconnect_packets_lost"].count())
}

// A backend goes, and the 5-tuples that were pinned to it stay so: they never fall silent long enough to be forgotten.
func TestFaultStaleUDP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, blocked string
		says, not     string
	}{
		{"new ports work", "ip daddr 10.1.1.2", "new source port", "was not answered"},
		{"nothing works", "ip daddr 10.1.0.0/16", "was not answered either", "conntrack"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDNAT(t, 3)
			d.spread(t, 1, 2)
			k := faultTest{
				ns: d.clients,
				body: `
					setTimeout(() => console.log('running'), 800);
					tell('r', await traffic('10.0.0.1:5003', { network: 'udp', connections: 30, rate: 150, packetSize: 256, duration: '4s', lossTimeout: '500ms',
						source: '50.0.0.1-50.0.0.3', sourcePorts: '20000-20009' }));
				`,
			}.start(t)
			k.awaitLine(t, "running")
			d.spread(t, 2, 3)
			d.drop(t, test.blocked)
			h := k.end(t, exitThresholds)
			r := tells[judgement](t, h, "r")
			assert.Equal(t, []string{"kept", "recovered"}, r.failed())
			assert.Contains(t, last(h, "recovered"), test.says)
			assert.NotContains(t, last(h, "recovered"), test.not)
			assert.Contains(t, last(h, "kept"), "web-1")
		})
	}
}

// The client's own interface goes while connections are up: that is no fault of the backends.
func TestFaultLostRoute(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"traffic": `await traffic('10.0.0.1:5003', { connections: 20, rate: 100, duration: '3s', lossTimeout: '500ms', expect: { recovered: false } });`,
		"hold":    `const held = await hold('10.0.0.1:5001', { connections: 20, keepalive: '500ms' }); await new Promise((done) => setTimeout(done, 2500)); await held.close();`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDNAT(t, 2)
			k := faultTest{ns: d.clients, body: `setTimeout(() => console.log('running'), 800); ` + body}.start(t)
			k.awaitLine(t, "running")
			d.clients.run(t, "ip link delete center")
			k.end(t, exitThresholds).says(t, map[string][]string{"kept": {"no_reply", "this host has no route to 10.0.0.1 any more", "ip route"}})
		})
	}
}

// threeAddresses tells that every name has the addresses 127.0.0.11 to 127.0.0.13, and dual.test also ::1.
func threeAddresses(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	if q.Type == dnsmessage.TypeAAAA && q.Name.String() == "dual.test." {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()},
		})
	}
	if q.Type == dnsmessage.TypeA {
		for i := range byte(3) {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
				Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 11 + i}},
			})
		}
	}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// A name has three addresses, and behind one of them is nothing: each call with all addresses finds it, and names it.
func TestFaultNames(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	startDNS(t, ns, 0, threeAddresses)
	for i := 11; i <= 12; i++ {
		p := start(t, ns, serverPath, "-udp", "-address", fmt.Sprintf("127.0.0.%d:5001", i), "-echo", fmt.Sprintf("127.0.0.%d:5003", i), "-http", fmt.Sprintf("127.0.0.%d:5004", i),
			"-k8sprobe", "127.0.0.1:0", "-log", "json", "-hostname", fmt.Sprintf("web-%d", i))
		p.awaitLine(t, `"Listen on address; `)
		p.awaitLine(t, `"Echo on; `)
		p.awaitLine(t, `"HTTP on; `)
	}
	for call, test := range map[string]struct{ body, verdict string }{
		"flood":     {`tell('r', await flood('lb.test:5001', { connections: 30, addresses: 'all' }));`, "connected"},
		"flood UDP": {`tell('r', await flood('lb.test:5001', { network: 'udp', connections: 30, addresses: 'all' }));`, "answered"},
		"hold":      {`const held = await hold('lb.test:5001', { connections: 30, addresses: 'all' }); tell('r', await held.close());`, "connected"},
		"traffic":   {`tell('r', await traffic('lb.test:5003', { connections: 30, duration: '300ms', addresses: 'all', expect: { recovered: false } }));`, "connected"},
		"tcpPing":   {`tell('r', await mconnect.tcpPing('lb.test:5001', { addresses: 'all' }));`, "connected"},
		"ping":      {`tell('r', await mconnect.ping('http://lb.test:5004/', { addresses: 'all' }));`, "connected"},
		"capacity":  {`tell('r', await capacity('lb.test:5001', { connections: 30, addresses: 'all', expect: { connections: 30 } }));`, "capacity"},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				faultTest{ns: ns, wrapper: resolvingAt(t, "127.0.0.1"), body: test.body}.fails(t, map[string][]string{test.verdict: {"127.0.0.13"}})
			}
		})
	}
	t.Run("blocked", func(t *testing.T) {
		t.Parallel()
		for _, call := range []string{
			`ping('http://lb.test:5004/', { addresses: 'all' })`, `tcpPing('lb.test:5001', { addresses: 'all' })`, `flood('lb.test:5001', { connections: 3, addresses: 'all' })`,
		} {
			faultTest{
				ns: ns, wrapper: resolvingAt(t, "127.0.0.1"), script: object{"blacklistIPs": []string{"127.0.0.13/32"}}, body: `await mconnect.` + call + `;`,
			}.fails(t, map[string][]string{"connected": {"blocked", "127.0.0.13"}})
		}
	})
	t.Run("IPv6 is left out", func(t *testing.T) {
		t.Parallel()
		const untried = "addresses: 'all' tries 3 of the 4 addresses of dual.test, and leaves out those of the other IP version, such as ::1"
		test := faultTest{ns: ns, wrapper: resolvingAt(t, "127.0.0.1"), body: `await flood('dual.test:5001', { connections: 40, addresses: 'all' });`}
		assert.Len(t, test.fails(t, map[string][]string{"connected": {"127.0.0.13"}}).logged(untried), 1)
		test.script = object{"dns": object{"policy": "any"}}
		assert.Empty(t, test.fails(t, map[string][]string{"connected": {"127.0.0.13", "::1"}}).logged(untried))
	})
	t.Run("tags", func(t *testing.T) {
		t.Parallel()
		points := t.TempDir() + "/points.json"
		faultTest{
			ns: ns, wrapper: resolvingAt(t, "127.0.0.1"), flags: []string{"--out", "json=" + points},
			body: `await flood('lb.test:5001', { connections: 30, addresses: 'all' });`,
		}.start(t).end(t, exitThresholds)
		all := readPoints(t, points)
		assert.Equal(t, map[string]float64{"|lb.test:5001|127.0.0.11": 10, "|lb.test:5001|127.0.0.12": 10, "|lb.test:5001|127.0.0.13": 10}, all["mconnect_connects"].by(true, "target", "ip"))
		assert.Equal(t, map[string]float64{"|127.0.0.13": 10}, all["mconnect_failures"].by(true, "ip"))
	})
}
