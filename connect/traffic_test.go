package connect

import (
	"context"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
)

// echoServer is a connection of ctraffic's server.
func echoServer(host string) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		if hello(conn, host) == nil {
			_, _ = io.Copy(conn, conn)
		}
	}
}

func hello(conn *net.TCPConn, host string) error {
	var first [rules.HelloSize]byte
	if _, err := io.ReadFull(conn, first[:]); err != nil {
		return err
	}
	copy(first[:], host)
	_, err := conn.Write(first[:])
	return err
}

// dribble echoes byte by byte.
func dribble(conn *net.TCPConn) {
	if hello(conn, "slow") != nil {
		return
	}
	var b [1]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			return
		}
		if _, err := conn.Write(b[:]); err != nil {
			return
		}
	}
}

// late echoes each packet of 1024 bytes a while after it has come.
func late(by time.Duration) func(*net.TCPConn) {
	return func(conn *net.TCPConn) {
		packet := make([]byte, DefaultPacketSize)
		for {
			if _, err := io.ReadFull(conn, packet); err != nil {
				return
			}
			time.Sleep(by)
			if _, err := conn.Write(packet); err != nil {
				return
			}
		}
	}
}

// echoOnly closes after a number of packets.
func echoOnly(packets int64) func(*net.TCPConn) {
	return func(conn *net.TCPConn) { _, _ = io.CopyN(conn, conn, packets*DefaultPacketSize) }
}

// chatter echoes twice as much as it gets.
func chatter(conn *net.TCPConn) {
	buf := make([]byte, 2*DefaultPacketSize)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		if _, err := conn.Write(buf[:2*n]); err != nil {
			return
		}
	}
}

// requireTrafficSums checks that every connection and packet is accounted for once.
func requireTrafficSums(t *testing.T, r *TrafficResult) {
	t.Helper()
	var sampled TrafficSample
	for _, s := range r.Samples {
		sampled.New += s.New
		sampled.Lost += s.Lost
		sampled.Sent += s.Sent
		sampled.Received += s.Received
		sampled.Dropped += s.Dropped
		assert.GreaterOrEqual(t, s.Active, int64(0))
		assert.GreaterOrEqual(t, s.Connecting, int64(0))
		assert.LessOrEqual(t, s.Time, r.Duration)
	}
	var recorded TrafficSample
	for _, c := range r.Records {
		recorded.Sent += c.Sent
		recorded.Received += c.Received
		recorded.Dropped += c.Dropped
		assert.LessOrEqual(t, c.Received, c.Sent)
		assert.LessOrEqual(t, c.Started, c.Ended)
		assert.Equal(t, c.Received > 0, c.Answered > 0, "%+v", c)
		if c.Answered > 0 {
			assert.LessOrEqual(t, c.Connected, c.Answered)
			assert.LessOrEqual(t, c.Answered, c.Ended)
		}
		if c.Connected > 0 {
			recorded.New++
			assert.True(t, c.Local.IsValid() || c.Error == ClassReset, "%+v", c)
			assert.True(t, c.Remote.IsValid())
			assert.LessOrEqual(t, c.Started, c.Connected)
			assert.LessOrEqual(t, c.Connected, c.Ended)
			if c.Error != ClassNone {
				recorded.Lost++
			}
		}
	}
	want := TrafficSample{New: r.Lost + r.Lasting, Lost: r.Lost, Sent: r.Sent, Received: r.Received, Dropped: r.Dropped}
	assert.Equal(t, want, sampled, "samples")
	assert.Equal(t, want, recorded, "records")
	assert.Equal(t, r.Lost, sum(r.LostByHost))
	assert.Equal(t, r.Lasting, sum(r.LastingByHost))
	assert.Equal(t, r.Lost+r.FailedConnects, sum(r.Errors), "%v", r.Errors)
	assert.Equal(t, r.Received, r.RoundTrip.Count)
	assert.Equal(t, r.Lasting, r.States.Completed)
	assert.Equal(t, r.Lost+r.FailedConnects, r.States.Error)
	assert.Zero(t, r.States.Dialing+r.States.Established+r.States.Closed)
	assert.Equal(t, r.Lost+r.Lasting, r.ConnectTime.Count)
	for class := range r.Errors {
		assert.NotEmpty(t, r.First[class])
	}
	var counted int64
	for _, b := range r.RoundTrips {
		counted += b.Count
	}
	assert.Equal(t, r.Received, counted)
	assert.Equal(t, r.Lost > 0, r.FirstLoss != nil)
}

func sum[K comparable](counts map[K]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// traffic runs a call and checks its sums and the engine's.
func traffic(t *testing.T, e *Engine, plan TrafficPlan) *TrafficResult {
	t.Helper()
	plan.Reset = true
	before := e.Total.States().Total()
	r, err := e.Traffic(t.Context(), plan)
	require.NoError(t, err)
	requireTrafficSums(t, r)
	s := e.Total.States()
	assert.Zero(t, s.Dialing+s.Established, "%+v", s)
	assert.GreaterOrEqual(t, s.Total()-before, plan.Connections)
	return r
}

func TestTrafficLasts(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]TrafficPlan{
		"paced":                     {Throughput: 2000},
		"unpaced":                   {},
		"small packets":             {PacketSizes: []int{MinPacketSize}, Throughput: 100},
		"packets beyond a buffer":   {PacketSizes: []int{MaxPacketSize}, LossTimeout: 10 * time.Second},
		"less than a packet a slot": {Throughput: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				plan := plan
				plan.Targets = []Target{peer(t, echoServer("a")), peer(t, echoServer("b"))}
				plan.Connections, plan.Duration = 20, 600*time.Millisecond
				if plan.LossTimeout == 0 {
					plan.LossTimeout = 5 * time.Second
				}
				r := traffic(t, e, plan)
				assert.Zero(t, r.Lost, "%v", r.First)
				assert.EqualValues(t, 20, r.Lasting)
				assert.Zero(t, r.Reconnects)
				assert.Equal(t, r.Sent, r.Received, "what was on its way has come back")
				assert.Nil(t, r.Recovered)
				if plan.Throughput != 1 {
					assert.Equal(t, Hosts{"a": 10, "b": 10}, r.LastingByHost)
					assert.Positive(t, r.RoundTrip.Min)
				}
			})
		})
	}
}

func TestTrafficPace(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		plan := TrafficPlan{Plan: Plan{Targets: []Target{peer(t, echoServer("a"))}, Connections: 10}, Throughput: 500, Duration: time.Second, LossTimeout: 5 * time.Second}
		r := traffic(t, e, plan)
		late := r.Duration - plan.Duration // as the machine is busy: all at the end, and each at its beginning
		for _, connection := range r.Records {
			late += connection.Connected / time.Duration(plan.Connections)
		}
		assert.InDelta(t, 500, r.Sent+r.Dropped, 20+500*late.Seconds(), "every slot is used or dropped")
	})
}

func TestTrafficLoses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		peer  func(*net.TCPConn)
		class Class
	}{
		"closed":         {echoOnly(3), ClassClosed},
		"closed at once": {closeAtOnce, ClassClosed},
		"reset":          {resetAtOnce, ClassReset},
		"silent":         {func(c *net.TCPConn) { untilClosed(c) }, ClassNoReply},
		"too much":       {chatter, ClassBadReply},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				plan := TrafficPlan{Plan: Plan{Targets: []Target{peer(t, test.peer)}, Connections: 5}, Throughput: 500, Duration: 900 * time.Millisecond, LossTimeout: 300 * time.Millisecond}
				r := traffic(t, e, plan)
				assert.GreaterOrEqual(t, r.Errors[test.class], int64(5), "%v", r.First)
				assert.Equal(t, r.Connections+r.Reconnects, r.Lost+r.Lasting)
				assert.Positive(t, r.Reconnects)

				plan.NoReconnect, plan.Targets = true, []Target{peer(t, test.peer)}
				r = traffic(t, e, plan)
				assert.Zero(t, r.Reconnects)
				assert.EqualValues(t, 5, r.Lost)
				assert.Nil(t, r.Recovered)
				assert.Zero(t, r.Samples[len(r.Samples)-1].Connecting, "nothing is dialed again")
			})
		})
	}
}

// A proxy without backends takes each connection and closes it: that is no reason to storm it.
func TestTrafficBacksOff(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		r := traffic(t, e, TrafficPlan{Plan: Plan{Targets: []Target{peer(t, closeAtOnce)}, Connections: 1}, Duration: 1400 * time.Millisecond})
		assert.Positive(t, r.Reconnects)
		assert.LessOrEqual(t, r.Reconnects, int64(3), "after 100, 200, 400 and 800 ms")
		assert.Nil(t, r.Recovered)
	})
}

// A peer that takes no more of a packet before its echo is read makes nobody wait for ever.
func TestTrafficLargePackets(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		to := peer(t, func(conn *net.TCPConn) {
			_, _ = conn.SetReadBuffer(64<<10), conn.SetWriteBuffer(64<<10) // less than a packet
			_, _ = io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, 10_000))
		})
		r := traffic(t, e, TrafficPlan{Plan: Plan{Targets: []Target{to}, Connections: 2}, PacketSizes: []int{MaxPacketSize}, LossTimeout: time.Minute, Duration: 300 * time.Millisecond})
		assert.Positive(t, r.Received)
		assert.Equal(t, r.Sent, r.Received, "the packets on their way come back")
		assert.EqualValues(t, 2, r.Lasting)
	})
}

func TestTrafficRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		target := refusing(t)
		r := traffic(t, e, TrafficPlan{Plan: Plan{Targets: []Target{target}, Connections: 3}, Duration: 800 * time.Millisecond})
		assert.Zero(t, r.Lost+r.Lasting)
		assert.GreaterOrEqual(t, r.FailedConnects, int64(6), "each is tried again")
		assert.Less(t, r.FailedConnects, int64(30), "but not without a pause")
		require.Len(t, r.Records, 3)
		assert.Equal(t, ClassRefused, r.Records[0].Error)
		assert.Equal(t, target.Addr, r.Records[0].Remote)
		assert.EqualValues(t, 3, r.Samples[len(r.Samples)-1].Connecting)
	})
}

// A server that is killed and comes back: its connections are lost and made again, and the result says when.
func TestTrafficRecovers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		lasting := peer(t, echoServer("lasting"))
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := listener.Addr()
		plan := TrafficPlan{
			Plan:       Plan{Targets: []Target{lasting, target(t, address)}, Connections: 10, Reset: true},
			Throughput: 500, Duration: 2500 * time.Millisecond, LossTimeout: 5 * time.Second,
		}
		refused := make(onRefused, 1)
		plan.Observer = refused
		done := make(chan *TrafficResult)
		go func() {
			r, err := e.Traffic(t.Context(), plan)
			assert.NoError(t, err)
			done <- r
		}()
		open := make([]*net.TCPConn, 0, 5)
		for range 5 {
			conn, err := listener.Accept()
			require.NoError(t, err)
			open = append(open, conn.(*net.TCPConn))
			require.NoError(t, hello(open[len(open)-1], "killed"))
		}
		killed := time.Now()
		listener.Close()
		for _, conn := range open {
			_ = conn.SetLinger(0)
			conn.Close()
		}
		<-refused // the outage
		back := time.Now()
		peerAt(t, address.String(), echoServer("restarted"))
		r := <-done
		requireTrafficSums(t, r)
		assert.EqualValues(t, 5, r.Lost)
		assert.EqualValues(t, 10, r.Lasting)
		assert.EqualValues(t, 5, r.Reconnects)
		assert.Equal(t, Hosts{"killed": 5}, r.LostByHost)
		assert.Equal(t, Hosts{"lasting": 5, "restarted": 5}, r.LastingByHost)
		require.NotNil(t, r.Recovered)
		assert.False(t, r.StartTime.Add(*r.FirstLoss).Before(killed))
		assert.LessOrEqual(t, *r.FirstLoss, *r.LastLoss)
		assert.False(t, r.StartTime.Add(*r.Recovered).Before(back))
		assert.Less(t, *r.Recovered, r.Duration)
	})
}

// onRefused gets something when a connection was refused.
type onRefused chan struct{}

func (o onRefused) Outcomes(batch []Outcome) {
	for i := range batch {
		if batch[i].Class == ClassRefused {
			select {
			case o <- struct{}{}:
			default:
			}
		}
	}
}

func (onRefused) Second()        {}
func (onRefused) Monitor(States) {}

func TestTrafficSlowPeers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		plan := TrafficPlan{Plan: Plan{Connections: 4}, Throughput: 400, Duration: 700 * time.Millisecond, LossTimeout: 5 * time.Second}
		plan.Targets = []Target{peer(t, dribble)}
		r := traffic(t, e, plan)
		assert.Equal(t, Hosts{"slow": 4}, r.LastingByHost, "%v", r.First)

		plan.Targets = []Target{peer(t, late(50*time.Millisecond))}
		r = traffic(t, e, plan)
		assert.Zero(t, r.Lost)
		assert.Greater(t, r.Dropped, r.Sent, "four of five slots come while an echo is late")
		assert.GreaterOrEqual(t, r.RoundTrip.Min, 50*time.Millisecond)
		assert.Equal(t, Hosts{UnknownHost: 4}, r.LastingByHost, "a plain echo server tells no name")
	})
}

func TestTrafficAborted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var packets atomic.Int64
		ctx, abort := context.WithCancel(t.Context())
		r, err := e.Traffic(ctx, TrafficPlan{
			Plan:    Plan{Targets: []Target{peer(t, func(c *net.TCPConn) { untilClosed(c) })}, Connections: 3, Reset: true},
			Packets: abortOn{&packets, abort}, Duration: time.Hour, LossTimeout: time.Hour,
		})
		require.NoError(t, err)
		requireTrafficSums(t, r)
		assert.EqualValues(t, 3, r.Lasting, "connections that are alive at an abort have lasted")
		assert.EqualValues(t, 3, packets.Load())
		s := e.Total.States()
		assert.EqualValues(t, 3, s.Completed)
		assert.EqualValues(t, 3, s.Total())
	})
}

// abortOn aborts a call at its first sample.
type abortOn struct {
	packets *atomic.Int64
	abort   context.CancelFunc
}

func (abortOn) Echoes([]Echo) {}

func (a abortOn) Sample(s TrafficSample, _, _ int64) {
	a.packets.Add(s.Sent)
	a.abort()
}

func TestTrafficUDP(t *testing.T) {
	t.Parallel()
	named := func(host string, datagram []byte) []byte {
		copy(datagram, host)
		return datagram
	}
	for name, test := range map[string]struct {
		reply func() func([]byte) []byte
		rate  float64
		check func(*testing.T, *TrafficResult)
	}{
		"paced": {func() func([]byte) []byte {
			return func(d []byte) []byte { return named("a", d) }
		}, 500, func(t *testing.T, r *TrafficResult) {
			assert.Equal(t, r.Sent, r.Received)
			assert.Equal(t, Hosts{"a": 5}, r.LastingByHost)
		}},
		"unpaced": {func() func([]byte) []byte {
			return func(d []byte) []byte { return named("a", d) }
		}, 0, func(t *testing.T, r *TrafficResult) {
			assert.Zero(t, r.Lost, "%v", r.First)
			assert.Greater(t, r.Sent, int64(100))
		}},
		"every third is lost": {func() func([]byte) []byte {
			n := 0
			return func(d []byte) []byte {
				if n++; n%3 == 0 {
					return nil
				}
				return named("a", d)
			}
		}, 500, func(t *testing.T, r *TrafficResult) {
			assert.Zero(t, r.Lost, "%v", r.First)
			assert.InDelta(t, r.Sent/3, r.Sent-r.Received, 2)
		}},
		"every third is lost, unpaced": {func() func([]byte) []byte {
			n := 0
			return func(d []byte) []byte {
				if n++; n%3 == 0 {
					return nil
				}
				return named("a", d)
			}
		}, 0, func(t *testing.T, r *TrafficResult) {
			assert.Less(t, r.Received, r.Sent)
			assert.Greater(t, r.Sent, 2*r.Connections, "a lost packet does not stop a flow")
		}},
		"twice, and forged": {func() func([]byte) []byte {
			n := 0
			return func(d []byte) []byte {
				if n++; n%2 == 0 {
					d[len(d)-1] ^= 0x55
				}
				return d
			}
		}, 500, func(t *testing.T, r *TrafficResult) {
			assert.Less(t, r.Received, r.Sent)
			assert.Equal(t, Hosts{UnknownHost: 5}, r.LastingByHost)
		}},
		"moves to another backend": {func() func([]byte) []byte {
			n := 0
			return func(d []byte) []byte {
				if n++; n > 100 {
					return named("second", d)
				}
				return named("first", d)
			}
		}, 500, func(t *testing.T, r *TrafficResult) {
			assert.EqualValues(t, 5, r.Moved)
			assert.Equal(t, Hosts{"second": 5}, r.LastingByHost)
		}},
		"moves to and fro": {func() func([]byte) []byte {
			n := 0
			return func(d []byte) []byte {
				n++
				return named([]string{"first.", "second"}[n/5%2], d)
			}
		}, 500, func(t *testing.T, r *TrafficResult) {
			assert.EqualValues(t, 5, r.Moved, "flows, not moves")
		}},
		"silent": {func() func([]byte) []byte {
			return func([]byte) []byte { return nil }
		}, 500, func(t *testing.T, r *TrafficResult) {
			assert.Zero(t, r.Received)
			assert.GreaterOrEqual(t, r.Errors[ClassNoReply], int64(5))
			assert.Positive(t, r.Reconnects)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				r := traffic(t, e, TrafficPlan{
					Plan:       Plan{Network: "udp", Targets: []Target{udpPeer(t, test.reply())}, Connections: 5},
					Throughput: test.rate, Duration: 700 * time.Millisecond, LossTimeout: 400 * time.Millisecond,
				})
				test.check(t, r)
			})
		})
	}
}

// A call that is over before a silent flow could be told from a slow one waits for that.
func TestTrafficShortUDP(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		plan := TrafficPlan{
			Plan:       Plan{Network: "udp", Targets: []Target{udpPeer(t, func([]byte) []byte { return nil })}, Connections: 3},
			Throughput: 300, Duration: 200 * time.Millisecond, LossTimeout: 400 * time.Millisecond,
		}
		r := traffic(t, e, plan)
		assert.EqualValues(t, 3, r.Lost)
		assert.Equal(t, map[Class]int64{ClassNoReply: 3}, r.Errors)
		assert.Nil(t, r.Recovered)
	})
}

// Over UDP a flow is up at once: nobody answers all the same.
// A proxy that ends both directions when one ends loses what is on its way. That is seen on all connections, whether the end of the call finds a
// packet on its way or not.
func TestTrafficHalfCloseThatEndsAll(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		const connections = 20
		ending := peer(t, func(c *net.TCPConn) {
			for buf := make([]byte, DefaultPacketSize); ; {
				if _, err := io.ReadFull(c, buf); err != nil {
					return // which closes, with echoes on their way
				}
				echo := slices.Clone(buf)
				time.AfterFunc(200*time.Millisecond, func() { _, _ = c.Write(echo) }) // the end comes sooner
			}
		})
		r := traffic(t, e, TrafficPlan{
			Plan: Plan{Targets: []Target{ending}, Connections: connections}, Throughput: connections * 4, Duration: 600 * time.Millisecond, HalfClose: true,
		})
		assert.EqualValues(t, connections, r.Errors[ClassClosed]+r.Errors[ClassReset], "%v", r.First)
		assert.Positive(t, r.Received)
		if first, some := r.First[ClassClosed]; some {
			assert.ErrorIs(t, first.Err, ReasonClosedShut)
		}
	})
}

// At the end each connection shuts down its sending side, also if nothing has been on its way for a while, and the peer's FIN must come.
func TestTrafficHalfClose(t *testing.T) {
	t.Parallel()
	const connections = 50
	for name, row := range map[string]struct {
		closes bool
		lost   int64
	}{"a peer that closes": {true, 0}, "one that does not": {false, connections}} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, e *Engine) {
				release := make(chan struct{})
				echoing := peer(t, func(c *net.TCPConn) {
					echoServer("web-1")(c)
					if !row.closes {
						<-release
					}
				})
				t.Cleanup(func() { close(release) })
				r := traffic(t, e, TrafficPlan{
					Plan: Plan{Targets: []Target{echoing}, Connections: connections}, Throughput: connections * 4, Duration: 300 * time.Millisecond, HalfClose: true,
					LossTimeout: 2 * time.Second,
				})
				assert.Equal(t, row.lost, r.Lost, "%v", r.First)
				assert.Equal(t, row.lost, r.Errors[ClassNoReply])
				assert.Equal(t, connections-row.lost, r.Lasting)
			})
		})
	}
}

// A datagram that comes back cut, or longer, is no echo; one that comes twice is one.
func TestTrafficUDPForeign(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		reply   func([]byte) []byte
		foreign bool
	}{
		"an echo": {func(d []byte) []byte { return d }, false},
		"cut":     {func(d []byte) []byte { return d[:80] }, true},
		"longer":  {func(d []byte) []byte { return append(slices.Clip(d), "more"...) }, true},
		"short":   {func([]byte) []byte { return []byte("web-1") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				r := traffic(t, e, TrafficPlan{
					Plan: Plan{Network: "udp", Targets: []Target{udpPeer(t, row.reply)}, Connections: 2}, Throughput: 40, PacketSizes: []int{200}, Duration: 300 * time.Millisecond, LossTimeout: 100 * time.Millisecond,
				})
				assert.Positive(t, r.Sent)
				assert.Equal(t, row.foreign, r.Foreign > 0)
				assert.Equal(t, !row.foreign, r.Received > 0)
			})
		})
	}
}

func TestTrafficUDPRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		r := traffic(t, e, TrafficPlan{
			Plan: Plan{Network: "udp", Targets: []Target{target(t, conn.LocalAddr())}, Connections: 2}, Throughput: 20, Duration: 1500 * time.Millisecond,
		})
		assert.Positive(t, r.Lost)
		assert.Nil(t, r.Recovered)
	})
}

func TestTrafficPlanErrors(t *testing.T) {
	t.Parallel()
	valid := Plan{Targets: []Target{refusing(t)}}
	for want, plan := range map[string]TrafficPlan{
		"packet sizes [63]; want 64 to 1048576": {Plan: valid, PacketSizes: []int{63}},
		"packet sizes [71]; want 72 to 65507":   {Plan: Plan{Targets: valid.Targets, Network: "udp"}, PacketSizes: []int{71}},
		"duration -1s; want a positive":         {Plan: valid, Duration: -time.Second},
		"rate 1 of connections; want none":      {Plan: Plan{Targets: valid.Targets, Rate: 1}},
		"throughput -1; want KB/s":              {Plan: valid, Throughput: -1},
		"loss timeout -1s; want":                {Plan: valid, LossTimeout: -time.Second},
		"no target; want at least one":          {},
	} {
		_, err := Traffic(t.Context(), plan)
		assert.ErrorContains(t, err, want)
	}
}
