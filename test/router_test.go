//go:build linux

package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// router is a network in which clients reach a virtual IP through a router with a multipath route to its backends.
type router struct {
	clients, center *namespace
	sources         string // addresses of clients
	target          string // the virtual IP and port
	backends        []string
}

func newRouter(t *testing.T, backends int) *router {
	t.Helper()
	r := &router{clients: newNamespace(t), center: newNamespace(t), sources: "50.0.0.1-50.0.0.100", target: "10.0.0.1:5001"}
	r.center.sysctl(t, "ipv4/ip_forward", "1")
	// Packets of this host carry a hash across veth that its sender has drawn at random for each socket, and policy 1 takes
	// that for the hash of the 5-tuple. Policy 3 calculates one: of addresses, protocol and ports.
	r.center.sysctl(t, "ipv4/fib_multipath_hash_policy", "3")
	r.center.sysctl(t, "ipv4/fib_multipath_hash_fields", "0x37")
	r.connect(t, r.clients, 100)
	r.clients.run(t, "ip route add local 50.0.0.0/24 dev lo")
	r.center.run(t, "ip route add 50.0.0.0/24 via 10.1.100.2")
	for i := range backends {
		ns := newNamespace(t)
		r.connect(t, ns, i+1)
		ns.run(t, "ip address add 10.0.0.1/32 dev lo")
		r.backends = append(r.backends, fmt.Sprintf("web-%d", i+1))
		startBackend(t, ns, r.backends[i], r.target, "-echo", "10.0.0.1:5003", "-http", "[::]:5004")
	}
	return r
}

// connect makes a link between the router (10.1.N.1) and a namespace (10.1.N.2), which gets its default route there.
func (r *router) connect(t *testing.T, ns *namespace, number int) {
	t.Helper()
	r.center.run(t, fmt.Sprintf("ip link add to-%d type veth peer name center netns /proc/%d/fd/%d", number, os.Getpid(), ns.file.Fd()))
	r.center.run(t, fmt.Sprintf("ip address add 10.1.%d.1/24 dev to-%d", number, number))
	r.center.run(t, fmt.Sprintf("ip link set to-%d up", number))
	ns.run(t, fmt.Sprintf("ip address add 10.1.%d.2/24 dev center", number))
	ns.run(t, "ip link set center up")
	ns.run(t, fmt.Sprintf("ip route add default via 10.1.%d.1", number))
}

// route sends the virtual IP's connections to some of the backends, by a hash of their 5-tuple.
func (r *router) route(t *testing.T, backends []string) {
	t.Helper()
	command := "ip route replace 10.0.0.1/32"
	for _, name := range backends {
		command += fmt.Sprintf(" nexthop via 10.1.%s.2", strings.TrimPrefix(name, "web-"))
	}
	r.center.run(t, command)
}

// group sends the connections through a resilient nexthop group, whose hash buckets keep their backend as long as it is there.
func (r *router) group(t *testing.T, backends []string) {
	t.Helper()
	members := make([]string, 0, len(backends))
	for _, name := range backends {
		number := strings.TrimPrefix(name, "web-")
		r.center.run(t, fmt.Sprintf("ip nexthop replace id %s via 10.1.%s.2 dev to-%s", number, number, number))
		members = append(members, number)
	}
	r.center.run(t, "ip nexthop replace id 1000 group "+strings.Join(members, "/")+" type resilient buckets 1000 idle_timer 0 unbalanced_timer 0")
	r.center.run(t, "ip route replace 10.0.0.1/32 nhid 1000")
}

// startBackend starts ./mconnect-server with a name of its own.
func startBackend(t *testing.T, ns *namespace, name, address string, flags ...string) {
	t.Helper()
	command := []string{serverPath, "-server", "-udp", "-address", address, "-k8sprobe", "127.0.0.1:0", "-log", "json", "-hostname", name}
	p := start(t, ns, append(command, flags...)...)
	p.awaitLine(t, `"Listen on address; `)
}
