package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// onBoth runs a test on the event loops of this system and on package net.
func onBoth(t *testing.T, test func(t *testing.T, e *Engine)) {
	t.Helper()
	for name, portable := range map[string]bool{"system's own": false, "package net": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &Engine{portable: portable})
		})
	}
}

// requireSums checks what must hold for every result, whatever happened.
func requireSums(t *testing.T, r *FloodResult) {
	t.Helper()
	var answers, errors int64
	for _, n := range r.Hosts {
		answers += n
	}
	for _, n := range r.Errors {
		errors += n
	}
	require.Equal(t, r.Connects, r.States.Total(), "states add up to connects")
	require.Equal(t, r.States.Error, errors, "errors add up to states.error")
	require.Equal(t, r.States.Error, r.FailedConnects+r.FailedReads, "each error is a failed connect or a failed read")
	require.Zero(t, r.States.Dialing, "nothing is left dialing")
	require.Zero(t, r.States.Established, "nothing is left open")
	require.Equal(t, r.Connects-r.States.NotInitiated-r.FailedConnects, r.ConnectTime.Count, "each established connection is timed")
	require.Equal(t, errors, r.ErrorTime.Count, "each failure is timed")
	require.Equal(t, answers, r.ReplyTime.Count, "each answer is timed")
	for class := range r.Errors {
		require.NotEmpty(t, r.First[class], "class %s is explained", class)
	}
}

// At any rate, however low, no connection is begun before it is due.
func TestFloodAtAlmostNoRate(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		plan := Plan{Targets: []Target{peer(t, answer("a"))}, Connections: 3, Rate: 1e-300, Timeout: 50 * time.Millisecond}
		r, err := e.Flood(t.Context(), FloodPlan{Plan: plan})
		require.NoError(t, err)
		assert.Equal(t, States{Completed: 1, NotInitiated: 2}, r.States)
	})
}

// The kernel refuses to send from a loopback address to another host before anything leaves this one.
func TestFloodFromLoopbackToElsewhere(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		from, err := source.ParsePool("127.0.0.1")
		require.NoError(t, err)
		for _, network := range []string{"tcp", "udp", "tls"} {
			to, err := ParseTarget("198.51.100.1:9")
			require.NoError(t, err)
			r, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Network: network, Targets: []Target{to}, Sources: source.Sequence{Pool: from}}})
			require.NoError(t, err)
			assert.Equal(t, map[Class]int64{ClassAddrNotAvailable: 1}, r.Errors, network)
			assert.Contains(t, r.First[ClassAddrNotAvailable].Error(), "invalid argument", network)
		}
	})
}

// A connection that fails again and again, as traffic() dials it again, is one failure: it does not tell its target from others.
func TestOneConnectionIsNoPlace(t *testing.T) {
	t.Parallel()
	plan := &Plan{Targets: []Target{{Name: "a:1"}, {Name: "b:1"}, {Name: "c:1"}}, Connections: 100}
	var p places
	for range 100 {
		p.add(plan, &Outcome{Number: 1, Class: ClassRefused})
	}
	assert.Zero(t, p.failedAt(plan, 100))
	for number := int64(1); number < 100; number += 3 {
		p.add(plan, &Outcome{Number: number, Class: ClassRefused})
	}
	assert.Equal(t, FailedAt{Targets: []string{"b:1"}, OfTargets: 3}, p.failedAt(plan, 100))
	assert.Equal(t, FailedAt{Targets: []string{"b:1"}, OfTargets: 2}, p.failedAt(plan, 2), "the third one was not dialed")
	p.add(plan, &Outcome{Number: 2, Class: ClassFDLimit})
	assert.Equal(t, []string{"b:1"}, p.failedAt(plan, 100).Targets, "what fails on this host fails anywhere")
	p.add(plan, &Outcome{Number: 2, Class: ClassRefused})
	assert.Equal(t, []string{"b:1", "c:1"}, p.failedAt(plan, 100).Targets)
	p.add(plan, &Outcome{Number: 3, Class: ClassRefused})
	assert.Zero(t, p.failedAt(plan, 100))
}

// All addresses of a name have its name: the address tells them apart.
func TestOneAddressOfAName(t *testing.T) {
	t.Parallel()
	plan := &Plan{Connections: 100}
	for _, addr := range []string{"192.0.2.1:80", "[2001:db8::1]:80"} {
		plan.Targets = append(plan.Targets, Target{Name: "web:80", Addr: netip.MustParseAddrPort(addr)})
	}
	var p places
	for number := int64(1); number < 100; number += 2 {
		p.add(plan, &Outcome{Number: number, Class: ClassTimeout})
	}
	assert.Equal(t, FailedAt{Targets: []string{"web:80 at [2001:db8::1]:80"}, OfTargets: 2}, p.failedAt(plan, 100))
}

// Many sources that fail are told by the smallest network that has them, if the others were used in between.
func TestOneNetworkOfSources(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("10.0.0.0-10.0.0.255")
	require.NoError(t, err)
	plan := &Plan{Targets: []Target{{Name: "a:1"}}, Connections: 1000, Sources: source.Sequence{Pool: pool}}
	failed := func(numbers ...int64) FailedAt {
		var p places
		for _, number := range numbers {
			p.add(plan, &Outcome{Number: number, Class: ClassTimeout})
		}
		return p.failedAt(plan, 1000)
	}
	var burst, rejected []int64
	for i := range int64(64) {
		burst = append(burst, 64+i)
		rejected = append(rejected, 64+i, 256+64+i)
	}
	assert.Equal(t, FailedAt{Network: netip.MustParsePrefix("10.0.0.64/26"), InNetwork: 64, OfSources: 256}, failed(rejected...))
	assert.Zero(t, failed(burst...), "those that were dialed one after the other, in an outage")
	assert.Zero(t, failed(append(rejected, 0, 255)...), "one of the first and one of the last sources")
	zoned, err := source.ParsePool("fe80::1%lo,fe80::2%lo")
	require.NoError(t, err)
	plan.Sources.Pool = zoned
	assert.Equal(t, []netip.Addr{zoned.At(1)}, failed(burst[1], 69, 71, 73, 75, 77, 79, 81, 83, 85, 87).Sources)
	plan.Sources.Pool = pool
	few := failed(3, 259, 515, 7, 263, 519)
	assert.Equal(t, FailedAt{Sources: []netip.Addr{netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.7")}, OfSources: 256}, few)
}

// Where all failures were at one of several targets, or from one of several sources, the result tells which, unless that may be chance.
func TestFloodTellsWhereAllFailed(t *testing.T) {
	t.Parallel()
	const rejected = "127.0.0.3"
	hello := func(c *net.TCPConn) {
		if from, _, _ := net.SplitHostPort(c.RemoteAddr().String()); from == rejected {
			return
		}
		_, _ = c.Write([]byte("web-1"))
		untilClosed(c)
	}
	from := func(pool string) source.Sequence {
		p, err := source.ParsePool(pool)
		require.NoError(t, err)
		return source.Sequence{Pool: p}
	}
	up, down, downToo := peer(t, hello), free(t), free(t)
	of := netip.MustParseAddr(rejected)
	for name, row := range map[string]struct {
		targets     []Target
		sources     source.Sequence
		connections int64
		want        FailedAt
	}{
		"a target":                         {[]Target{up, down, up}, source.Sequence{}, 60, FailedAt{Targets: []string{down.Name}, OfTargets: 3}},
		"two targets":                      {[]Target{up, down, up, downToo}, source.Sequence{}, 60, FailedAt{Targets: []string{down.Name, downToo.Name}, OfTargets: 4}},
		"a source":                         {[]Target{up}, from("127.0.0.1-127.0.0.5"), 60, FailedAt{Sources: []netip.Addr{of}, OfSources: 5}},
		"a source of many":                 {[]Target{up}, from("127.0.0.1-127.0.0.200"), 400, FailedAt{}},
		"a source at a target":             {[]Target{up, up}, from("127.0.0.2-127.0.0.3"), 60, FailedAt{Sources: []netip.Addr{of}, OfSources: 2, Targets: []string{up.Name}, OfTargets: 2}},
		"all":                              {[]Target{down, down}, from("127.0.0.1-127.0.0.2"), 60, FailedAt{}},
		"too few":                          {[]Target{up, down}, source.Sequence{}, 8, FailedAt{}},
		"the only one":                     {[]Target{down}, from("127.0.0.1"), 60, FailedAt{}},
		"nothing":                          {[]Target{up, up}, from("127.0.0.1-127.0.0.2"), 60, FailedAt{}},
		"a target that has no address yet": {[]Target{up, {Name: "nobody:1", Err: errors.New("no such host"), Class: ClassDNS}}, source.Sequence{}, 60, FailedAt{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e Engine
			r, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: row.targets, Sources: row.sources, Connections: row.connections}})
			require.NoError(t, err)
			requireSums(t, r)
			assert.Equal(t, row.want, r.FailedAt, "%+v", r.Errors)
		})
	}
}

// If nothing listens on a local port, a socket may get that port itself: a TCP or UDP self-connect.
func TestFloodToItself(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		for _, network := range []string{"tcp", "udp", "tls"} {
			to := free(t)
			own, err := source.ParsePool(to.Addr.Addr().String())
			require.NoError(t, err)
			plan := Plan{
				Network: network, Targets: []Target{to}, ConnectTimeout: time.Second,
				Sources: source.Sequence{Pool: own, Ports: source.Ports{First: to.Addr.Port(), Last: to.Addr.Port()}},
			}
			r, err := e.Flood(t.Context(), FloodPlan{Plan: plan})
			require.NoError(t, err)
			requireSums(t, r)
			assert.Equal(t, map[Class]int64{ClassRefused: 1}, r.Errors, network)
			assert.Contains(t, r.First[ClassRefused].Error(), ReasonSelf.Error(), network)
		}
	})
}

func TestFloodCountsEachPeerInItsClass(t *testing.T) {
	t.Parallel()
	const n = 50
	for name, row := range map[string]struct {
		network   string
		peer      func(*testing.T) Target
		class     Class
		connected bool
	}{
		"refuses":                     {"tcp", refusing, ClassRefused, false},
		"resets at once":              {"tcp", func(t *testing.T) Target { return peer(t, resetAtOnce) }, ClassReset, true},
		"closes at once":              {"tcp", func(t *testing.T) Target { return peer(t, closeAtOnce) }, ClassClosed, true},
		"never answers":               {"tcp", func(t *testing.T) Target { return peer(t, func(c *net.TCPConn) { untilClosed(c) }) }, ClassNoReply, true},
		"sends 1 MB of binary":        {"tcp", func(t *testing.T) Target { return peer(t, binaryMegabyte) }, ClassBadReply, true},
		"sends an empty line":         {"tcp", func(t *testing.T) Target { return peer(t, answer("\n")) }, ClassBadReply, true},
		"is no TLS server":            {"tls", func(t *testing.T) Target { return peer(t, answer("plain text\n")) }, ClassTLS, false},
		"refuses TLS":                 {"tls", refusing, ClassRefused, false},
		"never shakes hands":          {"tls", func(t *testing.T) Target { return peer(t, func(c *net.TCPConn) { untilClosed(c) }) }, ClassTimeout, false},
		"UDP: nothing there":          {"udp", refusing, ClassRefused, true},
		"UDP: never answers":          {"udp", func(t *testing.T) Target { return udpPeer(t, func([]byte) []byte { return nil }) }, ClassNoReply, true},
		"UDP: answers with nothing":   {"udp", func(t *testing.T) Target { return udpPeer(t, func([]byte) []byte { return []byte{} }) }, ClassBadReply, true},
		"UDP: answers with 60,000 B":  {"udp", func(t *testing.T) Target { return udpPeer(t, func([]byte) []byte { return make([]byte, 60_000) }) }, ClassBadReply, true},
		"a name that did not resolve": {"tcp", func(*testing.T) Target { return Target{Name: "x:1", Err: errors.New("no such host"), Class: ClassDNS} }, ClassDNS, false},
		"a forbidden target":          {"udp", func(*testing.T) Target { return Target{Name: "x:1", Err: errors.New("forbidden"), Class: ClassBlocked} }, ClassBlocked, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				patience := time.Minute
				if row.class == ClassTimeout || row.class == ClassNoReply {
					patience = 200 * time.Millisecond
				}
				res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{
					Network: row.network, Targets: []Target{row.peer(t)}, Connections: n, ConnectTimeout: patience, Timeout: time.Minute,
				}})
				require.NoError(t, err)
				requireSums(t, res)
				assert.Equal(t, map[Class]int64{row.class: n}, res.Errors, "first errors: %v", res.First)
				if row.connected {
					assert.EqualValues(t, n, res.FailedReads)
				} else {
					assert.EqualValues(t, n, res.FailedConnects)
				}
			})
		})
	}
}

func TestFloodTakesTheFirstReadAsTheName(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(*net.TCPConn){
		"a bare name":       answer("web-1"),
		"a line":            answer("web-1\r\nrest"),
		"padded with NULs":  answer("web-1\x00\x00\x00"),
		"then closes":       func(c *net.TCPConn) { _, _ = c.Write([]byte("web-1")) },
		"then shuts down":   func(c *net.TCPConn) { _, _ = c.Write([]byte("web-1")); _ = c.CloseWrite(); untilClosed(c) },
		"in two pieces":     func(c *net.TCPConn) { _, _ = c.Write([]byte("web-1")); untilClosed(c); _, _ = c.Write([]byte("late")) },
		"and 1 MB after it": func(c *net.TCPConn) { _, _ = c.Write([]byte("web-1\n")); binaryMegabyte(c) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{peer(t, script)}, Connections: 20}})
				require.NoError(t, err)
				requireSums(t, res)
				assert.Equal(t, Hosts{"web-1": 20}, res.Hosts, "first errors: %v", res.First)
			})
		})
	}
}

func TestFloodUsesTargetsInTurn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		targets := []Target{peer(t, answer("a")), peer(t, answer("b")), refusing(t), peer(t, answer("c"))}
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: targets, Connections: 402}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, Hosts{"a": 101, "b": 101, "c": 100}, res.Hosts)
		assert.Equal(t, map[Class]int64{ClassRefused: 100}, res.Errors)
		assert.Equal(t, 3, res.Balance.Hosts)
	})
}

func TestFloodIPv6(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		pool, err := source.ParsePool("::1")
		require.NoError(t, err)
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{
			Network: "tcp6", Targets: []Target{peerAt(t, "[::1]:0", answer("six"))}, Connections: 100,
			Sources: source.Sequence{Pool: pool},
		}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, Hosts{"six": 100}, res.Hosts, "first errors: %v", res.First)
	})
}

func TestFloodUDPSendsThePayloadOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var datagrams atomic.Int64
		echo := udpPeer(t, func(datagram []byte) []byte { datagrams.Add(1); return append([]byte("got "), datagram...) })
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Network: "udp4", Targets: []Target{echo}, Connections: 300, Payload: []byte("ping")}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, Hosts{"got ping": 300}, res.Hosts)
		assert.EqualValues(t, 300, datagrams.Load())
	})
}

// Who answers twice, and tells the client's address each time, has been sent something that is not ours, such as a PROXY header. A payload is.
func TestFloodToldTwice(t *testing.T) {
	t.Parallel()
	const told = "web-1\t192.0.2.1:80"
	for name, row := range map[string]struct {
		answer, payload string
		twice           bool
		host            string // web-1 if empty
	}{
		"once":                          {told, "", false, ""},
		"twice":                         {told + told, "", true, ""},
		"twice, and asked once":         {told + told, "Hello", false, ""},
		"three times, asked once":       {told + told + told, "Hello", true, ""},
		"a machine's name twice":        {"web-1web-1", "", true, ""},
		"a word twice":                  {"ticktick", "", false, "ticktick"}, // of a peer that is no mconnect server
		"a word twice, and asked":       {"ticktick", "Hello", false, "tick"},
		"a word three times, and asked": {"tickticktick", "Hello", false, "tickticktick"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				target := peer(t, func(c *net.TCPConn) {
					_, _ = c.Write([]byte(row.answer))
					untilClosed(c)
				})
				plan := Plan{Targets: []Target{target}, Connections: 5}
				if row.payload != "" {
					plan.Payload = []byte(row.payload)
				}
				r, err := e.Flood(t.Context(), FloodPlan{Plan: plan})
				require.NoError(t, err)
				requireSums(t, r)
				if row.twice {
					assert.EqualValues(t, 5, r.Errors[ClassBadReply])
					assert.ErrorIs(t, r.First[ClassBadReply].Err, ReasonTwice)
				} else {
					assert.Equal(t, Hosts{cmp.Or(row.host, "web-1"): 5}, r.Hosts)
				}
			})
		})
	}
}

func TestFloodWithoutReply(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		silent := peer(t, func(c *net.TCPConn) { untilClosed(c) })
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{silent}, Connections: 100}, SkipReply: true})
		require.NoError(t, err)
		requireSums(t, res)
		assert.EqualValues(t, 100, res.States.Completed)
		assert.Empty(t, res.Hosts)
		assert.Zero(t, res.ReplyTime.Count)
		assert.False(t, res.Unread, "the handshake shows that somebody is there")
		res, err = e.Flood(t.Context(), FloodPlan{Plan: Plan{Network: "udp", Targets: []Target{silent}, Connections: 10}, SkipReply: true})
		require.NoError(t, err)
		assert.EqualValues(t, 10, res.States.Completed)
		assert.True(t, res.Unread)
	})
}

// collected is an observer that keeps everything.
type collected struct {
	outcomes []Outcome
	monitors []States
}

func (c *collected) Outcomes(batch []Outcome) { c.outcomes = append(c.outcomes, batch...) }
func (c *collected) Second()                  {}
func (c *collected) Monitor(s States)         { c.monitors = append(c.monitors, s) }

func TestFloodReportsEachConnectionOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen collected
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{peer(t, answer("a")), refusing(t)}, Connections: 2001, Observer: &seen}})
		require.NoError(t, err)
		requireSums(t, res)
		numbers := map[int64]bool{}
		for _, o := range seen.outcomes {
			numbers[o.Number] = true
			assert.Equal(t, o.Number%2 == 1, o.Class == ClassRefused)
			assert.GreaterOrEqual(t, o.At, o.Planned)
		}
		assert.Len(t, seen.outcomes, 2001)
		assert.Len(t, numbers, 2001)
	})
}

func TestFloodStatesAddUpAtEveryInstant(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		stop := make(chan struct{})
		var watching sync.WaitGroup
		watching.Go(func() {
			for looked := 0; ; looked++ {
				select {
				case <-stop:
					assert.Positive(t, looked)
					return
				default:
				}
				s := e.Total.States()
				for _, n := range []int64{s.NotInitiated, s.Dialing, s.Established, s.Completed, s.Closed, s.Error} {
					if n < 0 {
						assert.Fail(t, "a state is negative", "%+v", s)
						return
					}
				}
				if total := s.Total(); total != 0 && total != 3000 && total != 6000 {
					assert.Fail(t, "connections were lost or counted twice", "%+v", s)
					return
				}
			}
		})
		targets := []Target{peer(t, answer("a")), refusing(t), peer(t, resetAtOnce)}
		var floods sync.WaitGroup
		for range 2 {
			floods.Go(func() {
				res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: targets, Connections: 3000}})
				assert.NoError(t, err)
				assert.EqualValues(t, 3000, res.States.Total())
			})
		}
		floods.Wait()
		close(stop)
		watching.Wait()
		assert.EqualValues(t, 6000, e.Total.States().Total())
		assert.Positive(t, e.Total.EstablishedMax())
		assert.LessOrEqual(t, e.Total.EstablishedMax(), int64(2*DefaultConcurrency))
	})
}

func TestFloodEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		silent := peer(t, func(c *net.TCPConn) { untilClosed(c) })
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{silent}, Connections: 100, Concurrency: 10, Timeout: 200 * time.Millisecond}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, map[Class]int64{ClassNoReply: 10}, res.Errors)
		assert.EqualValues(t, 90, res.States.NotInitiated)
		assert.GreaterOrEqual(t, res.Duration, 200*time.Millisecond)
	})
}

func TestFloodEndsWhenAborted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		var accepted atomic.Int64
		silent := peer(t, func(c *net.TCPConn) {
			if accepted.Add(1) == 10 {
				cancel()
			}
			untilClosed(c)
		})
		res, err := e.Flood(ctx, FloodPlan{Plan: Plan{Targets: []Target{silent}, Connections: 1000, Concurrency: 10, Timeout: time.Hour, ConnectTimeout: time.Hour}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, map[Class]int64{ClassAborted: 10}, res.Errors)
		assert.EqualValues(t, 990, res.States.NotInitiated)
	})
}

func TestFloodAbortedBeforeItBegan(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		silent := peer(t, func(c *net.TCPConn) { untilClosed(c) })
		res, err := e.Flood(ctx, FloodPlan{Plan: Plan{Targets: []Target{silent}, Connections: 1000, Timeout: time.Hour, ConnectTimeout: time.Hour}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Zero(t, res.States.Completed)
		assert.Equal(t, res.States.Error, res.Errors[ClassAborted])
	})
}

func TestFloodTimesFromThePlannedInstant(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		// A peer that answers one connection after the other, each after 20 ms, can't keep up with 200 a second.
		var one sync.Mutex
		slow := peer(t, func(c *net.TCPConn) {
			one.Lock()
			defer one.Unlock()
			<-time.After(20 * time.Millisecond)
			_, _ = c.Write([]byte("slow"))
		})
		var seen collected
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{slow}, Connections: 40, Concurrency: 1, Rate: 200, Observer: &seen}})
		require.NoError(t, err)
		requireSums(t, res)
		for _, o := range seen.outcomes {
			assert.Equal(t, time.Duration(o.Number)*5*time.Millisecond, o.Planned, "the plan does not wait for anybody")
		}
		last := seen.outcomes[len(seen.outcomes)-1]
		assert.Greater(t, last.Connect, 3*seen.outcomes[0].Elapsed(), "the wait behind others counts")
	})
}

func TestFloodDialsNoSoonerThanPlanned(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen collected
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{peer(t, answer("a"))}, Connections: 50, Rate: 500, Observer: &seen}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.GreaterOrEqual(t, res.Duration, 49*2*time.Millisecond)
		for _, o := range seen.outcomes {
			assert.Positive(t, o.Connect)
		}
	})
}

func TestFloodSources(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("127.77.0.1-127.77.0.10")
	require.NoError(t, err)
	for name, row := range map[string]struct {
		sources source.Sequence
		check   func(t *testing.T, seen map[netip.Addr]int)
	}{
		"in order, each as often as the others": {source.Sequence{Pool: pool, Start: 5}, func(t *testing.T, seen map[netip.Addr]int) {
			assert.Len(t, seen, 10)
			for _, n := range seen {
				assert.Equal(t, 10, n)
			}
		}},
		"at random": {source.Sequence{Pool: pool, Random: true, Seed: 7}, func(t *testing.T, seen map[netip.Addr]int) {
			assert.Len(t, seen, 10)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				var mu sync.Mutex
				seen := map[netip.Addr]int{}
				server := peer(t, func(c *net.TCPConn) {
					mu.Lock()
					seen[netip.MustParseAddrPort(c.RemoteAddr().String()).Addr()]++
					mu.Unlock()
					answer("a")(c)
				})
				res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{server}, Connections: 100, Sources: row.sources}})
				require.NoError(t, err)
				requireSums(t, res)
				require.Equal(t, Hosts{"a": 100}, res.Hosts, "first errors: %v", res.First)
				assert.EqualValues(t, 10, res.SourcesUsed)
				mu.Lock()
				defer mu.Unlock()
				row.check(t, seen)
			})
		})
	}
}

func TestFloodDialsTheSame5TuplesAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	server := peer(t, func(c *net.TCPConn) {
		mu.Lock()
		seen[c.RemoteAddr().String()]++
		mu.Unlock()
		answer("a")(c)
	})
	pool, err := source.ParsePool("127.78.0.1-127.78.0.4")
	require.NoError(t, err)
	plan := FloodPlan{Plan: Plan{
		Targets: []Target{server}, Connections: 40, Reset: true,
		Sources: source.Sequence{Pool: pool, Ports: source.Ports{First: 21000, Last: 21009}},
	}}
	for range 3 {
		res, err := Flood(t.Context(), plan)
		require.NoError(t, err)
		requireSums(t, res)
		require.Equal(t, Hosts{"a": 40}, res.Hosts, "first errors: %v", res.First)
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, seen, 40)
	for tuple, n := range seen {
		assert.Equal(t, 3, n, tuple)
	}
}

func TestFloodTellsFlows(t *testing.T) {
	t.Parallel()
	pool, err := source.ParsePool("127.80.0.1-127.80.0.4")
	require.NoError(t, err)
	onBoth(t, func(t *testing.T, e *Engine) {
		// Two of the four ports belong to one host, the others to another: so each source has both.
		target := peer(t, func(c *net.TCPConn) {
			port := netip.MustParseAddrPort(c.RemoteAddr().String()).Port()
			answer(fmt.Sprint("host-", port/2))(c)
		})
		plan := FloodPlan{
			Plan: Plan{
				Targets: []Target{target, refusing(t)}, Connections: 16, Reset: true,
				Sources: source.Sequence{Pool: pool, Ports: source.Ports{First: 21000, Last: 21003}},
			},
			Flows: true, Weights: map[string]float64{"host-10500": 1, "host-10501": 1, "host-0": 2},
		}
		before, err := e.Flood(t.Context(), plan)
		require.NoError(t, err)
		requireSums(t, before)
		require.EqualValues(t, 8, before.FailedConnects, "first errors: %v", before.First)
		assert.Equal(t, &disruption.Affinity{Sources: 2}, before.Affinity, "two of four sources go to the target that answers")
		due := before.Balance.Expected
		assert.Equal(t, map[string]float64{"host-10500": .25, "host-10501": .25, "host-0": .5}, due)
		assert.InDelta(t, 2, before.Balance.MaxLoad, 1e-9)
		after, err := e.Flood(t.Context(), plan)
		require.NoError(t, err)
		v, err := disruption.Of(before.Flows, after.Flows, disruption.Change{Model: disruption.Stateful})
		require.NoError(t, err)
		assert.EqualValues(t, 8, v.Flows)
		assert.Zero(t, v.Moved+v.Lost+v.Found)
		assert.Equal(t, []string{"host-10500", "host-10501"}, v.Backends)
	})
}

func TestFloodTellsNoFlowsUnasked(t *testing.T) {
	t.Parallel()
	res, err := Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{peer(t, answer("a"))}, Connections: 10}})
	require.NoError(t, err)
	assert.Nil(t, res.Flows)
	assert.Nil(t, res.Affinity)
}

func TestFloodExplainsAddressesThatAreTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.79.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	port := netip.MustParseAddrPort(taken.Addr().String()).Port()
	pool, err := source.ParsePool("127.79.0.1")
	require.NoError(t, err)
	onBoth(t, func(t *testing.T, e *Engine) {
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{
			Targets: []Target{peer(t, answer("a"))}, Connections: 3,
			Sources: source.Sequence{Pool: pool, Ports: source.Ports{First: port, Last: port}},
		}})
		require.NoError(t, err)
		requireSums(t, res)
		assert.Equal(t, map[Class]int64{ClassAddrInUse: 3}, res.Errors)
		assert.Contains(t, res.First[ClassAddrInUse].Error(), fmt.Sprintf("127.79.0.1:%d", port))
	})
}

func TestFloodKeepsFewOfManyNames(t *testing.T) {
	t.Parallel()
	var next atomic.Int64
	liar := udpPeer(t, func([]byte) []byte { return fmt.Appendf(nil, "host-%d", next.Add(1)) })
	const n = engine.MaxHosts + 500
	res, err := Flood(t.Context(), FloodPlan{Plan: Plan{Network: "udp", Targets: []Target{liar}, Connections: n}})
	require.NoError(t, err)
	requireSums(t, res)
	assert.Len(t, res.Hosts, engine.MaxHosts+1)
	assert.EqualValues(t, n, res.States.Completed)
	assert.GreaterOrEqual(t, res.Hosts[engine.OtherHosts], int64(500))
}

func TestFloodMonitors(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen collected
		silent := peer(t, func(c *net.TCPConn) { untilClosed(c) })
		res, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{Targets: []Target{silent}, Connections: 5, ConnectTimeout: 200 * time.Millisecond, Monitor: 10 * time.Millisecond, Observer: &seen}})
		require.NoError(t, err)
		requireSums(t, res)
		require.NotEmpty(t, seen.monitors)
		for _, s := range seen.monitors {
			assert.EqualValues(t, 5, s.Total())
		}
	})
}

func TestFloodRejectsWrongPlans(t *testing.T) {
	t.Parallel()
	pool6, err := source.ParsePool("5000::/112")
	require.NoError(t, err)
	v4 := Target{Name: "127.0.0.1:1", Addr: netip.MustParseAddrPort("127.0.0.1:1")}
	ports := source.Sequence{Ports: source.Ports{First: 1, Last: 9}}
	for name, row := range map[string]struct {
		plan FloodPlan
		says []string
	}{
		"no target":             {FloodPlan{Plan: Plan{}}, []string{"no target", "host:port"}},
		"a target unresolved":   {FloodPlan{Plan: Plan{Targets: []Target{{Name: "web:1"}}}}, []string{"web:1", "no address"}},
		"an unknown network":    {FloodPlan{Plan: Plan{Targets: []Target{v4}, Network: "sctp"}}, []string{"sctp", "tcp, tcp4"}},
		"TLS with a version":    {FloodPlan{Plan: Plan{Targets: []Target{v4}, Network: "tls4"}}, []string{"tls4"}},
		"the other family":      {FloodPlan{Plan: Plan{Targets: []Target{v4}, Network: "tcp6"}}, []string{"127.0.0.1", "tcp6"}},
		"sources of the other":  {FloodPlan{Plan: Plan{Targets: []Target{v4}, Sources: source.Sequence{Pool: pool6}}}, []string{"5000::/112", "127.0.0.1:1", "families"}},
		"too many connections":  {FloodPlan{Plan: Plan{Targets: []Target{v4}, Connections: MaxConnections + 1}}, []string{"100000001", "1 to 100000000"}},
		"fewer than none":       {FloodPlan{Plan: Plan{Targets: []Target{v4}, Connections: -1}}, []string{"-1"}},
		"a negative rate":       {FloodPlan{Plan: Plan{Targets: []Target{v4}, Rate: -2}}, []string{"-2"}},
		"a negative timeout":    {FloodPlan{Plan: Plan{Targets: []Target{v4}, Timeout: -time.Second}}, []string{"-1s"}},
		"a negative time limit": {FloodPlan{Plan: Plan{Targets: []Target{v4}, ConnectTimeout: -time.Second}}, []string{"-1s"}},
		"flows of any port":     {FloodPlan{Plan: Plan{Targets: []Target{v4}}, Flows: true}, []string{"flows", "source ports"}},
		"flows of no answers":   {FloodPlan{Plan: Plan{Targets: []Target{v4}, Sources: ports}, Flows: true, SkipReply: true}, []string{"flows", "replies"}},
		"flows without end":     {FloodPlan{Plan: Plan{Targets: []Target{v4}, Connections: 1 << 25, Sources: ports}, Flows: true}, []string{"flows", "33554432", "10000000"}},
		"no lanes":              {FloodPlan{Plan: Plan{Targets: []Target{v4}, Concurrency: -1}}, []string{"-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e Engine
			_, err := e.Flood(t.Context(), row.plan)
			require.Error(t, err)
			for _, part := range row.says {
				assert.ErrorContains(t, err, part)
			}
			assert.Zero(t, e.Total.States().Total(), "a plan that was refused leaves no trace")
		})
	}
}

func TestDefaultTimeout(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 8*time.Second, Plan{Connections: 6000}.withDefaults().Timeout)
	assert.Equal(t, 102*time.Second, Plan{Connections: 1000, Rate: 10}.withDefaults().Timeout)
	assert.Greater(t, Plan{Connections: 1000, Rate: 1e-300}.withDefaults().Timeout, 50*365*24*time.Hour, "longer than a clock counts")
	assert.Equal(t, 10*time.Second+time.Millisecond, Plan{Connections: 1, ConnectTimeout: 10 * time.Second}.withDefaults().Timeout)
	assert.Equal(t, 2*time.Second+time.Millisecond, Plan{Connections: 1, ConnectTimeout: time.Second}.withDefaults().Timeout)
}

// An answer without an end has a reason of its own, which quotes what has come of it.
func TestFloodUnfinishedAnswer(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		r, err := e.Flood(t.Context(), FloodPlan{Plan: Plan{
			Targets: []Target{peer(t, answer("web-1"))}, Connections: 3, ConnectTimeout: 300 * time.Millisecond, Reply: &reply.Want{Until: []byte("\r\n")},
		}})
		require.NoError(t, err)
		assert.Equal(t, map[Class]int64{ClassNoReply: 3}, r.Errors)
		require.ErrorIs(t, r.First[ClassNoReply], ReasonUnfinished)
		assert.Contains(t, r.First[ClassNoReply].Error(), `it begins with "web-1"`)
	})
}
