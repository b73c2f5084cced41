package connect

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

func TestCapacityNamesTheLimit(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		target      func(*testing.T) Target
		connections int64
		limit       Limit
		held        int64
		within      int64
		lowerBound  bool
	}{
		"none reached":       {responder, 300, LimitNone, 300, 0, true},
		"a maximum":          {limited(1000), 3000, LimitApplication, 1000, 2, false},
		"a small maximum":    {limited(3), 500, LimitApplication, 3, 0, false},
		"nobody accepts":     {deaf(16), 100, LimitAcceptQueue, 17, 2, false},
		"out of descriptors": {fewDescriptorsServer, 1000, LimitNotAccepted, 190, 10, false},
		"a few places":       {func(t *testing.T) Target { return greetsFirst(t, 40) }, 400, LimitNotAccepted, 40, 0, false},
		"one place":          {func(t *testing.T) Target { return greetsFirst(t, 1) }, 400, LimitNotAccepted, 1, 0, false},
		"nothing listens":    {refusing, 100, LimitRefused, 0, 0, false},
		"it resets at once":  {func(t *testing.T) Target { return peer(t, resetAtOnce) }, 100, LimitApplication, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e Engine
			r, err := e.Capacity(t.Context(), CapacityPlan{Plan: Plan{Targets: []Target{row.target(t)}, Connections: row.connections}})
			require.NoError(t, err)
			assert.Equal(t, row.limit, r.Limit, "%+v", r)
			assert.InDelta(t, row.held, r.Connections, float64(row.within), "%+v", r)
			assert.Equal(t, row.lowerBound, r.LowerBound)
			assert.NotEmpty(t, r.Explanation)
			assert.Zero(t, e.Total.States().Established, "everything is closed afterwards")
			assert.Equal(t, r.Attempted+r.NotInitiated, e.Total.States().Total())
		})
	}
}

func TestCapacityOfServersThatAnswer(t *testing.T) {
	t.Parallel()
	r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{
		Plan: Plan{Targets: []Target{peer(t, echo), peer(t, func(c *net.TCPConn) { untilClosed(c) })}, Connections: 100, Payload: []byte("hello")},
	})
	require.NoError(t, err)
	assert.Equal(t, LimitNotAccepted, r.Limit, "%+v", r)
	assert.EqualValues(t, 50, r.Connections)
	assert.Zero(t, r.FailedConnects, "an error of a connection that was established: %+v", r)
}

func TestCapacityInTime(t *testing.T) {
	t.Parallel()
	r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{Plan: Plan{Targets: []Target{responder(t)}, Connections: 10_000, Timeout: 200 * time.Millisecond}, Step: 10})
	require.NoError(t, err)
	assert.Equal(t, LimitTime, r.Limit)
	assert.True(t, r.LowerBound)
}

// A target that takes its time is not blamed for what it has not done when the call ends.
func TestCapacityCutShort(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		patience, timeout time.Duration
		stopped           bool
	}{
		"its time is up": {patience: time.Second, timeout: 1500 * time.Millisecond}, // in the second step, which takes a second
		"it is stopped":  {patience: time.Second, timeout: time.Hour, stopped: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			plan := CapacityPlan{
				Plan: Plan{Targets: []Target{greetsFirst(t, 10)}, Connections: 30, Timeout: row.timeout, Monitor: 10 * time.Millisecond},
				Step: 10, Patience: row.patience,
			}
			if row.stopped {
				plan.Observer = &whenHeld{n: 30, call: stop}
			}
			r, err := (&Engine{}).Capacity(ctx, plan)
			require.NoError(t, err)
			assert.Equal(t, LimitTime, r.Limit, "%+v", r)
			assert.True(t, r.LowerBound)
			assert.EqualValues(t, 10, r.Connections, "those that were served")
		})
	}
}

// Connections that are dialled when the call ends fail for the reason that it ends for.
func TestCapacityEndsWhileDialling(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		timeout time.Duration
		class   Class
	}{
		"its time is up": {2 * time.Second, ClassTimeout},
		"it is stopped":  {time.Hour, ClassAborted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			plan := CapacityPlan{Plan: Plan{
				Targets: []Target{deaf(4)(t)}, Connections: 8, Concurrency: 1, ConnectTimeout: time.Hour, Timeout: row.timeout, Monitor: 100 * time.Millisecond,
			}}
			if row.class == ClassAborted {
				plan.Observer = &whenHeld{n: 5, call: stop}
			}
			r, err := (&Engine{}).Capacity(ctx, plan)
			require.NoError(t, err)
			assert.Equal(t, LimitTime, r.Limit, "%+v", r)
			assert.Equal(t, map[Class]int64{row.class: 1}, r.Errors)
			assert.EqualValues(t, 5, r.Connections)
			assert.EqualValues(t, 1, r.FailedConnects)
			assert.EqualValues(t, 2, r.NotInitiated)
		})
	}
}

// The time that a search has by default is enough to watch every step.
func TestCapacityTimeByDefault(t *testing.T) {
	t.Parallel()
	for name, plan := range map[string]CapacityPlan{
		"small steps that are asked": {Step: 1, Plan: Plan{Connections: 1000, Payload: []byte("x")}},
		"small steps":                {Step: 1, Plan: Plan{Connections: 1000}},
		"one step":                   {Step: 100, Plan: Plan{Connections: 100, Payload: []byte("x")}},
		"much patience":              {Patience: time.Minute, Plan: Plan{Connections: 100_000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := plan.withDefaults()
			var needed time.Duration
			for begun, step := int64(0), plan.Step; begun < plan.Connections; begun, step = begun+step, min(2*step, 10*plan.Step) {
				needed += plan.watching()
			}
			assert.Greater(t, plan.Timeout, needed)
		})
	}
}

// The explanation says what is particular about a limit.
func TestCapacityExplains(t *testing.T) {
	t.Parallel()
	lazy := func(t *testing.T) Target { // closes all but the first five, 300 ms later than it should
		var seen atomic.Int64
		return peer(t, func(c *net.TCPConn) {
			if seen.Add(1) > 5 {
				_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			}
			_, _ = c.Read(make([]byte, 1))
		})
	}
	for name, row := range map[string]struct {
		network string
		payload []byte
		target  func(*testing.T) Target
		limit   Limit
		says    string
	}{
		"closes all":   {"tcp", nil, func(t *testing.T) Target { return peer(t, closeAtOnce) }, LimitApplication, "closes every connection"},
		"closes late":  {"tcp", nil, lazy, LimitApplication, "allow more patience"},
		"loses all":    {"udp", []byte("x"), func(t *testing.T) Target { return udpPeer(t, func([]byte) []byte { return nil }) }, LimitNotAccepted, "datagrams get no answer"},
		"accepts less": {"tcp", nil, func(t *testing.T) Target { return greetsFirst(t, 5) }, LimitNotAccepted, "no longer accepts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{
				Plan: Plan{Network: row.network, Targets: []Target{row.target(t)}, Connections: 60, Payload: row.payload},
				Step: 10, Patience: 200 * time.Millisecond,
			})
			require.NoError(t, err)
			assert.Equal(t, row.limit, r.Limit, "%+v", r)
			assert.Contains(t, r.Explanation, row.says)
		})
	}
}

// greetsFirst greets its first n connections, and keeps the others waiting.
func greetsFirst(t *testing.T, n int64) Target {
	var seen atomic.Int64
	return peer(t, func(c *net.TCPConn) {
		if seen.Add(1) <= n {
			_, _ = c.Write([]byte("greeter"))
		}
		untilClosed(c)
	})
}

// whenHeld is an observer that makes a call when a step's n connections have been held for a while.
type whenHeld struct {
	n    int64
	seen int
	call func()
}

func (w *whenHeld) Outcomes([]Outcome) {}
func (w *whenHeld) Second()            {}
func (w *whenHeld) Monitor(now States) {
	if now.Established != w.n {
		return
	}
	if w.seen++; w.seen == 5 {
		w.call()
	}
}

// The explanation quotes the error that the verdict is about, whatever else has failed.
func TestCapacityQuotesTheCause(t *testing.T) {
	t.Parallel()
	busy := evidence{
		errors: map[Class]int64{ClassTimeout: 5, ClassAddrInUse: 1, ClassAddrNotAvailable: 2},
		first:  map[Class]Failure{ClassTimeout: {Text: "late"}, ClassAddrInUse: {Text: "in use"}, ClassAddrNotAvailable: {Text: "not available"}},
	}
	cut := evidence{
		errors: map[Class]int64{ClassHostUnreachable: 3, ClassTimeout: 1, ClassOther: 2},
		first:  map[Class]Failure{ClassHostUnreachable: {Text: "no host"}, ClassTimeout: {Text: "late"}, ClassOther: {Text: "odd"}},
	}
	for range 50 { // in whatever order the errors come out of a map
		require.Contains(t, busy.explain(LimitLocalPorts), "(not available)")
		require.Contains(t, cut.explain(LimitUnreachable), "(no host)")
	}
	assert.NotContains(t, cut.explain(LimitRefused), "(")

	pool, err := source.ParsePool("127.77.5.1")
	require.NoError(t, err)
	r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{Plan: Plan{
		Targets: []Target{responder(t)}, Connections: 50, Sources: source.Sequence{Pool: pool, Ports: source.Ports{First: 21000, Last: 21009}},
	}})
	require.NoError(t, err)
	assert.Equal(t, LimitLocalPorts, r.Limit, "%+v", r)
	assert.Contains(t, r.Explanation, r.First[ClassAddrInUse].Error())
}

func limited(n int) func(*testing.T) Target {
	return func(t *testing.T) Target {
		s, err := server.Start(server.Options{Address: "127.0.0.1:0", MaxConnections: n})
		require.NoError(t, err)
		t.Cleanup(s.Close)
		return Target{Name: s.Addr().String(), Addr: s.Addr()}
	}
}

// deaf is a listener that never accepts.
func deaf(backlog int) func(*testing.T) Target {
	return func(t *testing.T) Target {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		require.NoError(t, unix.Listen(fd, backlog))
		name, err := unix.Getsockname(fd)
		require.NoError(t, err)
		return target(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port})
	}
}

const greeterVariable = "MCONNECT_TEST_GREETER"

// fewDescriptorsServer is a process that may open 200 files, greets each connection it accepts, and is at a loss then.
func fewDescriptorsServer(t *testing.T) Target {
	return helper(t, "TestHelperGreeter", greeterVariable).Target
}

func TestHelperGreeter(t *testing.T) {
	if os.Getenv(greeterVariable) == "" {
		return // not in the process that fewDescriptorsServer starts
	}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 200, Max: 200}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	fmt.Println(listener.Addr())
	var open []net.Conn
	for {
		conn, err := listener.Accept()
		if err != nil {
			<-time.After(50 * time.Millisecond)
			continue
		}
		_, _ = conn.Write([]byte("greeter"))
		open = append(open, conn) //nolint:staticcheck // keeps them open
	}
}
