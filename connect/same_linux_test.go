package connect

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// fault is a peer, or something that goes wrong, and a plan for it.
type fault struct {
	network string
	target  func(t *testing.T) Target
	change  func(t *testing.T, p *Plan) // may be nil
	stop    time.Duration               // from outside, after so long; 0 is never
	timed   bool                        // how many bytes and packets there are depends on time
	packet  int                         // of traffic; 0 is 100 bytes
	calls   string                      // of flood, hold and traffic; "" is all
}

// tcp is a peer over TCP.
func tcp(script func(*net.TCPConn)) func(*testing.T) Target {
	return func(t *testing.T) Target { return peer(t, script) }
}

// udp is a peer over UDP.
func udp(reply func([]byte) []byte) func(*testing.T) Target {
	return func(t *testing.T) Target { return udpPeer(t, reply) }
}

func withTimeout(d time.Duration) func(*testing.T, *Plan) {
	return func(_ *testing.T, p *Plan) { p.Timeout = d }
}

func from(pool string) func(*testing.T, *Plan) {
	return func(t *testing.T, p *Plan) {
		parsed, err := source.ParsePool(pool)
		require.NoError(t, err)
		p.Sources = source.Sequence{Pool: parsed}
	}
}

var faults = map[string]fault{
	"answers": {target: tcp(answer("web-1\n"))},
	"answers in two parts": {target: tcp(func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "web-1")
		time.Sleep(20 * time.Millisecond)
		answer("web-2")(c)
	})},
	"echoes":                {target: tcp(echoServer("web-1")), timed: true},
	"echoes slowly":         {target: tcp(late(30 * time.Millisecond)), timed: true, calls: "traffic"},
	"refuses":               {target: refusing},
	"is silent":             {target: tcp(func(c *net.TCPConn) { untilClosed(c) })},
	"never reads":           {target: func(t *testing.T) Target { return peer(t, func(*net.TCPConn) { <-t.Context().Done() }) }, packet: 1 << 20, calls: "traffic"},
	"closes":                {target: tcp(closeAtOnce), calls: "flood hold"},
	"resets":                {target: tcp(resetAtOnce)},
	"closes after a packet": {target: tcp(func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 100)) }), calls: "traffic"},
	"resets after a packet": {target: tcp(func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 100)); _ = c.SetLinger(0) }), calls: "traffic"},
	"resets after an answer": {target: tcp(func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "web-1\n")
		time.Sleep(30 * time.Millisecond)
		_ = c.SetLinger(0)
	})},
	"closes after an answer":           {target: tcp(func(c *net.TCPConn) { _, _ = io.WriteString(c, "web-1\n"); time.Sleep(30 * time.Millisecond) }), calls: "flood hold"},
	"talks nonsense":                   {target: tcp(answer("\xff\xfe\x00nonsense"))},
	"talks terminal":                   {target: tcp(answer("\x1b]0;evil\x07"))},
	"sends a megabyte":                 {target: tcp(binaryMegabyte), timed: true},
	"half-closes":                      {target: tcp(func(c *net.TCPConn) { _ = c.CloseWrite(); untilClosed(c) })},
	"half-closes when it has answered": {target: tcp(func(c *net.TCPConn) { _, _ = io.WriteString(c, "web-1\n"); _ = c.CloseWrite(); untilClosed(c) })},
	"backlog is full":                  {target: fullBacklog},
	"time is up in the dial":           {target: fullBacklog, change: withTimeout(80 * time.Millisecond)},
	"time is up in the answer":         {target: tcp(func(c *net.TCPConn) { untilClosed(c) }), change: withTimeout(80 * time.Millisecond)},
	"is stopped in the dial":           {target: fullBacklog, stop: 50 * time.Millisecond},
	"is stopped in the answer":         {target: tcp(func(c *net.TCPConn) { untilClosed(c) }), stop: 50 * time.Millisecond},
	"a source that is wrong":           {target: tcp(answer("web-1\n")), change: from("203.0.113.7")},
	"a name that is wrong": {target: refusing, change: func(_ *testing.T, p *Plan) {
		p.Targets[0].Err, p.Targets[0].Class = &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true}, ClassDNS
	}},
	"itself": {target: refusing, change: func(_ *testing.T, p *Plan) {
		port := p.Targets[0].Addr.Port()
		p.Sources, p.Connections = source.Sequence{Ports: source.Ports{First: port, Last: port}}, 1
	}},

	"UDP: answers":                {network: "udp", target: udp(func([]byte) []byte { return []byte("web-1") }), calls: "flood hold"},
	"UDP: echoes":                 {network: "udp", target: udp(func(d []byte) []byte { return d }), timed: true},
	"UDP: refuses":                {network: "udp", target: refusingUDP},
	"UDP: is silent":              {network: "udp", target: udp(func([]byte) []byte { return nil })},
	"UDP: an empty datagram":      {network: "udp", target: udp(func([]byte) []byte { return []byte{} }), timed: true},
	"UDP: a huge datagram":        {network: "udp", target: udp(func([]byte) []byte { return make([]byte, MaxDatagramSize) }), timed: true},
	"UDP: a huge answer":          {network: "udp", target: udp(func([]byte) []byte { return []byte("web-1\n" + strings.Repeat("x", MaxDatagramSize-6)) }), calls: "flood hold"},
	"UDP: nonsense":               {network: "udp", target: udp(func([]byte) []byte { return []byte{0xff, 0} }), timed: true},
	"UDP: is stopped":             {network: "udp", target: udp(func([]byte) []byte { return nil }), stop: 50 * time.Millisecond},
	"UDP: time is up":             {network: "udp", target: udp(func([]byte) []byte { return nil }), change: withTimeout(80 * time.Millisecond)},
	"UDP: a source that is wrong": {network: "udp", target: udp(func([]byte) []byte { return nil }), change: from("203.0.113.7")},
}

// refusingUDP is an address on which nothing listens.
func refusingUDP(t *testing.T) Target {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	defer conn.Close()
	return target(t, conn.LocalAddr())
}

// seen is what a user sees of a call, without times and ports.
type seen struct {
	States States
	Errors map[Class]int64
	Words  map[Class]string
	Counts string
}

var changing = regexp.MustCompile(`\d+(\.\d+)*(µs|ms|s|m|h)?(:\d+)?`)

// reset is how a RST is told, which depends on whether a read or a write comes first.
var reset = regexp.MustCompile(`(read|write): (connection reset by peer|broken pipe)`)

func words(first map[Class]Failure) map[Class]string {
	texts := map[Class]string{}
	for class, failure := range first {
		texts[class] = changing.ReplaceAllString(reset.ReplaceAllString(failure.Error(), "reset"), "N")
	}
	return texts
}

func (f *fault) context(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	if f.stop > 0 {
		return context.WithTimeout(t.Context(), f.stop)
	}
	return context.WithCancel(t.Context())
}

func (f *fault) plan(t *testing.T) Plan {
	t.Helper()
	p := Plan{Network: f.network, Targets: []Target{f.target(t)}, Connections: 6, Concurrency: 6, ConnectTimeout: 300 * time.Millisecond}
	if f.change != nil {
		f.change(t, &p)
	}
	return p
}

// untimed leaves out what depends on time.
func (f *fault) untimed(counts ...any) string {
	if f.timed {
		return ""
	}
	return fmt.Sprintln(counts...)
}

// calls are what is run for each fault.
var calls = map[string]func(t *testing.T, e *Engine, f *fault) seen{
	"flood": func(t *testing.T, e *Engine, f *fault) seen {
		var bytes received
		plan := FloodPlan{Plan: f.plan(t)}
		plan.Observer = &bytes
		ctx, cancel := f.context(t)
		defer cancel()
		r, err := e.Flood(ctx, plan)
		require.NoError(t, err)
		requireSums(t, r)
		return seen{r.States, r.Errors, words(r.First), fmt.Sprintln(r.Hosts, r.FailedConnects, r.FailedReads, r.SourcesUsed) + f.untimed(bytes)}
	},
	"hold": func(t *testing.T, e *Engine, f *fault) seen {
		plan := f.plan(t)
		ctx, cancel := f.context(t)
		defer cancel()
		h, err := e.Hold(ctx, HoldPlan{Plan: plan, Keepalive: 100 * time.Millisecond, Duration: 450 * time.Millisecond})
		require.NoError(t, err)
		<-h.Done()
		r := h.Result()
		requireHoldSums(t, r)
		return seen{r.States, r.Errors, words(r.First), fmt.Sprintln(r.FailedConnects, r.EstablishedTotal, r.EstablishedAtClose, r.Lifetime.Count) + f.untimed(r.BytesReceived)}
	},
	"traffic": func(t *testing.T, e *Engine, f *fault) seen {
		plan := f.plan(t)
		ctx, cancel := f.context(t)
		defer cancel()
		r, err := e.Traffic(ctx, TrafficPlan{Plan: plan, Duration: 450 * time.Millisecond, LossTimeout: 250 * time.Millisecond, NoReconnect: true, PacketSize: max(f.packet, 100)})
		require.NoError(t, err)
		return seen{r.States, r.Errors, words(r.First), fmt.Sprintln(r.Lost, r.Lasting, r.FailedConnects, r.LostByHost, r.LastingByHost) + f.untimed(r.Sent, r.Received, r.Dropped)}
	},
}

// received adds up bytes of connections that have ended.
type received struct{ sent, received int64 }

func (r *received) Outcomes(batch []Outcome) {
	for i := range batch {
		r.sent += batch[i].Sent
		r.received += batch[i].Received
	}
}
func (r *received) Second()        {}
func (r *received) Monitor(States) {}

// mostTries is how often a fault is tried where results differ: on a machine that is busy, a later deadline may pass with an earlier one.
const mostTries = 3

// TestTheSameOnBoth runs all calls against all faults on event loops and on package net: what a user sees is the same.
func TestTheSameOnBoth(t *testing.T) {
	t.Parallel()
	for name, f := range faults {
		for kind, call := range calls {
			if f.calls != "" && !strings.Contains(f.calls, kind) {
				continue
			}
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				for try := 1; ; try++ {
					loops, portable := call(t, &Engine{}, &f), call(t, &Engine{portable: true}, &f)
					if try == mostTries || assert.ObjectsAreEqual(loops, portable) {
						assert.Equal(t, loops, portable, "event loops, and package net")
						return
					}
				}
			})
		}
	}
}

// TestDatagramsCountInFull sends answers of the largest size: all of their bytes count, as much as is looked at.
func TestDatagramsCountInFull(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var bytes received
		huge := udpPeer(t, func([]byte) []byte { return []byte("web-1\n" + strings.Repeat("x", MaxDatagramSize-6)) })
		r, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Network: "udp", Targets: []Target{huge}, Connections: 20, Concurrency: 1, Observer: &bytes}})
		require.NoError(t, err)
		assert.Equal(t, Hosts{"web-1": 20}, r.Hosts, "%v", r.First)
		assert.Equal(t, received{sent: 20 * int64(len(DefaultPayload)), received: 20 * MaxDatagramSize}, bytes)
	})
}
