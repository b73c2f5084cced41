package connect

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
	"github.com/seed-aa7fe5b5/xk6-mconnect/server"
)

// fullBacklog is a listener whose backlog is taken, so that the kernel drops every further SYN.
func fullBacklog(t *testing.T) Target {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	name, err := unix.Getsockname(fd)
	require.NoError(t, err)
	port := name.(*unix.SockaddrInet4).Port
	parsed, err := ParseTarget(fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	for {
		conn, err := net.DialTimeout("tcp", parsed.Name, 200*time.Millisecond)
		if err != nil {
			return parsed
		}
		t.Cleanup(func() { conn.Close() })
	}
}

func TestFloodIntoABlackHole(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{fullBacklog(t)}, Connections: 20, ConnectTimeout: 1500 * time.Millisecond}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, map[Class]int64{ClassTimeout: 20}, res.Errors)
		assert.GreaterOrEqual(t, res.ErrorTime.Min, 1500*time.Millisecond)
		if !e.portable {
			assert.GreaterOrEqual(t, res.SYNRetransmits, int64(20), "the kernel sends a SYN again after a second")
		}
	})
}

// responder is the companion server.
func responder(t *testing.T) Target {
	t.Helper()
	s, err := server.Start(server.Options{Address: "127.0.0.1:0", Hostname: "responder"})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return Target{Name: s.Addr().String(), Addr: s.Addr()}
}

func TestFloodMeasuresTheHandshake(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{responder(t)}, Connections: 100}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.EqualValues(t, 100, res.RTT.Count)
		assert.Positive(t, res.RTT.Min)
		assert.Zero(t, res.SYNRetransmits)
	})
}

func TestFloodFromAddressesNobodyHas(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("203.0.113.0/24") // TEST-NET-3: answers go nowhere
	require.NoError(t, err)
	target, err := ParseTarget("127.0.0.1:9")
	require.NoError(t, err)
	res, err := Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{target}, Connections: 5, ConnectTimeout: 100 * time.Millisecond, Sources: source.Sequence{Pool: pool}}})
	require.NoError(t, err)
	requireSums(t, res)
	assert.EqualValues(t, 5, res.FailedConnects)
	for class, failure := range res.First {
		assert.ErrorContains(t, failure, "203.0.113.", class)
	}
}

// TestFloodAllocatesNothingPerConnection compares a small flood with a large one.
func TestFloodAllocatesNothingPerConnection(t *testing.T) {
	target := responder(t)
	var e Engine
	mallocs := func(connections int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{target}, Connections: connections, Reset: true}})
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		require.Equal(t, connections, res.States.Completed, "%v", res.First)
		return after.Mallocs - before.Mallocs
	}
	mallocs(100)
	small, large := mallocs(1000), mallocs(21_000)
	assert.Less(t, float64(large)-float64(small), 20_000*0.05, "allocations of 20,000 more connections")
}

// TestFloodWhileForking starts processes meanwhile: each fork copies all descriptors for a moment, so that closed
// connections of both ends linger in the epoll sets.
func TestFloodWhileForking(t *testing.T) {
	t.Parallel()
	s, err := server.Start(server.Options{Address: "127.0.0.1:0", Hostname: "responder"})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	ended := make(chan struct{})
	var forking sync.WaitGroup
	forking.Go(func() {
		for range 500 {
			select {
			case <-ended:
				return
			default:
				assert.NoError(t, exec.CommandContext(t.Context(), "true").Run())
			}
		}
	})
	res, err := Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{{Name: s.Addr().String(), Addr: s.Addr()}}, Connections: 15_000, Timeout: time.Minute, Reset: true}})
	close(ended)
	forking.Wait()
	require.NoError(t, err)
	requireSums(t, res)
	assert.Equal(t, Hosts{"responder": 15_000}, res.Hosts, "%v", res.First)
	assert.Eventually(t, func() bool { return s.Stats().Active == 0 }, time.Minute, 10*time.Millisecond, "the server lost count")
	assert.EqualValues(t, 15_000, s.Stats().Accepted)
}

const (
	fewDescriptors = "MCONNECT_TEST_FEW_DESCRIPTORS"
	fewTarget      = "MCONNECT_TEST_TARGET"
)

// TestFloodWithFewDescriptors runs TestHelperFewDescriptors in a process of its own, whose limit it can lower.
func TestFloodWithFewDescriptors(t *testing.T) {
	t.Parallel()
	target := responder(t)
	for _, mode := range []string{"in flight", "held by others", "package net"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperFewDescriptors$", "-test.v")
			cmd.Env = append(os.Environ(), fewDescriptors+"="+mode, fewTarget+"="+target.Name)
			out, err := cmd.CombinedOutput()
			assert.NoError(t, err, "%s", out)
			assert.Contains(t, string(out), "--- PASS: TestHelperFewDescriptors")
		})
	}
}

func TestHelperFewDescriptors(t *testing.T) {
	mode := os.Getenv(fewDescriptors)
	if mode == "" {
		return // not in the process that TestFloodWithFewDescriptors starts
	}
	target, err := ParseTarget(os.Getenv(fewTarget))
	require.NoError(t, err)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 60, Max: 60}))
	e := Engine{portable: mode == "package net"}
	if mode == "held by others" {
		release := keepLoops(t, &e, target)
		defer release()
		<-time.After(10 * time.Millisecond) // Go's runtime needs descriptors for its first timer
		holdAllDescriptors(t)
	}
	res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{target}, Connections: 2000, Concurrency: 500, Timeout: time.Minute}})
	require.NoError(t, err)
	requireSums(t, res)
	switch mode {
	case "in flight":
		assert.EqualValues(t, 2000, res.States.Completed, "connections wait for descriptors that others will free: %v", res.First)
	case "held by others":
		assert.Equal(t, map[Class]int64{ClassFDLimit: 2000}, res.Errors)
		assert.Contains(t, res.First[ClassFDLimit].Error(), "this process may open 60 files")
	case "package net":
		assert.EqualValues(t, 2000, res.States.Completed+res.Errors[ClassFDLimit], "%v", res.First)
		assert.Positive(t, res.States.Completed)
	}
}

func holdAllDescriptors(t *testing.T) {
	t.Helper()
	for {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return
		}
		t.Cleanup(func() { unix.Close(fd) })
	}
}

// keepLoops makes the engine start its loops, and keep them, by a call that has nothing to do yet.
func keepLoops(t *testing.T, e *Engine, to Target) (release func()) {
	t.Helper()
	h, err := e.Hold(t.Context(), HoldPlan{Plan: Plan{Targets: []Target{to}, Connections: 2, Rate: 1e-9, Timeout: time.Hour}})
	require.NoError(t, err)
	return func() { h.Close() }
}

// A call whose time is up in the middle of TLS handshakes tells that, not that nobody took the connects.
func TestTimeUpInAHandshake(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		target func(*testing.T) Target
		reason Reason
	}{
		"accepted":     {func(t *testing.T) Target { return peer(t, func(conn *net.TCPConn) { untilClosed(conn) }) }, ReasonTimeUpShaking},
		"not accepted": {fullBacklog, ReasonTimeUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := new(Engine).Flood(t.Context(), FloodPlan{Plan: Plan{
				Network: "tls", Targets: []Target{row.target(t)}, Connections: 5, ConnectTimeout: time.Minute, Timeout: 300 * time.Millisecond,
			}})
			require.NoError(t, err)
			assert.Equal(t, map[Class]int64{ClassTimeout: 5}, r.Errors)
			require.ErrorIs(t, r.First[ClassTimeout].Err, row.reason)
		})
	}
}
