package module_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/lib/types"
)

// startPeer listens on loopback, and gives each connection to a function, which the test's end interrupts.
func startPeer(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	servePeer(t, listener, handle)
	return listener.Addr().String()
}

// servePeer handles the connections of a listener until the test ends.
func servePeer(t *testing.T, listener net.Listener, handle func(net.Conn)) {
	t.Helper()
	var running sync.WaitGroup
	var open sync.Map
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Store(conn, nil)
			running.Go(func() {
				defer open.Delete(conn)
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Range(func(conn, _ any) bool {
			_ = conn.(net.Conn).Close()
			return true
		})
		running.Wait()
	})
}

// silent reads, and says nothing.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// greeting is a peer that answers with its name, and waits for the client to close.
func greeting(name string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, name)
		silent(conn)
	}
}

// refusing is an address at which nothing listens: its port is the other end of a connection, so that nobody else gets it.
func refusing(t *testing.T) (address string) {
	t.Helper()
	conn, err := net.Dial("tcp", startPeer(t, silent))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// floodResult is what tests look at of a FloodResult.
type floodResult struct {
	Hosts         map[string]int64   `json:"hosts"`
	Connects      int64              `json:"connects"`
	FailedConnect int64              `json:"failed_connects"`
	FailedReads   int64              `json:"failed_reads"`
	States        map[string]int64   `json:"states"`
	Errors        map[string]int64   `json:"errors"`
	SourcesUsed   int64              `json:"sources_used"`
	Duration      float64            `json:"duration"`
	Timeout       float64            `json:"timeout"`
	ConnectTime   map[string]float64 `json:"connect_time"`
	Balance       map[string]any     `json:"balance"`
	Flows         any                `json:"flows"`
	Affinity      map[string]float64 `json:"affinity"`
}

func TestFlood(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	one, two := startPeer(t, greeting("one")), startPeer(t, greeting("two"))
	r := get[floodResult](t, v, `return flood(['%s', '%s'], {connections: 100, tags: {phase: 'steady', step: 7}})`, one, two)
	assert.Equal(t, map[string]int64{"one": 50, "two": 50}, r.Hosts)
	assert.Equal(t, map[string]int64{"not_initiated": 0, "dialing": 0, "established": 0, "completed": 100, "closed": 0, "error": 0}, r.States)
	assert.Empty(t, r.Errors)
	assert.Positive(t, r.Duration)
	assert.InDelta(t, 2100, r.Timeout, 0, "1 ms for each connection and 2 s")
	assert.Positive(t, r.ConnectTime["p(95)"])
	assert.InDelta(t, 0.5, r.Balance["max_share"], 0)

	s := v.taken()
	targets := map[string]float64{"tcp|" + one: 50, "tcp|" + two: 50}
	assert.Equal(t, targets, s.by("mconnect_connects", "proto", "target"))
	assert.Equal(t, map[string]float64{one + "|one": 50, two + "|two": 50}, s.by("mconnect_replies", "target", "host"))
	for _, trend := range []string{"mconnect_connect_duration", "mconnect_reply_duration", "mconnect_connect_failed", "mconnect_reply_failed"} {
		assert.Equal(t, 100, s.count(trend), "%s: one for each connection", trend)
	}
	assert.Zero(t, s.sum("mconnect_connect_failed")+s.sum("mconnect_reply_failed"))
	assert.InDelta(t, 300, s.sum("data_received"), 0)
	assert.InDelta(t, 100, s.last("mconnect_completed"), 0)
	assert.Positive(t, s.last("mconnect_established_max"))
	for _, sample := range s {
		team, _ := sample.Tags.Get("team")
		phase, _ := sample.Tags.Get("phase")
		step, _ := sample.Tags.Get("step")
		assert.Equal(t, []string{"l4", "steady", "7"}, []string{team, phase, step}, "%s has the script's tags and the call's", sample.Metric.Name)
	}
}

// Each kind of failure has its class in the result, in the metrics, and once in the log.
func TestFloodFailures(t *testing.T) {
	t.Parallel()
	quiet, closes := startPeer(t, silent), startPeer(t, func(net.Conn) {})
	nonsense := startPeer(t, greeting("\x01\x02"))
	_, blocked, err := net.ParseCIDR("127.9.0.0/16")
	require.NoError(t, err)
	names, err := types.NewNullHostnameTrie([]string{"*.forbidden.example"})
	require.NoError(t, err)
	for name, row := range map[string]struct {
		target, class  string
		connects, read int64 // how many fail
	}{
		"nothing listens":   {refusing(t), "refused", 20, 0},
		"no answer":         {quiet, "no_reply", 0, 20},
		"closed":            {closes, "closed", 0, 20},
		"nonsense":          {nonsense, "bad_reply", 0, 20},
		"unknown name":      {"web.example:80", "dns", 20, 0},
		"forbidden address": {"127.9.0.1:80", "blocked", 20, 0},
		"forbidden name":    {"a.forbidden.example:80", "blocked", 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVU(t, settings{options: lib.Options{BlacklistIPs: []*lib.IPNet{{IPNet: *blocked}}, BlockedHostnames: names}})
			r := get[floodResult](t, v, `return flood('%s', {connections: 20, connectTimeout: '300ms'})`, row.target)
			assert.Equal(t, map[string]int64{row.class: 20}, r.Errors)
			assert.EqualValues(t, 20, r.States["error"])
			assert.Equal(t, []int64{row.connects, row.read}, []int64{r.FailedConnect, r.FailedReads})
			s := v.taken()
			assert.InDelta(t, 20, s.sum("mconnect_connects"), 0)
			assert.InDelta(t, row.connects, s.by("mconnect_connect_failed", "error")[row.class], 0)
			assert.InDelta(t, row.read, s.by("mconnect_reply_failed", "error")[row.class], 0)
			assert.InDelta(t, 20, s.last("mconnect_error"), 0)
			assert.Len(t, v.logged("20 of 20 connections failed, class "+row.class), 1)
			get[floodResult](t, v, `return flood('%s', {connections: 3, connectTimeout: '300ms'})`, row.target)
			assert.Len(t, v.logged("class "+row.class), 1, "explained once")
		})
	}
}

func TestFloodOptions(t *testing.T) {
	t.Parallel()
	peer := startPeer(t, greeting("one"))
	for name, row := range map[string]struct {
		options string
		check   func(t *testing.T, r floodResult, s samples)
	}{
		"default": {`{}`, func(t *testing.T, r floodResult, _ samples) {
			assert.EqualValues(t, 1, r.Connects)
			assert.Nil(t, r.Flows)
		}},
		"null is the default": {`{connections: null, network: undefined}`, func(t *testing.T, r floodResult, _ samples) {
			assert.EqualValues(t, 1, r.Connects)
		}},
		"no answer wanted": {`{connections: 10, readReply: false}`, func(t *testing.T, r floodResult, s samples) {
			assert.Empty(t, r.Hosts)
			assert.EqualValues(t, 10, r.States["completed"])
			assert.Zero(t, s.count("mconnect_reply_failed")+s.count("mconnect_replies")+s.count("mconnect_balance_cv"))
			assert.Equal(t, 10, s.count("mconnect_connect_duration"))
		}},
		"weights": {`{connections: 10, weights: {one: 1, two: 1}}`, func(t *testing.T, r floodResult, s samples) {
			assert.Equal(t, map[string]any{"one": 0.5, "two": 0.5}, r.Balance["expected"])
			assert.InDelta(t, 2, r.Balance["max_load"], 1e-9)
			assert.Less(t, s.last("mconnect_balance_p_value"), 0.01)
			assert.InDelta(t, 0.5, s.last("mconnect_balance_jain"), 1e-9)
		}},
		"other time limits": {`{connections: 5, timeout: '7s', connectTimeout: 900}`, func(t *testing.T, r floodResult, _ samples) {
			assert.InDelta(t, 7000, r.Timeout, 0)
		}},
		"the IP version asked for": {`{network: 'tcp4', close: 'rst'}`, func(t *testing.T, r floodResult, s samples) {
			assert.EqualValues(t, 1, r.Hosts["one"])
			assert.Equal(t, map[string]float64{"tcp": 1}, s.by("mconnect_connects", "proto"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVU(t, settings{})
			r := get[floodResult](t, v, `return flood('%s', %s)`, peer, row.options)
			row.check(t, r, v.taken())
		})
	}
}

// UDP sends the payload, which is Hello if the script has none.
func TestFloodOverUDP(t *testing.T) {
	t.Parallel()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		buf := make([]byte, 100)
		for {
			n, client, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(append([]byte("got-"), buf[:n]...), client)
		}
	})
	t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	v := newVU(t, settings{})
	for payload, host := range map[string]string{
		`undefined`: "got-Hello", `'text'`: "got-text", `new Uint8Array([65, 66]).buffer`: "got-AB",
	} {
		r := get[floodResult](t, v, `return flood('%s', {network: 'udp', payload: %s})`, server.LocalAddr(), payload)
		assert.Equal(t, map[string]int64{host: 1}, r.Hosts)
	}
	s := v.taken()
	assert.Equal(t, map[string]float64{"udp": 3}, s.by("mconnect_connects", "proto"))
	assert.InDelta(t, 5+4+2, s.sum("data_sent"), 0)
}

// A name is looked up with k6's resolver, and its target keeps the name.
func TestFloodOfAName(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(startPeer(t, greeting("one")))
	require.NoError(t, err)
	v := newVU(t, settings{hosts: map[string]string{"web.example": "127.0.0.1"}})
	r := get[floodResult](t, v, `return flood('web.example:%s', {connections: 2})`, port)
	assert.EqualValues(t, 2, r.Hosts["one"])
	assert.Equal(t, map[string]float64{"web.example:" + port: 2}, v.taken().by("mconnect_connects", "target"))
}

// The sources of an iteration follow those of the iteration before it.
func TestFloodSources(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []string
	peer := startPeer(t, func(conn net.Conn) {
		mu.Lock()
		seen = append(seen, conn.RemoteAddr().(*net.TCPAddr).IP.String())
		mu.Unlock()
		greeting("one")(conn)
	})
	p := newProcess(t)
	for iteration := range uint64(2) {
		v := p.newVU(t).begin(t, settings{iteration: iteration})
		r := get[floodResult](t, v, `return flood('%s', {connections: 3, concurrency: 1, source: ['127.7.0.1-127.7.0.4', '127.7.1.1'], close: 'rst'})`, peer)
		assert.EqualValues(t, 3, r.SourcesUsed)
	}
	mu.Lock()
	defer mu.Unlock()
	assert.ElementsMatch(t, []string{"127.7.0.1", "127.7.0.2", "127.7.0.3", "127.7.0.4", "127.7.1.1", "127.7.0.1"}, seen)
}

// Without sources of its own, a call has those of k6's localIPs that fit its target.
func TestFloodFromLocalIPs(t *testing.T) {
	t.Parallel()
	from := make(chan string, 1)
	peer := startPeer(t, func(conn net.Conn) {
		from <- conn.RemoteAddr().(*net.TCPAddr).IP.String()
		greeting("one")(conn)
	})
	var local types.NullIPPool
	require.NoError(t, local.UnmarshalText([]byte("127.7.7.7,::1")))
	v := newVU(t, settings{options: lib.Options{LocalIPs: local}})
	get[floodResult](t, v, `return flood('%s')`, peer)
	assert.Equal(t, "127.7.7.7", <-from)
}

// The end of an iteration aborts what is under way, and nothing is lost.
func TestFloodIsAborted(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	peer := startPeer(t, func(conn net.Conn) {
		asked <- struct{}{}
		silent(conn)
	})
	v := newVU(t, settings{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 20 {
			<-asked
		}
		v.CancelContext()
	}()
	r := get[floodResult](t, v, `return flood('%s', {connections: 50, concurrency: 20, connectTimeout: '1h', timeout: '1h'})`, peer)
	<-ended
	assert.Equal(t, map[string]int64{"aborted": 20}, r.Errors)
	assert.EqualValues(t, 30, r.States["not_initiated"])
	assert.Empty(t, v.logged("were not begun"), "the call did not run out of time")
}

// What is left over when the time is up is told, with what to do.
func TestFloodRunsOutOfTime(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	r := get[floodResult](t, v, `return flood('%s', {connections: 50, concurrency: 1, timeout: '300ms', monitor: '50ms'})`, startPeer(t, silent))
	assert.EqualValues(t, 49, r.States["not_initiated"])
	assert.Len(t, v.logged("49 of 50 connections were not begun"), 1)
	assert.NotEmpty(t, v.logged("Total: 50, Dialing: "), "the progress line")
	assert.InDelta(t, 49, v.taken().last("mconnect_not_initiated"), 0)
}

// Connections do not block the VU's event loop, which goes on meanwhile.
func TestFloodLeavesTheLoopAlone(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	ticks := get[int](t, v, `
		let ticks = 0, done = false;
		const going = flood('%s', {connections: 10, connectTimeout: '500ms'}).then(() => { done = true; });
		while (!done) { await wait(10); ticks++; }
		await going;
		return ticks;`, startPeer(t, silent))
	assert.Greater(t, ticks, 5)
}

func TestCallsInTheInitContext(t *testing.T) {
	t.Parallel()
	v := newProcess(t).newVU(t)
	for _, call := range []string{`flood('a:1')`, `hold('a:1')`, `capacity('a:1')`, `traffic('a:1')`, `ping('http://a/')`, `tcpPing('a:1')`, `sockets()`, `listen()`} {
		out := v.run(t, `await `+call)
		assert.True(t, out.Thrown, call)
		assert.Equal(t, "TypeError", out.Name, call)
		assert.Contains(t, out.Text, call[:4], call)
		assert.Contains(t, out.Text, "setup()", "%s: says where it can be called", call)
	}
	assert.True(t, get[bool](t, v, `return preflight().checks.length > 0`), "what needs no VU works")
}

// All sample times are different, so that no time series database merges two of them.
func TestSampleTimesDiffer(t *testing.T) {
	t.Parallel()
	v := newVU(t, settings{})
	get[[]floodResult](t, v, `return Promise.all([1, 2].map(() => flood('%s', {connections: 200})))`, startPeer(t, greeting("one")))
	seen := map[time.Time]bool{}
	for _, sample := range v.taken().of("mconnect_connect_duration") {
		assert.False(t, seen[sample.Time], "two at %s", sample.Time)
		seen[sample.Time] = true
	}
	assert.Len(t, seen, 400)
}
