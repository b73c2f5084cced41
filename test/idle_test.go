//go:build linux

package e2e

import (
	"encoding/json"
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

// idleResult is what tests look at of an IdleResult.
type idleResult struct {
	Timeout  *float64 `json:"timeout"`
	How      string   `json:"how"`
	AtLeast  float64  `json:"at_least"`
	AtMost   *float64 `json:"at_most"`
	Finished bool     `json:"finished"`
	Duration float64  `json:"duration"`
	Dialed   int64    `json:"dialed"`
	Control  struct {
		Answered bool   `json:"answered"`
		Error    string `json:"error"`
		Message  string `json:"message"`
	} `json:"control"`
	Expected struct {
		Silence  float64 `json:"silence"`
		Measured float64 `json:"measured"`
		How      string  `json:"how"`
	} `json:"expected"`
	Errors map[string]int64 `json:"errors"`
	States states           `json:"states"`
}

// idleRun is a run of testdata/idle.js that has ended.
type idleRun struct {
	*k6
	result idleResult
	metric *metric // mconnect_idle_timeout; nil if it has no samples
}

// idle searches for an idle timeout, in a namespace.
func idle(t *testing.T, ns *namespace, target string, options object) *idleRun {
	t.Helper()
	file := filepath.Join(t.TempDir(), "summary.json")
	p := startK6(t, ns, nil, "-e", "TARGET="+target, "-e", "OPTIONS="+asJSON(t, options), "-e", "OUT="+file, "test/testdata/idle.js")
	r := &idleRun{k6: awaitK6(t, p)}
	require.Equal(t, exitOK, r.code, "%s", p.stderr)
	var summary struct {
		Metrics map[string]metric `json:"metrics"`
	}
	readJSON(t, file, &summary)
	if m, has := summary.Metrics["mconnect_idle_timeout"]; has {
		r.metric = &m
	}
	for _, line := range r.logs {
		if text, ok := strings.CutPrefix(line.Message, "result "); ok && line.Source == "console" {
			require.NoError(t, json.Unmarshal([]byte(text), &r.result))
		}
	}
	return r
}

// isFound checks that a timeout of so many seconds is found as exactly as was asked for, within a limit.
func (r *idleRun) isFound(t *testing.T, seconds float64, how string, limit time.Duration) {
	t.Helper()
	const late = 1000 // ms; a busy machine sees late what the peer does
	require.NotNil(t, r.result.Timeout, "%+v", r.result)
	assert.True(t, r.result.Finished)
	assert.True(t, r.result.Control.Answered)
	assert.Equal(t, how, r.result.How)
	assert.GreaterOrEqual(t, *r.result.Timeout, 950*seconds, "%+v", r.result)
	assert.LessOrEqual(t, *r.result.Timeout, 1050*seconds+late, "%+v", r.result)
	assert.InDelta(t, (r.result.AtLeast+*r.result.AtMost)/2, *r.result.Timeout, 0.001)
	assert.LessOrEqual(t, *r.result.AtMost-r.result.AtLeast, 0.05**r.result.Timeout)
	assert.Less(t, r.result.Duration, limit.Seconds()*1000)
	require.NotNil(t, r.metric)
	assert.InDelta(t, *r.result.Timeout, r.metric.Values["value"], 0.001)
	assert.Equal(t, "time", r.metric.Contains)
}

// HAProxy closes connections on which its client is silent.
func TestIdleBehindHAProxy(t *testing.T) {
	t.Parallel()
	server := startCompanion(t, nil, "127.0.0.1", "-hostname", "web-1")
	address := freePort(t)
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
defaults
  mode tcp
  timeout connect 10s
  timeout client 4s
  timeout server 1m
listen vip
  bind %s
  server web %s
`, address, server.address), 0o600))
	proxy := start(t, nil, "haproxy", "-db", "-f", file)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, 10*time.Millisecond, "HAProxy: %s", proxy.stderr)

	r := idle(t, nil, address, object{"expect": object{"timeout": "3s"}})
	r.isFound(t, 4, "fin", 30*time.Second)
	assert.Equal(t, "none", r.result.Expected.How)
	assert.GreaterOrEqual(t, r.result.Expected.Measured, 2950.0)
	assert.Less(t, r.result.Expected.Measured, 4000.0)

	r = idle(t, nil, address, object{"to": "3s"})
	assert.Equal(t, "none", r.result.How)
	assert.Nil(t, r.result.Timeout)
	assert.Nil(t, r.result.AtMost)
	assert.InDelta(t, 3000, r.result.AtLeast, 0)
	assert.InDelta(t, 3000, r.metric.Values["value"], 0)
}

// idleRouter is a network whose router forgets flows after 4 s, with three servers that tell the source that they see.
func idleRouter(t *testing.T, rules string) *router {
	t.Helper()
	r := &router{clients: newNamespace(t), center: newNamespace(t)}
	r.center.sysctl(t, "ipv4/ip_forward", "1")
	r.connect(t, r.clients, 100)
	for i := 1; i <= 3; i++ {
		ns := newNamespace(t)
		r.connect(t, ns, i)
		p := start(t, ns, serverPath, "-address", "[::]:5001", "-udp", "-tell-source", "-k8sprobe", "127.0.0.1:0", "-log", "json", "-hostname", fmt.Sprintf("web-%d", i))
		p.awaitLine(t, `"Listen on address; `)
	}
	r.center.rules(t, rules)
	for name, value := range map[string]string{
		"netfilter/nf_conntrack_tcp_timeout_established": "4",
		"netfilter/nf_conntrack_tcp_loose":               "0",
		"netfilter/nf_conntrack_udp_timeout":             "4",
	} {
		r.center.sysctl(t, name, value)
	}
	return r
}

// Connection tracking forgets; what then happens depends on the rules.
func TestIdleWithConnectionTracking(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, network, target, rules, how string
		limit                             time.Duration
	}{
		{"TCP, swallowed", "tcp", "10.1.1.2:5001", `table ip e2e {
			chain forward { type filter hook forward priority 0; ct state invalid drop; }
		}`, "silent", 30 * time.Second},
		{"TCP, reset", "tcp", "10.1.1.2:5001", `table ip e2e {
			chain forward { type filter hook forward priority 0; ct state invalid reject with tcp reset; }
		}`, "rst", 30 * time.Second},
		{"UDP, no new flow with these ports", "udp", "10.1.1.2:5001", `table ip e2e {
			set known { type ipv4_addr . inet_service; flags dynamic; }
			chain forward {
				type filter hook forward priority 0
				ct state new meta l4proto udp ip saddr . udp sport @known drop
				ct state new meta l4proto udp add @known { ip saddr . udp sport }
			}
		}`, "silent", 30 * time.Second},
		{"UDP, DNAT to another host", "udp", "10.9.9.9:5001", `table ip e2e {
			chain arriving {
				type nat hook prerouting priority dstnat
				ip daddr 10.9.9.9 dnat to numgen random mod 3 map { 0 : 10.1.1.2, 1 : 10.1.2.2, 2 : 10.1.3.2 }
			}
		}`, "silent", 100 * time.Second}, // a third of the flows that were forgotten get the same host again
		{"UDP, NAT with another port", "udp", "10.1.1.2:5001", `table ip e2e {
			chain leaving {
				type nat hook postrouting priority srcnat
				meta l4proto udp masquerade random
			}
		}`, "silent", 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lab := idleRouter(t, test.rules)
			r := idle(t, lab.clients, test.target, object{"network": test.network, "monitor": "1s"})
			r.isFound(t, 4, test.how, test.limit)
			assert.NotEmpty(t, r.logged("idle: connections that were silent for"))
		})
	}
}

// A service that does not answer is told as such.
func TestIdleOfAServiceThatNeverAnswers(t *testing.T) {
	t.Parallel()
	mute := startPeer(t, nil, swallow)
	r := idle(t, nil, mute.address, object{"connectTimeout": "500ms"})
	assert.False(t, r.result.Control.Answered)
	assert.Equal(t, "no_reply", r.result.Control.Error)
	assert.Contains(t, r.result.Control.Message, "payload and reply")
	assert.Nil(t, r.result.Timeout)
	assert.Empty(t, r.result.How)
	assert.Nil(t, r.metric, "not a timeout of 0")
	assert.NotEmpty(t, r.logged("idle() has found nothing out"))
}

// The example runs as it is.
func TestIdleExample(t *testing.T) {
	t.Parallel()
	k := runK6(t, "examples/idle.js")
	assert.Equal(t, exitOK, k.code, "%s", k.stderr)
	// The server's clock begins when it has been asked, this side's when the answer was seen, which may be later on a busy machine.
	assert.Regexp(t, `a connection may be silent for (2\.9|3\.0)\d s`, k.stderr.String())
	assert.Contains(t, k.stderr.String(), "it is closed")
	k = runK6(t, "-e", "EXPECT=5s", "examples/idle.js")
	assert.Equal(t, exitThresholds, k.code, "%s", k.stderr)
}
