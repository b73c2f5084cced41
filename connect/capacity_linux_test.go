package connect

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
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
		"one in four hangs":  {oneInFour(untilClosed), 200, LimitIntermittent, 75, 0, true},
		"one in four closes": {oneInFour(func(net.Conn) {}), 200, LimitIntermittent, 75, 0, true},
		"places get free":    {placesGetFree(190, 250, 299), 1000, LimitApplication, 192, 0, false},
		"old ones go":        {func(t *testing.T) Target { return closesOldest(t, 60) }, 400, LimitApplication, 60, 10, false},
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
	assert.Equal(t, LimitIntermittent, r.Limit, "every other connection is served: %+v", r)
	assert.EqualValues(t, 50, r.Connections)
	assert.Zero(t, r.FailedConnects, "an error of a connection that was established: %+v", r)
}

// What has forgotten the first connections for the last has not held them all.
func TestCapacityAsksAgain(t *testing.T) {
	t.Parallel()
	once := func(c *net.TCPConn) {
		n, _ := c.Read(make([]byte, 100))
		_, _ = c.Write(make([]byte, n))
		untilClosed(c)
	}
	closing := func(c *net.TCPConn) {
		n, _ := c.Read(make([]byte, 100))
		_, _ = c.Write(make([]byte, n))
		_, _ = c.Read(make([]byte, 100))
	}
	for name, row := range map[string]struct {
		target Target
		limit  Limit
		held   int64
	}{
		"the oldest are forgotten": {forgetsOldest(t, 60), LimitForgotten, 60},
		"all answer again":         {peer(t, echo), LimitNone, 150},
		"each answers only once":   {peer(t, once), LimitNone, 150},
		"each is closed then":      {peer(t, closing), LimitNone, 150},
		"one has ended meanwhile":  {peer(t, nth(3, once, echo)), LimitForgotten, 149},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e Engine
			r, err := e.Capacity(t.Context(), CapacityPlan{Plan: Plan{Targets: []Target{row.target}, Connections: 150, Payload: []byte("hello")}, Step: 50})
			require.NoError(t, err)
			assert.Equal(t, row.limit, r.Limit, "%+v", r)
			assert.Equal(t, row.held, r.Connections, "%+v", r)
			assert.Equal(t, row.limit == LimitNone, r.LowerBound)
			assert.Equal(t, 150-row.held, r.Unserved)
			assert.Empty(t, r.Errors)
			assert.Zero(t, e.Total.States().Established, "everything is closed afterwards")
			assert.Equal(t, r.Attempted+r.NotInitiated, e.Total.States().Total())
		})
	}
}

// nth serves the nth connection otherwise than all others.
func nth(n int64, otherwise, others func(*net.TCPConn)) func(*net.TCPConn) {
	var seen atomic.Int64
	return func(c *net.TCPConn) {
		if seen.Add(1) == n {
			otherwise(c)
			return
		}
		others(c)
	}
}

// forgetsOldest is a target that echoes on the last n connections only, and closes none.
func forgetsOldest(t *testing.T, n int64) Target {
	var seen atomic.Int64
	return peer(t, func(c *net.TCPConn) {
		number, b := seen.Add(1), make([]byte, 100)
		for {
			got, err := c.Read(b)
			if err != nil {
				return
			}
			if number+n > seen.Load() {
				_, _ = c.Write(b[:got])
			}
		}
	})
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

// Connections that are dialed when the call ends fail for the reason that it ends for.
func TestCapacityEndsWhileDialing(t *testing.T) {
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
		"loses all":    {"udp", []byte("x"), func(t *testing.T) Target { return udpPeer(t, func([]byte) []byte { return nil }) }, LimitUnreachable, "datagram gets an answer"},
		"has no room":  {"udp", []byte("x"), func(t *testing.T) Target { return answersFirst(t, 25) }, LimitPath, "connection table"},
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

// answersFirst answers its first n datagrams.
func answersFirst(t *testing.T, n int64) Target {
	var seen atomic.Int64
	return udpPeer(t, func(datagram []byte) []byte {
		if seen.Add(1) > n {
			return nil
		}
		return datagram
	})
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

// oneInFour is a target of which every fourth connection meets a backend that does not serve it.
func oneInFour(odd func(net.Conn)) func(t *testing.T) Target {
	return func(t *testing.T) Target {
		var seen atomic.Int64
		return peer(t, func(c *net.TCPConn) {
			if seen.Add(1)%4 == 0 {
				odd(c)
				return
			}
			answer("greeter")(c)
		})
	}
}

// placesGetFree is a target that greets and keeps n connections, and a few that come later, and closes all others.
func placesGetFree(n int64, later ...int64) func(t *testing.T) Target {
	return func(t *testing.T) Target {
		var seen atomic.Int64
		return peer(t, func(c *net.TCPConn) {
			if now := seen.Add(1); now <= n || slices.Contains(later, now) {
				answer("greeter")(c)
			}
		})
	}
}

// closesOldest is a target that greets nobody, and closes the oldest connection for a new one if there are n.
func closesOldest(t *testing.T, n int) Target {
	var mu sync.Mutex
	var open []*net.TCPConn
	return peer(t, func(c *net.TCPConn) {
		mu.Lock()
		open = append(open, c)
		if len(open) > n {
			_ = open[0].Close()
			open = open[1:]
		}
		mu.Unlock()
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
	cut.errors[ClassTimeout] = 20
	assert.Contains(t, cut.explain(LimitUnreachable), "(late; no host)", "silence alone tells little")
	rejected := evidence{errors: map[Class]int64{ClassRefused: 1}, first: map[Class]Failure{
		ClassRefused: {Network: "tcp", Err: ICMPError{Err: ReasonStopped, From: netip.MustParseAddr("127.0.0.1"), Kind: "port unreachable"}},
	}}
	assert.Contains(t, rejected.explain(LimitRefused), "a firewall rejects every connection")
	assert.Contains(t, rejected.explain(LimitRefused), "127.0.0.1 says so, which is this host itself")
	rejected.established = 1
	assert.Contains(t, rejected.explain(LimitRefused), "a firewall rejects further connections")

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

// Over TLS, a target at its limit is told by its handshakes.
func TestCapacityOverTLS(t *testing.T) {
	t.Parallel()
	silent := func(c *net.TCPConn) { untilClosed(c) }
	for name, row := range map[string]struct {
		beyond func(*net.TCPConn) // what becomes of further connections
		shakes int64
		limit  Limit
		says   string
	}{
		"further ones are only accepted":         {silent, 25, LimitNotAccepted, "TLS handshake was not answered in time"},
		"all are only accepted":                  {silent, 0, LimitNotAccepted, "TLS handshake was not answered in time"},
		"further ones are closed":                {closeAtOnce, 25, LimitApplication, "a limit of the application"},
		"all are closed":                         {closeAtOnce, 0, LimitApplication, "closes every connection"},
		"none is, though it says nothing itself": {nil, 100, LimitNone, "every connection was held"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, MinVersion: tls.VersionTLS12}
			var seen atomic.Int64
			target := peer(t, func(c *net.TCPConn) {
				if seen.Add(1) > row.shakes {
					row.beyond(c)
					return
				}
				untilClosed(tls.Server(c, config))
			})
			r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{
				Plan: Plan{
					Network: "tls", Targets: []Target{target}, Connections: 100, Concurrency: 4, ConnectTimeout: 700 * time.Millisecond,
					TLS: &tls.Config{InsecureSkipVerify: true}, // made for the occasion
				},
				Step: 10, Patience: 100 * time.Millisecond,
			})
			require.NoError(t, err)
			assert.Equal(t, row.limit, r.Limit, "%+v", r)
			assert.Equal(t, row.shakes, r.Connections, "%+v", r)
			assert.Contains(t, r.Explanation, row.says)
			assert.Zero(t, r.SYNRetransmits)
		})
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// The limit follows from who is served, and from who got through after others had failed.
func TestCapacityJudges(t *testing.T) {
	t.Parallel()
	silent := dialFailures{total: 16, inVain: 16, vainSYNs: 32}
	timeouts := map[Class]int64{ClassTimeout: 16, ClassAborted: 3}
	for name, row := range map[string]struct {
		found evidence
		limit Limit
		says  []string
	}{
		"all are served": {
			evidence{established: 200, served: 200, hasServed: true, dials: silent, errors: timeouts, tried: 16},
			LimitPath,
			[]string{"16 connects", "sent again 32 times", "while all 200", "connection table", "address translation", "firewall", "accept queue"},
		},
		"all have shaken hands": {
			evidence{established: 200, protocol: "tls", dials: silent, errors: timeouts, tried: 16}, LimitPath, []string{"while all 200"},
		},
		"some are not served": {
			evidence{established: 200, served: 190, hasServed: true, dials: silent, errors: timeouts, tried: 16},
			LimitAcceptQueue,
			[]string{"10 connections are established but not served", "accept queue", "connection table"},
		},
		"some are not served, later ones get through": {
			evidence{established: 200, served: 190, hasServed: true, dials: silent, errors: timeouts, tried: 16, passed: 2},
			LimitAcceptQueue,
			[]string{"2 that were begun later got through", "too slowly"},
		},
		"nobody says who is served": {
			evidence{established: 200, dials: silent, errors: timeouts, tried: 16}, LimitAcceptQueue, []string{"can't be told", "payload", "accept queue", "connection table"},
		},
		"handshakes without an answer, and SYNs": {
			evidence{established: 200, protocol: "tls", dials: dialFailures{total: 16, inVain: 12, handshakes: 4}, errors: timeouts, tried: 16},
			LimitAcceptQueue,
			[]string{"4 connections are established but not served"},
		},
		"later ones get through": {
			evidence{established: 200, served: 200, hasServed: true, dials: silent, errors: timeouts, tried: 16, passed: 1},
			LimitIntermittent,
			[]string{"16 connects failed", "1 of 16 that were begun later got through", "limit of new connections a second", "by chance", "behind a hash"},
		},
		"later ones get through, and the search has stopped some": {
			evidence{
				established: 200, dials: dialFailures{total: 5}, tried: 16, passed: 10, errors: map[Class]int64{ClassRefused: 5, ClassAborted: 9},
				first: map[Class]Failure{ClassRefused: {Err: errors.New("nobody listens")}, ClassAborted: {Err: errors.New("stopped")}},
			},
			LimitIntermittent,
			[]string{"5 connects failed", "nobody listens"},
		},
		"later ones get through, others are refused": {
			evidence{established: 200, dials: dialFailures{total: 5}, errors: map[Class]int64{ClassRefused: 5}, tried: 16, passed: 10},
			LimitIntermittent,
			[]string{"5 connects failed"},
		},
		"a few find a place that got free": {
			evidence{established: 190, served: 190, hasServed: true, closed: 153, tried: 155, passed: 2, wasTried: true, passedFurther: 1},
			LimitApplication,
			[]string{"closes connections"},
		},
		"few get through, as few did before": {
			evidence{established: 9, served: 9, hasServed: true, closed: 191, tried: 155, passed: 5, wasTried: true, passedFurther: 1},
			LimitIntermittent,
			[]string{"5 of 155 that were begun later got through"},
		},
		"nothing is established": {evidence{dials: silent, errors: timeouts}, LimitUnreachable, []string{"see the errors"}},
		"closed, and SYNs without an answer": {
			evidence{established: 200, served: 200, hasServed: true, closed: 1, dials: silent, errors: timeouts}, LimitApplication, []string{"closes connections"},
		},
		"another answer": {
			evidence{established: 200, served: 200, hasServed: true, errors: map[Class]int64{ClassBadReply: 1}}, LimitApplication, []string{"something else"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := row.found.limit()
			assert.Equal(t, row.limit, limit)
			for _, part := range row.says {
				assert.Contains(t, row.found.explain(limit), part)
			}
			assert.Equal(t, limit == LimitIntermittent, limit.lowerBound())
		})
	}
}

// Where connects get no answer, few are tried: each takes all of its time.
func TestCapacityStopsDialing(t *testing.T) {
	t.Parallel()
	r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{
		Plan: Plan{Targets: []Target{deaf(4)(t)}, Connections: 10_000, ConnectTimeout: 300 * time.Millisecond}, Step: 1000, Patience: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	assert.Equal(t, LimitAcceptQueue, r.Limit, "%+v", r)
	assert.LessOrEqual(t, r.Attempted, int64(5+2*capacityConcurrency+furtherTries))
	assert.Equal(t, r.Begun, r.Asked, "those that were not wanted any more do not lack")
	assert.Equal(t, r.FailedConnects, r.Errors[ClassTimeout]+r.Errors[ClassAborted])
}

// Never more connections are held than were asked for, whatever is tried.
func TestCapacityHoldsNoMoreThanAskedFor(t *testing.T) {
	t.Parallel()
	var most atomic.Int64
	r, err := (&Engine{}).Capacity(t.Context(), CapacityPlan{
		Plan: Plan{
			Targets: []Target{responder(t), refusing(t)}, Connections: 21, Monitor: time.Millisecond,
			Observer: monitorFunc(func(now States) { most.Store(max(most.Load(), now.Dialing+now.Established)) }),
		},
		Patience: 100 * time.Millisecond,
	})
	require.NoError(t, err)
	assert.Equal(t, LimitIntermittent, r.Limit, "%+v", r)
	assert.LessOrEqual(t, most.Load(), int64(21))
}

// monitorFunc is an observer of states.
type monitorFunc func(States)

func (monitorFunc) Outcomes([]Outcome)   {}
func (monitorFunc) Second()              {}
func (f monitorFunc) Monitor(now States) { f(now) }
