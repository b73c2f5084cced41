//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startHAProxy starts a TCP load balancer and returns its address. Each server is a line of its configuration.
func startHAProxy(t *testing.T, algorithm string, servers ...string) (address string) {
	t.Helper()
	address = freePort(t)
	config := fmt.Sprintf(`
global
  maxconn 2000
defaults
  mode tcp
  timeout connect 10s
  timeout client 1m
  timeout server 1m
frontend vip
  bind %s
  default_backend web
backend web
  balance %s
  %s
`, address, algorithm, strings.Join(servers, "\n  "))
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	proxy := start(t, nil, "haproxy", "-db", "-f", file)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, 10*time.Millisecond, "HAProxy: %s", proxy.stderr)
	return address
}

// The balance of the answers says how a real load balancer deals out connections.
func TestBalanceBehindHAProxy(t *testing.T) {
	const connections = 6000
	for _, test := range []struct {
		name, algorithm string
		weights         [3]int
		fair            bool
	}{
		{"round robin", "roundrobin", [3]int{20, 20, 20}, true},
		{"round robin, weights 1:2:5", "roundrobin", [3]int{20, 40, 100}, false},
		{"random, weights 1:2:5", "random(1)", [3]int{20, 40, 100}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			servers := make([]string, 0, len(test.weights))
			for i, weight := range test.weights {
				name := fmt.Sprintf("web-%d", i)
				c := startCompanion(t, nil, "127.0.0.1", "-hostname", name)
				servers = append(servers, fmt.Sprintf("server %s %s weight %d", name, c.address, weight))
			}
			address := startHAProxy(t, test.algorithm, servers...)
			done := floodTest{calls: []call{{address, object{"connections": connections}}}}.flood(t)
			assert.EqualValues(t, connections, done.Report.States.Completed, "%v", done.Report.FirstErrors)
			sum := test.weights[0] + test.weights[1] + test.weights[2]
			for i, weight := range test.weights {
				share := float64(done.Report.Hosts[fmt.Sprintf("web-%d", i)]) / connections
				assert.InDelta(t, float64(weight)/float64(sum), share, 0.04, "share of web-%d", i)
			}
			balance := done.results[0].Balance
			assert.Equal(t, 3, balance.Hosts)
			assert.InDelta(t, float64(test.weights[2])/float64(sum), balance.MaxShare, 0.04)
			assert.InDelta(t, float64(test.weights[0])/float64(sum), balance.MinShare, 0.04)
			if test.fair {
				assert.Greater(t, balance.PValue, 0.05)
			} else {
				assert.Less(t, balance.PValue, 1e-6)
			}
			assert.Equal(t, balance, done.Report.Balance, "balance of report()")
			assert.InDelta(t, balance.MaxShare, done.gauge("mconnect_balance_max_share"), 1e-9)
			assert.InDelta(t, balance.PValue, done.gauge("mconnect_balance_p_value"), 1e-9)
		})
	}
}

// A load balancer whose backends are all gone closes connections: that shows as errors, not as answers.
func TestHAProxyWithoutBackends(t *testing.T) {
	address := startHAProxy(t, "roundrobin")
	done := floodTest{calls: []call{{address, object{"connections": 300}}}}.flood(t)
	assert.Empty(t, done.Report.Hosts)
	assert.EqualValues(t, 300, done.Report.Errors["closed"]+done.Report.Errors["reset"], "%v", done.Report.Errors)
	assert.EqualValues(t, 300, done.Report.FailedReads)
}
