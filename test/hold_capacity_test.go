//go:build linux

package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/internal/needs"
)

// capacityResult is a CapacityResult.
type capacityResult struct {
	Connections int64            `json:"connections"`
	Limit       string           `json:"limit"`
	LowerBound  bool             `json:"lower_bound"`
	Explanation string           `json:"explanation"`
	Asked       int64            `json:"asked"`
	Begun       int64            `json:"begun"`
	Attempted   int64            `json:"attempted"`
	Closed      int64            `json:"closed"`
	Unserved    int64            `json:"unserved"`
	Errors      map[string]int64 `json:"errors"`
}

// capacity() finds what stops a target, and how many connections it had by then: within 5 %, or 2 connections.
func TestCapacity(t *testing.T) {
	const unknown, allThatAreLeft = -1, -2
	few := []string{"prlimit", "--nofile=256:256"}
	for _, test := range []struct {
		name       string
		target     func(*testing.T) string
		options    object
		wrapper    []string // of k6
		limit      string
		holds      int64
		lowerBound bool
	}{
		{"none reached", companionWith(), object{"connections": 700}, nil, "none", 700, true},
		{"-max-connections", companionWith("-max-connections", "1000"), object{"connections": 5000}, nil, "application", 1000, false},
		{"-max-connections, small steps", companionWith("-max-connections", "1000"), object{"connections": 5000, "step": 10, "patience": "200ms"}, nil, "application", 1000, false},
		{"-max-connections, one big step", companionWith("-max-connections", "1000"), object{"connections": 3000, "step": 3000}, nil, "application", 1000, false},
		{"-max-connections, asked to answer", companionWith("-max-connections", "300"), object{"connections": 2000, "payload": "hello"}, nil, "application", 300, false},
		{"half of 200 descriptors are the server's own limit", fewDescriptors, object{"connections": 2000}, nil, "application", 100, false},
		{"the server runs out of descriptors, and hangs up", descriptorsTaken, object{"connections": 2000}, nil, "application", 200, false},
		{"greeter with 200 descriptors", greeter, object{"connections": 2000}, nil, "not_accepted", 193, false},
		{"backlog of 16, never accepts", deaf(16), object{"connections": 200, "connectTimeout": "1500ms"}, nil, "accept_queue", 17, false},
		{"nothing listens", func(t *testing.T) string { return refusing(t, unix.SOCK_STREAM) }, object{"connections": 100}, nil, "refused", 0, false},
		{"k6 runs out of descriptors", companionWith(), object{"connections": 2000}, few, "local_fds", allThatAreLeft, true},
		{"one source port for each of few", companionWith(), object{"connections": 500, "source": "127.0.0.1", "sourcePorts": "10000-10149"}, nil, "local_ports", 150, true},
		{"no time", companionWith(), object{"connections": 10_000, "step": 10, "timeout": "1s"}, nil, "time", unknown, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := test.target(t)
			done := holdTest{
				search:  true,
				wrapper: test.wrapper,
				args:    object{"target": target, "options": test.options, "port": portNumber(t, target)},
				body: `
					tell('result', await capacity(args.target, args.options));
					tell('open', (await sockets({ remote: args.target })).established);
					const self = listen({ address: '127.0.0.1:0' });
					tell('k6', await sockets({ port: Number(self.address.split(':')[1]) })); // whose listener it is: k6's
				`,
			}.run(t)
			r := tells[capacityResult](t, done, "result")
			assert.Equal(t, test.limit, r.Limit, "%+v", r)
			assert.Equal(t, test.lowerBound, r.LowerBound, "%+v", r)
			assert.NotEmpty(t, r.Explanation)
			if test.holds == allThatAreLeft {
				k6 := tells[socketTable](t, done, "k6")
				test.holds = *k6.FDLimit - *k6.FDs // how many k6 needs itself depends on the machine
			}
			if test.holds != unknown {
				assert.InDelta(t, test.holds, r.Connections, max(2, 0.05*float64(test.holds)), "%+v", r)
			}
			assert.LessOrEqual(t, r.Connections+r.Closed+total(r.Errors), r.Attempted, "%+v", r)
			assert.Zero(t, tells[int64](t, done, "open"), "connections left open")
			assert.Equal(t, r.Connections, done.gauge("mconnect_capacity"))
		})
	}
}

// report() accounts for the connections of capacity() as for all others: it tells their states, so it tells whose they are.
func TestCapacityReport(t *testing.T) {
	target := refusing(t, unix.SOCK_STREAM)
	done := holdTest{search: true, args: object{"target": target}, body: `tell('result', await capacity(args.target, { connections: 50 }));`}.run(t)
	r, report := tells[capacityResult](t, done, "result"), done.Report
	assert.Equal(t, r.Attempted, report.States.total())
	assert.Equal(t, r.Attempted, report.Connects)
	assert.Equal(t, r.Errors, report.Errors)
	assert.EqualValues(t, 1, report.Calls)
}

// What capacity() looks for is no failure of the test: thresholds on how connects fare are about the other calls. What its
// connections send and get counts, as everything does.
func TestCapacityBesideThresholds(t *testing.T) {
	done := holdTest{
		script: object{"thresholds": object{
			"mconnect_connect_failed": []string{"rate==0"}, "mconnect_connects": []string{"count==10"}, "mconnect_capacity": []string{"value==20"},
		}},
		args: object{"closed": refusing(t, unix.SOCK_STREAM), "target": companionWith("-max-connections", "20", "-hostname", "five!")(t)},
		body: `
			tell('closed', await capacity(args.closed, { connections: 100 }));
			tell('limited', await capacity(args.target, { connections: 100, payload: 'hello' }));
			await until(async () => !(await sockets({ remote: args.target })).established);
			await (await hold(args.target, { connections: 10 })).close();
		`,
	}.start(t).end(t, exitOK)
	assert.Equal(t, "refused", tells[capacityResult](t, done, "closed").Limit)
	r := tells[capacityResult](t, done, "limited")
	assert.Equal(t, "application", r.Limit)
	assert.GreaterOrEqual(t, done.Metrics["data_sent"].count(), r.Connections*int64(len("hello")))
	assert.GreaterOrEqual(t, done.Metrics["data_received"].count(), r.Connections*int64(len("five!")))
	assert.Equal(t, done.Report.States, done.gauges(), "the gauges are totals of all calls")
}

func companionWith(flags ...string) func(*testing.T) string {
	return func(t *testing.T) string { return startCompanion(t, nil, "127.0.0.1", flags...).address }
}

// fewDescriptors is a companion server that is started with a limit of 200 descriptors.
func fewDescriptors(t *testing.T) string {
	address := freePort(t)
	p := start(t, nil, "prlimit", "--nofile=200:200", serverPath, "-address", address, "-log", "json")
	p.awaitLine(t, `"Listen on address; `)
	return address
}

// descriptorsTaken is a companion server that is left 200 descriptors when it runs, so that it does not know of the limit.
func descriptorsTaken(t *testing.T) string {
	needs.Root(t, "change another process's limits")
	need(t, "prlimit")
	c := startCompanion(t, nil, "127.0.0.1")
	pid := strconv.Itoa(c.cmd.Process.Pid)
	open, err := os.ReadDir("/proc/" + pid + "/fd")
	require.NoError(t, err)
	output, err := exec.Command("prlimit", fmt.Sprintf("--nofile=%[1]d:%[1]d", len(open)+200), "--pid", pid).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return c.address
}

// deaf is a listener that never accepts.
func deaf(backlog int) func(*testing.T) string {
	return func(t *testing.T) string {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		require.NoError(t, unix.Listen(fd, backlog))
		bound, err := unix.Getsockname(fd)
		require.NoError(t, err)
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*unix.SockaddrInet4).Port))
	}
}

const (
	greeterVariable     = "E2E_GREETER"
	greeterCertVariable = "E2E_GREETER_CERT"
	greeterKeyVariable  = "E2E_GREETER_KEY"
)

// greeter is a process that may open 200 files, greets each connection it accepts, and is at a loss then.
func greeter(t *testing.T) string {
	address := freePort(t)
	startGreeter(t, nil, address, "", "")
	return address
}

// startGreeter starts a greeter in a namespace: over TLS if it is given a certificate.
func startGreeter(t *testing.T, ns *namespace, address, cert, key string) {
	t.Helper()
	p := start(t, ns, "env", "-C", "test", greeterVariable+"="+address, greeterCertVariable+"="+cert, greeterKeyVariable+"="+key,
		"prlimit", "--nofile=200:200", os.Args[0], "-test.run=^TestHelperGreeter$")
	p.awaitLine(t, "greets on")
}

// TestHelperGreeter is the process that greeter starts.
func TestHelperGreeter(t *testing.T) {
	address := os.Getenv(greeterVariable)
	if address == "" {
		return
	}
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	if cert := os.Getenv(greeterCertVariable); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, os.Getenv(greeterKeyVariable))
		require.NoError(t, err)
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	fmt.Fprintln(os.Stderr, "greets on", address)
	var open []net.Conn
	for { // until it is killed
		conn, err := listener.Accept()
		if err != nil {
			<-time.After(50 * time.Millisecond)
			continue
		}
		_, _ = conn.Write([]byte("greeter"))
		open = append(open, conn) //nolint:staticcheck // keeps them open
	}
}
