package connect

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// answering is a UDP peer that answers each flow with texts of its own, one after the other, and goes on with the last one.
func answering(t *testing.T, flows ...string) Target {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		left := map[netip.AddrPort][]string{}
		for buf := make([]byte, 1<<10); ; {
			_, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			texts, known := left[from]
			if !known {
				texts = strings.Fields(flows[len(left)])
			}
			_, _ = conn.WriteToUDPAddrPort([]byte(texts[0]), from)
			left[from] = texts[min(1, len(texts)-1):]
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-served
	})
	return target(t, conn.LocalAddr())
}

// A UDP flow that another host goes on to answer is a loss, which a change may excuse. A text that does not come again is no host's name.
func TestHoldOfFlowsThatMove(t *testing.T) {
	t.Parallel()
	named := &reply.Want{Match: regexp.MustCompile(`(.+)`)}
	for name, row := range map[string]struct {
		first, second string // answers of two flows
		want          *reply.Want
		expected      map[string]float64
		moved         int64
	}{
		"one moves":                     {"a a b b b", "b b b b b", nil, nil, 1},
		"and back":                      {"a b a a a", "b b b b b", nil, nil, 1},
		"both, with each datagram":      {"a b a b a", "b a b a b", nil, nil, 2},
		"to what no other flow's is":    {"a a c c c", "b b b b b", nil, nil, 0},
		"to what is expected":           {"a a c c c", "b b b b b", nil, map[string]float64{"a": 1, "b": 1, "c": 1}, 1},
		"to what the answer names":      {"a a c c c", "b b b b b", named, nil, 1},
		"counters":                      {"1 2 3 4 5", "3 4 5 6 7", nil, nil, 0},
		"another text, and never again": {"a a b a a", "c c c c c", nil, nil, 0},
		"none":                          {"a a a a a", "b b b b b", nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				var seen echoes
				h := mustHold(t, e, HoldPlan{
					Plan:      Plan{Network: "udp", Targets: []Target{answering(t, row.first, row.second)}, Connections: 2, Reply: row.want, Observer: &seen},
					Keepalive: 20 * time.Millisecond, KeepaliveTimeout: 10 * time.Second, Hosts: row.expected,
				})
				seen.await(t, 12)
				r := h.Close()
				requireHoldSums(t, r)
				assert.Equal(t, row.moved, r.Moved())
				r.Excuse(nil)
				assert.Equal(t, row.moved, r.Needless)
				assert.EqualValues(t, 2, r.EstablishedAtClose, "a flow that moves goes on")
				if row.moved == 1 {
					assert.Equal(t, Hosts{"a": 1}, r.NeedlessByHost)
				}
			})
		})
	}
}
