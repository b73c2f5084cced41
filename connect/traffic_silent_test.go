package connect

import (
	"io"
	"net"
	"net/netip"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// datagrams is a UDP server that answers as a function says, nil being nothing.
func datagrams(t *testing.T, answer func(from netip.AddrPort, data []byte) []byte) Target {
	t.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for buffer := make([]byte, 1<<16); ; {
			n, from, err := socket.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			if said := answer(from, buffer[:n]); said != nil {
				_, _ = socket.WriteToUDPAddrPort(said, from)
			}
		}
	})
	t.Cleanup(func() {
		_ = socket.Close()
		serving.Wait()
	})
	return target(t, socket.LocalAddr())
}

// named is an echo with the server's name.
func named(host string, data []byte) []byte {
	copy(data, host+"\x00")
	return data
}

// Whether new ports are answered is asked only if a flow with a fixed port stays silent, once, and counted nowhere.
func TestProbeOfSilentFlows(t *testing.T) {
	t.Parallel()
	const first = 61000
	pinned := func(from netip.AddrPort) bool { return from.Port() >= first && from.Port() < first+8 }
	yes, no := true, false
	for name, row := range map[string]struct {
		fixed bool
		echo  func(from netip.AddrPort, packets int) bool
		want  *bool
	}{
		"stale":                         {true, func(from netip.AddrPort, packets int) bool { return !pinned(from) || packets < 100 }, &yes},
		"gone":                          {true, func(_ netip.AddrPort, packets int) bool { return packets < 100 }, &no},
		"well":                          {true, func(netip.AddrPort, int) bool { return true }, nil},
		"gone for a while":              {true, func(_ netip.AddrPort, packets int) bool { return packets < 100 || packets > 250 }, nil},
		"gone, ports that nobody fixed": {false, func(_ netip.AddrPort, packets int) bool { return packets < 100 }, nil},
	} {
		t.Run(name, func(t *testing.T) { // one after the other, since they have the same ports
			onBoth(t, func(t *testing.T, e *Engine) {
				packets, strangers := 0, 0
				var mu sync.Mutex
				to := datagrams(t, func(from netip.AddrPort, data []byte) []byte {
					mu.Lock()
					defer mu.Unlock()
					if packets++; row.fixed && !pinned(from) {
						strangers++
						assert.Len(t, data, 72)
					}
					if !row.echo(from, packets) {
						return nil
					}
					return named("web-1", data)
				})
				plan := TrafficPlan{
					Plan: Plan{Network: "udp", Targets: []Target{to}, Connections: 4}, Duration: 1500 * time.Millisecond, Throughput: 40, PacketSizes: []int{100}, LossTimeout: 200 * time.Millisecond,
				}
				if row.fixed {
					plan.Sources.Ports = source.Ports{First: first, Last: first + 7}
				}
				r, err := e.Traffic(t.Context(), plan)
				require.NoError(t, err)
				assert.Equal(t, row.want, r.NewPortAnswered)
				mu.Lock()
				defer mu.Unlock()
				if row.fixed {
					assert.Equal(t, row.want != nil, strangers == 1, "%d probes", strangers)
					assert.Equal(t, r.Sent, int64(packets-strangers), "the probe is no packet of the call's")
				}
			})
		})
	}
}

// Packets above a size never come back: the result tells the sizes and the host, over TCP and UDP. Losses by chance are not taken for that.
func TestMTUHole(t *testing.T) {
	t.Parallel()
	swallowing := func(limit int) func(*net.TCPConn) {
		return func(conn *net.TCPConn) {
			if hello(conn, "web-2") != nil {
				return
			}
			for buffer := make([]byte, 1<<16); ; {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				if n > limit {
					untilClosed(conn)
					return
				}
				if _, err := conn.Write(buffer[:n]); err != nil {
					return
				}
			}
		}
	}
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, e *Engine) {
			r := traffic(t, e, TrafficPlan{
				Plan:     Plan{Targets: []Target{peer(t, swallowing(1000)), peer(t, echoServer("web-1"))}, Connections: 4},
				Duration: time.Second, Throughput: 200, PacketSizes: []int{64, 900, 1400}, LossTimeout: 200 * time.Millisecond,
			})
			require.NotNil(t, r.Hole)
			assert.Equal(t, []int{900, 1400}, []int{r.Hole.Passed, r.Hole.Stuck})
			assert.Contains(t, r.Hole.Hosts, "web-2")
			assert.Len(t, r.Hole.Hosts, 1)
		})
	})
	t.Run("UDP", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, e *Engine) {
			to := datagrams(t, func(_ netip.AddrPort, data []byte) []byte {
				if len(data) > 1000 {
					return nil
				}
				return named("web-2", data)
			})
			r := traffic(t, e, TrafficPlan{
				Plan: Plan{Network: "udp", Targets: []Target{to}, Connections: 2}, Duration: time.Second, Throughput: 60, PacketSizes: []int{72, 900, 1400},
			})
			assert.Equal(t, &MTUHole{Passed: 900, Stuck: 1400, Hosts: Hosts{"web-2": 2}}, r.Hole)
			assert.EqualValues(t, 2, r.Down)
		})
	})
	t.Run("UDP, under way", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, e *Engine) {
			large := map[netip.AddrPort]int{}
			to := datagrams(t, func(from netip.AddrPort, data []byte) []byte {
				if len(data) > 1000 {
					if large[from]++; large[from] > 5 {
						return nil
					}
				}
				return named("web-2", data)
			})
			r := traffic(t, e, TrafficPlan{
				Plan: Plan{Network: "udp", Targets: []Target{to}, Connections: 2}, Duration: time.Second, Throughput: 200, PacketSizes: []int{72, 900, 1400},
			})
			assert.Equal(t, &MTUHole{Passed: 900, Stuck: 1400, Worked: true, Hosts: Hosts{"web-2": 2}}, r.Hole)
			assert.EqualValues(t, 2, r.Down)
		})
	})
	t.Run("by chance", func(t *testing.T) {
		t.Parallel()
		onBoth(t, func(t *testing.T, e *Engine) {
			n := 0
			to := datagrams(t, func(_ netip.AddrPort, data []byte) []byte {
				if n++; n%3 == 0 && n%2 == 0 {
					return nil
				}
				return named("web-2", data)
			})
			r := traffic(t, e, TrafficPlan{
				Plan: Plan{Network: "udp", Targets: []Target{to}, Connections: 1}, Duration: time.Second, Throughput: 60, PacketSizes: []int{72, 900, 1400}, LossTimeout: 500 * time.Millisecond,
			})
			assert.Nil(t, r.Hole)
			assert.Zero(t, r.Down)
		})
	})
}

// A connection fell silent between its last echo and the packet after it.
func TestSilentLossIsTimed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		r := traffic(t, e, TrafficPlan{
			Plan: Plan{Targets: []Target{peer(t, func(conn *net.TCPConn) { echoOnly(3)(conn); untilClosed(conn) })}}, Duration: 2 * time.Second, Throughput: 10,
			LossTimeout: 300 * time.Millisecond, NoReconnect: true,
		})
		require.Len(t, r.List, 1)
		l := r.List[0]
		assert.Equal(t, ClassNoReply, l.Class)
		assert.Greater(t, l.Missed, l.At, "the packet after the last echo")
		assert.Less(t, l.Missed, r.Records[0].Ended-250*time.Millisecond, "not when it was noticed")
		change := Change{Time: (l.At + l.Missed) / 2, Within: time.Second}
		assert.True(t, change.Excuses(&l))
	})
}

// A dead connection that is held died before the keepalive that has no answer. Its host is who answered, not what greeted.
func TestSilentHoldIsTimedAndNamed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		to := peer(t, func(conn *net.TCPConn) {
			buffer := make([]byte, 100)
			if _, err := conn.Write([]byte("220 welcome")); err != nil {
				return
			}
			for range 2 {
				if _, err := conn.Read(buffer); err != nil {
					return
				}
				if _, err := conn.Write([]byte("250 web-7 at your service\r\n")); err != nil {
					return
				}
			}
			untilClosed(conn)
		})
		h, err := e.Hold(t.Context(), HoldPlan{
			Plan:      Plan{Targets: []Target{to}, Connections: 3, Payload: []byte("NOOP\r\n"), Reply: matching(`^250 (\S+)`, "\r\n")},
			Keepalive: 100 * time.Millisecond, KeepaliveTimeout: 700 * time.Millisecond,
		})
		require.NoError(t, err)
		<-h.Done()
		r := h.Close()
		assert.Equal(t, Hosts{"web-7": 3}, r.Hosts)
		require.Len(t, r.List, 3)
		for _, l := range r.List {
			assert.Equal(t, "web-7", l.Host)
			assert.Equal(t, 100*time.Millisecond, l.Missed-l.At, "the interval")
			assert.Less(t, l.Missed, r.Duration-600*time.Millisecond, "when the keepalive was sent, not when it was given up")
		}
	})
}

func matching(expression, until string) *reply.Want {
	return &reply.Want{Match: regexp.MustCompile(expression), Until: []byte(until)}
}

// A UDP flow that was lost and dialed again, and has had nothing to send since, is not up: nobody has heard of it.
func TestRedialedFlowIsDown(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		packets := 0
		to := datagrams(t, func(_ netip.AddrPort, data []byte) []byte {
			if packets++; packets > 1 {
				return nil
			}
			return named("web-1", data)
		})
		r := traffic(t, e, TrafficPlan{
			Plan: Plan{Network: "udp", Targets: []Target{to}}, Duration: 2650 * time.Millisecond, Throughput: 100.0 / 1024, PacketSizes: []int{100}, LossTimeout: 200 * time.Millisecond,
		})
		assert.EqualValues(t, 1, r.Lost)
		assert.EqualValues(t, 1, r.Down)
	})
}

// UDP flows that lack their last echoes are well one by one, as datagrams get lost; where too many of them do for chance, they are silent.
func TestUDPFlowsThatFallSilentAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		flows, lacking, packets, sent, received int64
		silent                                  int64
	}{
		"none":                              {20, 0, 0, 300, 300, 0},
		"all, and nothing was lost before":  {20, 20, 30, 300, 270, 20},
		"half, and nothing was lost before": {20, 10, 10, 300, 290, 10},
		"a few":                             {20, 3, 3, 300, 297, 0},
		"a quarter, of a lossy way":         {20, 5, 5, 300, 225, 0},
		"half, of a lossy way":              {20, 10, 10, 300, 225, 0},
		"all, of a lossy way":               {20, 20, 30, 300, 230, 20},
		"four of very many":                 {100_000, 4, 4, 1_000_000, 999_990, 0},
		"one host's of very many":           {100_000, 25_000, 25_000, 1_000_000, 974_000, 25_000},
	} {
		tails := tails{row.flows, row.lacking, row.packets}
		assert.Equal(t, row.silent, tails.silent(row.sent, row.received), name)
	}
	onBoth(t, func(t *testing.T, e *Engine) {
		const flows, packets = 10, 20 // in a second
		var first time.Time
		to := datagrams(t, func(_ netip.AddrPort, data []byte) []byte {
			if first.IsZero() {
				first = time.Now()
			}
			if time.Since(first) > 850*time.Millisecond {
				return nil
			}
			return named("web-2", data)
		})
		r := traffic(t, e, TrafficPlan{
			Plan: Plan{Network: "udp", Targets: []Target{to}, Connections: flows}, Duration: time.Second, Throughput: flows * packets, PacketSizes: []int{1024}, LossTimeout: 500 * time.Millisecond,
		})
		assert.EqualValues(t, flows, r.Down, "%d lost", r.Lost)
	})
}

// What was awaited when the call's time was up is not known to have come.
func TestTrafficIsCutOffWhileEchoesAreDue(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		silent := peer(t, func(c *net.TCPConn) {
			_, _ = io.CopyN(c, c, DefaultPacketSize)
			untilClosed(c)
		})
		r := traffic(t, e, TrafficPlan{Plan: Plan{Targets: []Target{silent}, Timeout: time.Second}, Duration: time.Second, LossTimeout: time.Hour})
		assert.EqualValues(t, 1, r.Awaiting)
		assert.Positive(t, r.Awaited)
		assert.Zero(t, r.Down)
	})
}
