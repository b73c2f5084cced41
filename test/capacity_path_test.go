//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// service is one behind a router, in a network of its own.
type service struct {
	*router
	options object
	flags   []string // of the backends
	tls     bool
	cert    string
	key     string
}

func newService(t *testing.T, tls bool) *service {
	t.Helper()
	s := &service{router: newRouter(t, 0), options: object{"connections": 1000, "step": 50, "connectTimeout": "1500ms"}, tls: tls}
	if tls {
		_, s.cert, s.key = certify(t, []string{"web.example"}, nil)
		s.options["network"] = "tls"
		s.flags = []string{"-tls-cert", s.cert, "-tls-key", s.key}
	}
	return s
}

// backend makes a host with the virtual IP.
func (s *service) backend(t *testing.T) *namespace {
	t.Helper()
	ns := newNamespace(t)
	s.backends = append(s.backends, fmt.Sprintf("web-%d", len(s.backends)+1))
	s.connect(t, ns, len(s.backends))
	ns.run(t, "ip address add 10.0.0.1/32 dev lo")
	return ns
}

// serving makes a host on which the companion server runs.
func (s *service) serving(t *testing.T) {
	t.Helper()
	ns := s.backend(t)
	name := s.backends[len(s.backends)-1]
	command := slices.Concat([]string{serverPath, "-server", "-address", s.target, "-k8sprobe", "127.0.0.1:0", "-log", "json", "-hostname", name}, s.flags)
	start(t, ns, command...).awaitLine(t, `"Listen on address; `)
}

// What stops connections on the way to a target is told apart from what stops them there: by whether those that are established are
// served, and whether later ones get through.
func TestCapacityNamesWhatIsOnTheWay(t *testing.T) {
	for _, test := range []struct {
		name       string
		breaks     func(*testing.T, *service)
		limit      string
		holds      int64 // 0 is any number, but not none
		within     float64
		lowerBound bool
		says       []string
	}{
		{"100 ports for address translation", translates, "path", 100, 0, false, []string{"while all 100", "ports for address translation", "accept queue"}},
		{"a connection table of 120", tracks, "path", 120, 0, false, []string{"connection table", "conntrack"}},
		{"a firewall's limit for each client", limits, "path", 75, 0, false, []string{"firewall", "source"}},
		{"one backend of four is dead", oneIsSilent, "intermittent", 0, 0, true, []string{"begun later got through", "dead backend behind a hash"}},
		{"the host of one backend of four is gone", oneIsGone, "intermittent", 0, 0, true, []string{"host_unreachable", "dead backend behind a hash"}},
		{"one backend of four refuses", oneRefuses, "intermittent", 0, 0, true, []string{"refused", "dead backend behind a hash"}},
		{"every third SYN is lost", losesSYNs, "intermittent", 0, 0, true, []string{"begun later got through", "by chance"}},
		{"one backend of four never serves", oneHangs, "intermittent", 0, 0, true, []string{"begun later got through"}},
		{"one backend of four closes", oneCloses, "intermittent", 0, 0, true, []string{"begun later got through"}},
		{"a full backlog", fullQueue, "accept_queue", 193, 5, false, []string{"established but not served", "somaxconn", "a device in between"}},
	} {
		for name, tls := range map[string]bool{"TCP": false, "TLS": true} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := newService(t, tls)
				test.breaks(t, s)
				done := holdTest{
					search: true,
					ns:     s.clients,
					script: object{"insecureSkipTLSVerify": true},
					args:   object{"target": s.target, "options": s.options},
					body:   `tell('result', await capacity(args.target, args.options));`,
				}.run(t)
				r := tells[capacityResult](t, done, "result")
				assert.Equal(t, test.limit, r.Limit, "%+v", r)
				assert.Equal(t, test.lowerBound, r.LowerBound, "%+v", r)
				assert.Positive(t, r.Connections, "%+v", r)
				if test.holds > 0 {
					assert.InDelta(t, test.holds, r.Connections, test.within, "%+v", r)
				}
				for _, part := range test.says {
					assert.Contains(t, r.Explanation, part)
				}
				assert.Equal(t, r.Asked, r.Begun, "nothing lacks for a verdict: %+v", r)
			})
		}
	}
}

const passing = "type filter hook forward priority filter"

// filter is a ruleset of one rule.
func filter(hook, rule string) string {
	return fmt.Sprintf("table ip one {\nchain one {\n%s;\n%s\n}\n}\n", hook, rule)
}

// translates gives all clients one address, with few ports.
func translates(t *testing.T, s *service) {
	s.serving(t)
	s.route(t, s.backends)
	s.center.rules(t, filter("type nat hook postrouting priority srcnat", "tcp dport 5001 masquerade to :20000-20099"))
}

// tracks has a table of connections that gets full. That of the kernel has one size for all namespaces, which is not to be changed here;
// this one drops in the same way what does not fit.
func tracks(t *testing.T, s *service) {
	s.serving(t)
	s.route(t, s.backends)
	s.center.rules(t, filter(passing, "tcp dport 5001 ct state new ct count over 120 drop"))
}

// limits is a firewall that lets each address have so many connections. One address is used.
func limits(t *testing.T, s *service) {
	s.serving(t)
	s.route(t, s.backends)
	s.center.rules(t, filter(passing, "tcp dport 5001 ct state new meter clients { ip saddr ct count over 75 } drop"))
}

// fourWith makes four backends behind a hash, one of which only has the address.
func fourWith(t *testing.T, s *service) (odd *namespace) {
	for range 3 {
		s.serving(t)
	}
	odd = s.backend(t)
	s.route(t, s.backends)
	return odd
}

func oneIsSilent(t *testing.T, s *service) {
	fourWith(t, s).rules(t, filter("type filter hook input priority filter", "tcp dport 5001 drop"))
}

// oneIsGone leaves a route to a host that does not answer ARP. The router takes three seconds to say so.
func oneIsGone(t *testing.T, s *service) {
	fourWith(t, s).run(t, "ip address flush dev center")
	s.options["connectTimeout"] = "10s"
}

func oneRefuses(t *testing.T, s *service) { fourWith(t, s) } // nothing listens there

// oneHangs accepts, and says nothing.
func oneHangs(t *testing.T, s *service) {
	startPeerAt(t, fourWith(t, s), s.target, swallow)
}

func oneCloses(t *testing.T, s *service) {
	startPeerAt(t, fourWith(t, s), s.target, reset)
}

func losesSYNs(t *testing.T, s *service) {
	s.serving(t)
	s.route(t, s.backends)
	s.center.rules(t, filter(passing, "tcp dport 5001 tcp flags syn numgen random mod 3 0 drop"))
}

// fullQueue is an application that runs out of descriptors, so that it accepts no more, and has a small backlog.
func fullQueue(t *testing.T, s *service) {
	ns := s.backend(t)
	s.route(t, s.backends)
	ns.sysctl(t, "core/somaxconn", "4")
	startGreeter(t, ns, s.target, s.cert, s.key)
}

// A target that greets nobody leaves open whether a queue is full or something on the way, so both are named.
func TestCapacityOfASilentTarget(t *testing.T) {
	ns := newNamespace(t)
	var address string
	require.NoError(t, ns.inside(func() error {
		address = deaf(16)(t)
		return nil
	}))
	done := holdTest{
		search: true, ns: ns, args: object{"target": address},
		body: `tell('result', await capacity(args.target, { connections: 100, connectTimeout: '1500ms' }));`,
	}.run(t)
	r := tells[capacityResult](t, done, "result")
	assert.Equal(t, "accept_queue", r.Limit, "%+v", r)
	for _, part := range []string{"can't be told", "payload", "accept queue is full", "connection table", "firewall"} {
		assert.Contains(t, r.Explanation, part)
	}
}
