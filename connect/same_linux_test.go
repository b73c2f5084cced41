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

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// fault is a peer, or something that goes wrong, and a plan for it. It decides alone how connections end: deadlines pass only where nothing
// else happens, and calls whose connections would last end when all have been answered. So however busy the machine is, nothing races.
type fault struct {
	network string
	target  func(t *testing.T) Target
	change  func(t *testing.T, p *Plan)   // may be nil
	stop    func(now States) (done int64) // ends the call from outside when this is true of all connections; nil does not
	timed   bool                          // how many bytes and packets there are depends on time
	packet  int                           // of traffic; 0 is 100 bytes
	calls   string                        // of flood, hold and traffic; "" is all
	silent  string                        // calls whose connections wait in vain, until a deadline passes
	alive   string                        // calls whose connections last
	deaf    bool                          // no connect is answered
}

// tcp is a peer over TCP.
func tcp(script func(*net.TCPConn)) func(*testing.T) Target {
	return func(t *testing.T) Target { return peer(t, script) }
}

// udp is a peer over UDP.
func udp(reply func([]byte) []byte) func(*testing.T) Target {
	return func(t *testing.T) Target { return udpPeer(t, reply) }
}

// timeUp makes the call's time the first that is up.
func timeUp(after time.Duration) func(*testing.T, *Plan) {
	return func(_ *testing.T, p *Plan) { p.Timeout, p.ConnectTimeout = after, far }
}

// What connections wait for.
const (
	soon      = 200 * time.Millisecond // passes
	unhurried = time.Second            // passes, but not while a connect or an answer is on its way that comes at once
	far       = 20 * time.Second       // does not
)

func dialing(now States) int64     { return now.Dialing }
func established(now States) int64 { return now.Established }

func from(pool string) func(*testing.T, *Plan) {
	return func(t *testing.T, p *Plan) {
		parsed, err := source.ParsePool(pool)
		require.NoError(t, err)
		p.Sources = source.Sequence{Pool: parsed}
	}
}

var faults = map[string]fault{
	"answers": {target: tcp(answer("web-1\n")), silent: "hold traffic"},
	"answers in two parts": {target: tcp(func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "web-1")
		_, _ = c.Read(make([]byte, 100)) // until it is asked, or the first part was enough
		answer("web-2")(c)
	}), silent: "hold traffic"},
	"echoes":                {target: tcp(echoServer("web-1")), timed: true, silent: "flood", alive: "hold traffic"},
	"echoes slowly":         {target: tcp(late(30 * time.Millisecond)), timed: true, packet: DefaultPacketSize, calls: "traffic", alive: "traffic"},
	"refuses":               {target: refusing},
	"is silent":             {target: tcp(func(c *net.TCPConn) { untilClosed(c) }), silent: "flood hold traffic"},
	"never reads":           {target: func(t *testing.T) Target { return peer(t, func(*net.TCPConn) { <-t.Context().Done() }) }, packet: 1 << 20, calls: "traffic", silent: "traffic"},
	"closes":                {target: tcp(closeAtOnce), calls: "flood hold"},
	"resets":                {target: tcp(resetAtOnce), calls: "flood hold"},
	"resets at once":        {target: tcp(resetAtOnce), timed: true, calls: "traffic"}, // before the first packet is sent, or after
	"closes after a packet": {target: tcp(func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 100)) }), calls: "traffic"},
	"resets after a packet": {target: tcp(func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 100)); _ = c.SetLinger(0) }), calls: "traffic"},
	"resets after an answer": {target: tcp(func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "web-1\n")
		_, _ = c.Read(make([]byte, 100)) // until it is asked, or the answer was enough
		_ = c.SetLinger(0)
	}), timed: true},
	"closes after an answer":           {target: tcp(func(c *net.TCPConn) { _, _ = io.WriteString(c, "web-1\n"); time.Sleep(30 * time.Millisecond) }), calls: "flood hold"},
	"talks nonsense":                   {target: tcp(answer("\xff\xfe\x00nonsense")), silent: "hold traffic"},
	"talks terminal":                   {target: tcp(answer("\x1b]0;evil\x07")), silent: "hold traffic"},
	"sends a megabyte":                 {target: tcp(binaryMegabyte), timed: true, silent: "hold"},
	"half-closes":                      {target: tcp(func(c *net.TCPConn) { _ = c.CloseWrite(); untilClosed(c) })},
	"half-closes when it has answered": {target: tcp(func(c *net.TCPConn) { _, _ = io.WriteString(c, "web-1\n"); _ = c.CloseWrite(); untilClosed(c) })},
	"backlog is full":                  {target: fullBacklog, deaf: true, silent: "flood hold traffic"},
	"time is up in the dial":           {target: fullBacklog, change: timeUp(unhurried), silent: "flood hold traffic"},
	"time is up in the answer":         {target: tcp(func(c *net.TCPConn) { untilClosed(c) }), change: timeUp(unhurried), silent: "flood hold"},
	"is stopped in the dial":           {target: fullBacklog, stop: dialing},
	"is stopped in the answer":         {target: tcp(func(c *net.TCPConn) { untilClosed(c) }), stop: established},
	"a source that is wrong":           {target: tcp(answer("web-1\n")), change: from("203.0.113.7")},
	"a name that is wrong": {target: refusing, change: func(_ *testing.T, p *Plan) {
		p.Targets[0].Err, p.Targets[0].Class = &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true}, ClassDNS
	}},
	"itself": {target: refusing, change: func(_ *testing.T, p *Plan) {
		port := p.Targets[0].Addr.Port()
		p.Sources, p.Connections = source.Sequence{Ports: source.Ports{First: port, Last: port}}, 1
	}},

	"UDP: answers":                {network: "udp", target: udp(func([]byte) []byte { return []byte("web-1") }), timed: true, calls: "flood hold", alive: "hold"},
	"UDP: echoes":                 {network: "udp", target: udp(func(d []byte) []byte { return d }), timed: true, alive: "hold traffic"},
	"UDP: refuses":                {network: "udp", target: refusingUDP},
	"UDP: is silent":              {network: "udp", target: udp(func([]byte) []byte { return nil }), timed: true, silent: "flood hold traffic"},
	"UDP: an empty datagram":      {network: "udp", target: udp(func([]byte) []byte { return []byte{} }), timed: true, silent: "traffic", alive: "hold"},
	"UDP: a huge datagram":        {network: "udp", target: udp(func([]byte) []byte { return make([]byte, MaxDatagramSize) }), timed: true, silent: "traffic", alive: "hold"},
	"UDP: a huge answer":          {network: "udp", target: udp(func([]byte) []byte { return []byte("web-1\n" + strings.Repeat("x", MaxDatagramSize-6)) }), timed: true, calls: "flood hold", alive: "hold"},
	"UDP: nonsense":               {network: "udp", target: udp(func([]byte) []byte { return []byte{0xff, 0} }), timed: true, silent: "traffic", alive: "hold"},
	"UDP: is stopped":             {network: "udp", target: udp(func([]byte) []byte { return nil }), timed: true, stop: established},
	"UDP: time is up":             {network: "udp", target: udp(func([]byte) []byte { return nil }), timed: true, change: timeUp(unhurried), silent: "flood hold"},
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

// context is done when the call is to be ended from outside.
func (f *fault) context(t *testing.T, e *Engine) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	if f.stop != nil {
		go func() {
			defer cancel()
			until(ctx, func() bool { return f.stop(e.Total.States()) == connections })
		}()
	}
	return ctx
}

// until waits until something is so, or ctx is done.
func until(ctx context.Context, isSo func() bool) {
	for !isSo() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// connections is how many each call makes.
const connections = 6

func (f *fault) plan(t *testing.T, call string) Plan {
	t.Helper()
	p := Plan{Network: f.network, Targets: []Target{f.target(t)}, Connections: connections, Concurrency: connections, ConnectTimeout: far, Timeout: far}
	switch {
	case f.deaf:
		p.ConnectTimeout = soon
	case call == "flood" && strings.Contains(f.silent, call):
		p.ConnectTimeout = unhurried // for the connect, too
	}
	if f.change != nil {
		f.change(t, &p)
	}
	return p
}

// patience is how long established connections of a call wait.
func (f *fault) patience(call string) time.Duration {
	if strings.Contains(f.silent, call) {
		return soon
	}
	return far
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
		plan := FloodPlan{Plan: f.plan(t, "flood")}
		plan.Observer = &bytes
		r, err := e.Flood(f.context(t, e), plan)
		require.NoError(t, err)
		requireSums(t, r)
		return seen{r.States, r.Errors, words(r.First), fmt.Sprintln(r.Hosts, r.FailedConnects, r.FailedReads, r.SourcesUsed) + f.untimed(bytes)}
	},
	"hold": func(t *testing.T, e *Engine, f *fault) seen {
		plan := HoldPlan{Plan: f.plan(t, "hold"), Keepalive: 100 * time.Millisecond, KeepaliveTimeout: f.patience("hold"), Duration: far}
		plan.Payload = make([]byte, rules.HelloSize) // which an echo server waits for
		h, err := e.Hold(f.context(t, e), plan)
		require.NoError(t, err)
		if strings.Contains(f.alive, "hold") {
			until(t.Context(), func() bool { return h.Result().EchoTime.Count >= 2*connections })
			h.Close()
		}
		<-h.Done()
		r := h.Result()
		requireHoldSums(t, r)
		return seen{r.States, r.Errors, words(r.First), fmt.Sprintln(r.FailedConnects, r.EstablishedTotal, r.EstablishedAtClose, r.Lifetime.Count) + f.untimed(r.BytesReceived)}
	},
	"traffic": func(t *testing.T, e *Engine, f *fault) seen {
		ctx, cancel := context.WithCancel(f.context(t, e))
		defer cancel()
		all := allEcho{echoed: map[int64]bool{}, then: cancel}
		r, err := e.Traffic(ctx, TrafficPlan{Plan: f.plan(t, "traffic"), Duration: far / 2, LossTimeout: f.patience("traffic"), NoReconnect: true, PacketSizes: []int{max(f.packet, 100)}, Packets: &all})
		require.NoError(t, err)
		return seen{r.States, r.Errors, words(r.First), fmt.Sprintln(r.Lost, r.Lasting, r.FailedConnects, r.LostByHost, r.LastingByHost) + f.untimed(r.Sent, r.Received, r.Dropped)}
	},
}

// allEcho does something when all connections have had an echo.
type allEcho struct {
	echoed map[int64]bool
	then   func()
}

func (a *allEcho) Echoes(batch []Echo) {
	for i := range batch {
		a.echoed[batch[i].Number] = true
	}
	if len(a.echoed) == connections {
		a.then()
	}
}

func (a *allEcho) Sample(TrafficSample, int64, int64) {}

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
				loops, portable := call(t, &Engine{}, &f), call(t, &Engine{portable: true}, &f)
				assert.Equal(t, loops, portable, "event loops, and package net")
				waited := loops.Errors[ClassNoReply]+loops.Errors[ClassTimeout] > 0
				assert.Equal(t, strings.Contains(f.silent, kind), waited, "a deadline has passed: %+v", loops)
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
