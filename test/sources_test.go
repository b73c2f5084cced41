//go:build linux

package e2e

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// watched starts a responder and counts its clients.
func watched(t *testing.T) (address string, seen *clients) {
	t.Helper()
	seen = newClients()
	address = startResponder(t, server.Options{Hostname: "web-1", UDP: true, OnAccept: seen.add, OnDatagram: seen.add})
	return address, seen
}

// sysctls are those that other tools ask their users to change for many sources.
func sysctls(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, name := range []string{"ip_nonlocal_bind", "ip_local_port_range", "ip_autobind_reuse", "tcp_tw_reuse", "tcp_fin_timeout"} {
		text, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv4", name))
		require.NoError(t, err)
		values[name] = string(text)
	}
	return values
}

// A range's addresses are used in turn, and none more often than another.
func TestSourcesAreUsedEvenly(t *testing.T) {
	address, seen := watched(t)
	before := sysctls(t)
	require.Equal(t, "0\n", before["ip_nonlocal_bind"])
	for _, test := range []struct {
		name    string
		options object
		args    []string
		sources int    // different ones
		prefix  string // that all are in
	}{
		{"CIDR, without network and broadcast", object{"source": "127.9.0.0/24"}, nil, 254, "127.9.0.0/24"},
		{"UDP", object{"source": "127.9.0.0/24", "network": "udp"}, nil, 254, "127.9.0.0/24"},
		{"range", object{"source": "127.9.0.5-127.9.0.14"}, nil, 10, "127.9.0.0/28"},
		{"array of everything", object{"source": []string{"127.9.0.1", "127.9.0.16/30", "127.9.0.8-127.9.0.9,127.9.0.30"}}, nil, 6, "127.9.0.0/27"},
		{"k6's --local-ips", object{}, []string{"--local-ips", "127.9.1.0/28"}, 14, "127.9.1.0/28"},
		{"k6's --local-ips of both versions", object{}, []string{"--local-ips", "::1,127.9.1.0/28"}, 14, "127.9.1.0/28"},
		{"source beats --local-ips", object{"source": "127.9.2.0/28"}, []string{"--local-ips", "127.9.1.0/28"}, 14, "127.9.2.0/28"},
	} {
		t.Run(test.name, func(t *testing.T) {
			maps.Copy(test.options, object{"connections": 1024})
			done := floodTest{calls: []call{{address, test.options}}, args: test.args}.flood(t)
			assert.EqualValues(t, 1024, done.Report.States.Completed)
			assert.EqualValues(t, test.sources, done.results[0].SourcesUsed, "sources_used")
			was := seen.forget()
			assert.Len(t, was.addrs, test.sources)
			prefix := netip.MustParsePrefix(test.prefix)
			least, most := 1024/test.sources, (1024+test.sources-1)/test.sources
			for source, n := range was.addrs {
				assert.True(t, prefix.Contains(source), "%s", source)
				assert.True(t, n == least || n == most, "%s came %d times, not %d or %d", source, n, least, most)
			}
		})
	}
	assert.Equal(t, before, sysctls(t), "sysctls")
}

// The server's own log tells the spread, too.
func TestSourcesInTheServersLog(t *testing.T) {
	c := startCompanion(t, nil, "127.0.0.1", "-log-sources")
	floodTest{calls: []call{{c.address, object{"connections": 1024, "source": "127.9.0.0/24"}}}}.flood(t)
	seen := c.stop(t).Sources
	assert.EqualValues(t, 254, seen.Different)
	assert.EqualValues(t, 4, seen.Min)
	assert.EqualValues(t, 5, seen.Max)
}

// Sources need no interface that has them, only a way back.
func TestSourcesOfNoInterface(t *testing.T) {
	for _, test := range []struct {
		name, host, route, source string
		different                 int64
	}{
		{"IPv4", "127.0.0.1", "ip route add local 50.0.0.0/24 dev lo", "50.0.0.0/24", 254},
		{"IPv6", "::1", "ip -6 route add local 5000::/120 dev lo", "5000::/120", 256},
	} {
		for _, network := range []string{"tcp", "udp"} {
			t.Run(test.name+" "+network, func(t *testing.T) {
				ns := newNamespace(t)
				ns.run(t, test.route)
				c := startCompanion(t, ns, test.host, "-udp", "-log-sources")
				done := floodTest{calls: []call{{c.address, object{"network": network, "connections": 512, "source": test.source}}}, ns: ns}.flood(t)
				assert.EqualValues(t, 512, done.Report.States.Completed, "%v", done.Report.FirstErrors)
				assert.Equal(t, test.different, c.stop(t).Sources.Different)
			})
		}
	}
}

// Two k6 instances with complementary execution segments, at the same time, share a range out among themselves.
func TestInstancesUseDisjointSources(t *testing.T) {
	const iterations, connections = 8, 256 // of both together, and of each iteration
	segments := [2]string{"0:1/2", "1/2:1"}
	var runs [len(segments)]*started
	var seen [len(segments)]*clients
	for i, segment := range segments {
		address, clients := watched(t)
		f := floodTest{
			calls:  []call{{address, object{"connections": connections, "source": "127.9.0.0/16"}}},
			script: object{"scenarios": object{"flood": object{"executor": "shared-iterations", "vus": 4, "iterations": iterations}}},
			args:   []string{"--execution-segment", segment, "--execution-segment-sequence", "0,1/2,1"},
		}
		runs[i], seen[i] = f.start(t), clients
	}
	union := map[netip.Addr]int{}
	for i, run := range runs {
		done := run.await(t)
		require.Equal(t, exitOK, done.code, "%s", done.stderr)
		assert.EqualValues(t, iterations/2*connections, done.Report.States.Completed)
		for source, n := range seen[i].forget().addrs {
			union[source] += n
		}
	}
	assert.Len(t, union, iterations*connections)
	for source, n := range union {
		assert.Equal(t, 1, n, "%s", source)
	}
	first := netip.MustParseAddr("127.9.0.1")
	for range iterations * connections {
		assert.Contains(t, union, first, "the range's first %d addresses", iterations*connections)
		first = first.Next()
	}
}

// Fixed ports make the same 5-tuples in every run, and a seed the same sources.
func TestSourcesAreReproducible(t *testing.T) {
	address, seen := watched(t)
	for _, test := range []struct {
		name    string
		options object
		keys    func(*clients) []string
		same    bool
	}{
		{
			"source ports",
			object{"connections": 40, "source": "127.9.3.1-127.9.3.4", "sourcePorts": "20100-20109", "close": "rst"},
			func(c *clients) []string { return sorted(c.ports) }, true,
		},
		{"seed", object{"connections": 40, "source": "127.9.0.0/16", "sourceOrder": "random", "seed": 7}, func(c *clients) []string { return sorted(c.addrs) }, true},
		{"no seed", object{"connections": 40, "source": "127.9.0.0/16", "sourceOrder": "random"}, func(c *clients) []string { return sorted(c.addrs) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var runs [2][]string
			for i := range runs {
				done := floodTest{calls: []call{{address, test.options}}}.flood(t)
				assert.EqualValues(t, 40, done.Report.States.Completed, "%v", done.Report.FirstErrors)
				runs[i] = test.keys(seen.forget())
				assert.EqualValues(t, different(runs[i]), done.results[0].SourcesUsed, "sources_used")
			}
			assert.Equal(t, test.same, slices.Equal(runs[0], runs[1]), "%v\n%v", runs[0], runs[1])
		})
	}
}

// Connection i of the whole test has source i mod S and port (i div S) mod P, over all VUs and iterations.
func TestSourcePortsFollowTheNumbers(t *testing.T) {
	address, seen := watched(t)
	done := floodTest{
		calls:  []call{{address, object{"connections": 8, "source": "127.9.4.1-127.9.4.4", "sourcePorts": "20200-20207", "close": "rst"}}},
		script: object{"vus": 2, "iterations": 4},
	}.flood(t)
	assert.EqualValues(t, 32, done.Report.States.Completed, "%v", done.Report.FirstErrors)
	was := seen.forget()
	assert.Len(t, was.ports, 32)
	for i := range 32 {
		source := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 9, 4, byte(1 + i%4)}), uint16(20200+i/4))
		assert.Equal(t, 1, was.ports[source], "%s", source)
	}
}

func sorted[K interface {
	comparable
	String() string
}](counts map[K]int) []string {
	texts := make([]string, 0, len(counts))
	for key := range counts {
		texts = append(texts, key.String())
	}
	slices.Sort(texts)
	return texts
}

// different counts the addresses, whatever their ports.
func different(clients []string) int {
	addrs := map[string]bool{}
	for _, client := range clients {
		addr, _, _ := strings.Cut(client, ":")
		addrs[addr] = true
	}
	return len(addrs)
}

// Scenarios of one test, in two instances of k6, share sources and ports out among themselves.
func TestScenariosUseDisjointSources(t *testing.T) {
	address, seen := watched(t)
	const iterations, connections = 4, 16 // of each scenario, in both instances, and of each iteration
	scenario := object{"executor": "shared-iterations", "vus": 2, "iterations": iterations}
	for _, segment := range []string{"0:1/2", "1/2:1"} {
		done := floodTest{
			calls:  []call{{address, object{"connections": connections, "source": "127.9.7.1-127.9.7.8", "sourcePorts": "20700-20731", "close": "rst"}}},
			script: object{"scenarios": object{"steady": scenario, "burst": scenario}},
			args:   []string{"--execution-segment", segment, "--execution-segment-sequence", "0,1/2,1"},
		}.flood(t)
		assert.EqualValues(t, iterations*connections, done.Report.States.Completed, "%v", done.Report.FirstErrors)
	}
	was := seen.forget()
	assert.Len(t, was.ports, 2*iterations*connections)
	for source, n := range was.ports {
		assert.Equal(t, 1, n, "%s", source)
	}
}

// Searches of iterations that run at the same time take different sources, though nobody has said how many they need.
func TestCapacitiesUseDisjointSources(t *testing.T) {
	const vus, limit = 2, 60
	address := startResponder(t, server.Options{Hostname: "web-1", MaxConnections: vus * limit})
	script := `console.log('result ' + JSON.stringify(await mconnect.capacity('` + address + `',
		{step: 10, timeout: '1m', source: '127.9.8.0/24', sourcePorts: '20800-20999', close: 'rst'})))`
	k := runK6(t, "--vus", "2", "--iterations", "2", "-e", "SNIPPETS="+asJSON(t, []string{script}), "test/testdata/reject.js")
	results := snippetResults(t, k)
	require.Len(t, results, vus, "%s", k.stderr)
	for _, r := range results {
		assert.Empty(t, r.Errors, "%v", r.FirstErrors)
	}
}

// Local ports are few, and each is in TIME_WAIT for a minute after its connection, as this side closes first. All connections are made all
// the same, from no port that is reserved.
func TestPortsInTimeWait(t *testing.T) {
	const first, last, reserved = 40000, 41999, "40010-40019,40100"
	for name, options := range map[string]object{
		"no source":  {},
		"one source": {"source": "127.0.0.9"},
	} {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			ns.sysctl(t, "ipv4/ip_local_port_range", "40000 41999")
			ns.sysctl(t, "ipv4/ip_local_reserved_ports", reserved)
			ns.sysctl(t, "ipv4/tcp_tw_reuse", "0") // as to a target that is not on this host
			seen := newClients()
			var address string
			require.NoError(t, ns.inside(func() error {
				address = startResponder(t, server.Options{Hostname: "web-1", OnAccept: seen.add})
				return nil
			}))
			maps.Copy(options, object{"connections": 8000})
			done := floodTest{calls: []call{{address, options}}, ns: ns}.flood(t)
			assert.EqualValues(t, 8000, done.Report.States.Completed, "%v", done.Report.Errors)
			used := map[uint16]bool{}
			for client := range seen.forget().ports {
				port := client.Port()
				assert.True(t, port >= first && port <= last && port != 40100 && (port < 40010 || port > 40019), "port %d", port)
				used[port] = true
			}
			assert.Len(t, used, 1926, "all others but one in 32, which other programs may need")
		})
	}
}
