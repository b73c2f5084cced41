package connect

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// echo answers everything with itself.
func echo(conn *net.TCPConn) { _, _ = io.Copy(conn, conn) }

func requireHoldSums(t *testing.T, r *HoldResult) {
	t.Helper()
	var errors int64
	for _, n := range r.Errors {
		errors += n
	}
	require.Equal(t, r.Connects, r.States.Total(), "states add up to connects")
	require.Equal(t, r.States.Error, errors, "errors add up to states.error")
	require.Equal(t, r.EstablishedTotal, r.ConnectTime.Count, "each established connection is timed")
	require.Equal(t, r.States.Error, r.ErrorTime.Count, "each error is timed")
	require.Equal(t, r.Connects, r.EstablishedTotal+r.FailedConnects+r.States.NotInitiated+r.States.Dialing)
	require.Equal(t, r.States.Closed, r.Lifetime.Count, "each close by the peer is timed")
	require.LessOrEqual(t, r.FailedConnects, r.States.Error)
	require.LessOrEqual(t, r.EstablishedMax, r.EstablishedTotal)
	require.LessOrEqual(t, r.States.Established, r.EstablishedMax)
	require.Equal(t, r.States.Established+r.States.Completed, r.EstablishedAtClose)
	s := r.States
	require.GreaterOrEqual(t, min(s.NotInitiated, s.Dialing, s.Established, s.Completed, s.Closed, s.Error), int64(0), "%+v", s)
}

// What adds up in the end does so whenever somebody looks, while connections are opened, go and are closed, too.
func TestHoldSumsAtEveryInstant(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		targets := []Target{peer(t, answer("hello")), peer(t, echo), refusing(t), peer(t, closeAtOnce), peer(t, resetAtOnce)}
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: targets, Connections: 1000, Rate: 2000}})
		settled := h.Settled()
		for opening := true; opening; {
			select {
			case <-settled:
				opening = false
			default:
			}
			requireHoldSums(t, h.Result())
		}
		hungUp := h.States().Established
		for done := h.Done(); done != nil; {
			select {
			case <-done:
				done = nil
			default:
				h.hangUp(ClassAborted)
			}
			requireHoldSums(t, h.Result())
		}
		requireHoldSums(t, h.Close())
		assert.Positive(t, hungUp)
		assert.Zero(t, h.Result().States.Dialing)
	})
}

// A loop may deliver what has become of connections before it has counted that they were begun.
func TestHoldTallyAheadOfTheCounters(t *testing.T) {
	t.Parallel()
	tally := newHoldTally(&Plan{Targets: make([]Target, 1)})
	tally.add([]Outcome{{Event: Established, Connected: true}, {Class: ClassRefused}, {Class: ClassRefused}})
	for counted := range int64(10) {
		s := tally.states(10-counted, 10)
		assert.Equal(t, States{NotInitiated: min(10-counted, 7), Dialing: max(counted-3, 0), Established: 1, Error: 2}, s)
	}
}

func mustHold(t *testing.T, e *Engine, plan HoldPlan) *Held {
	t.Helper()
	h, err := e.Hold(t.Context(), plan)
	require.NoError(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

func TestHoldUntilClosed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		server := peer(t, answer("greeting"))
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{server}, Connections: 300}})
		<-h.Settled()
		assert.Equal(t, States{Established: 300}, h.States())
		assert.Equal(t, States{Established: 300}, e.Total.States())
		requireHoldSums(t, h.Result())
		assert.EqualValues(t, 300, h.Result().EstablishedAtClose)

		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, States{Completed: 300}, r.States)
		assert.EqualValues(t, 300, r.EstablishedTotal)
		assert.EqualValues(t, 300, r.EstablishedMax)
		assert.EqualValues(t, 300, r.EstablishedAtClose)
		assert.Equal(t, r, h.Close(), "closing again changes nothing")
		<-h.Done()
	})
}

func TestHoldNoticesWhoHangsUp(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(*net.TCPConn){
		"closes":               closeAtOnce,
		"resets":               resetAtOnce,
		"says good-bye":        func(c *net.TCPConn) { _, _ = c.Write([]byte("bye")) },
		"shuts down one way":   func(c *net.TCPConn) { _ = c.CloseWrite(); untilClosed(c) },
		"closes after a while": func(c *net.TCPConn) { <-time.After(50 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, e *Engine) {
				h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, script)}, Connections: 100}})
				<-h.Done() // nothing is left to hold
				r := h.Close()
				requireHoldSums(t, r)
				assert.Equal(t, States{Closed: 100}, r.States, "%v", r.First)
				assert.Zero(t, r.EstablishedAtClose)
				assert.EqualValues(t, 100, r.EstablishedTotal)
				if name == "says good-bye" {
					assert.EqualValues(t, 100*len("bye"), r.BytesReceived, "what arrives is counted")
				}
				if name == "closes after a while" {
					assert.GreaterOrEqual(t, r.Lifetime.Max, 20*time.Millisecond)
				}
			})
		})
	}
}

func TestHoldOfFailures(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{refusing(t), peer(t, echo)}, Connections: 100}})
		<-h.Settled()
		assert.Equal(t, States{Established: 50, Error: 50}, h.States())
		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, map[Class]int64{ClassRefused: 50}, r.Errors)
		assert.EqualValues(t, 50, r.FailedConnects)
		assert.NotEmpty(t, r.First[ClassRefused])
	})
}

func TestHoldKeepalive(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen echoes
		h := mustHold(t, e, HoldPlan{
			Plan:      Plan{Targets: []Target{peer(t, echo)}, Connections: 20, Observer: &seen},
			Keepalive: 500 * time.Millisecond,
		})
		seen.await(t, 40)
		r := h.Close()
		requireHoldSums(t, r)
		assert.GreaterOrEqual(t, r.EchoTime.Count, int64(40))
		assert.Positive(t, r.EchoTime.Min)
		assert.Equal(t, States{Completed: 20}, r.States, "%v", r.First)
	})
}

// echoes is an observer that waits for answers to keepalives.
type echoes struct {
	mu    sync.Mutex
	n     int
	more  chan struct{}
	setup sync.Once
}

func (e *echoes) init() { e.setup.Do(func() { e.more = make(chan struct{}, 1) }) }

func (e *echoes) Outcomes(batch []Outcome) {
	e.init()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range batch {
		if batch[i].Event == Echoed {
			e.n++
		}
	}
	select {
	case e.more <- struct{}{}:
	default:
	}
}
func (e *echoes) Second()        {}
func (e *echoes) Monitor(States) {}

func (e *echoes) await(t *testing.T, n int) {
	t.Helper()
	e.init()
	for {
		e.mu.Lock()
		enough := e.n >= n
		e.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-e.more:
		case <-time.After(30 * time.Second):
			require.Fail(t, "no answers to keepalives")
		}
	}
}

func TestHoldFindsTheDead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		silent := peer(t, func(c *net.TCPConn) { untilClosed(c) }) // reads, and never answers
		h := mustHold(t, e, HoldPlan{
			Plan:      Plan{Targets: []Target{silent, peer(t, echo)}, Connections: 40},
			Keepalive: time.Second,
		})
		<-h.Settled()
		for h.States().Error < 20 {
			select {
			case <-h.Done():
				require.Fail(t, "the living were lost too")
			case <-time.After(10 * time.Millisecond):
			}
		}
		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, map[Class]int64{ClassNoReply: 20}, r.Errors, "%v", r.First)
		assert.EqualValues(t, 20, r.EstablishedAtClose)
		assert.Contains(t, r.First[ClassNoReply].Error(), "keepalive")
	})
}

// A connection that owes an answer when a hold ends has its time for it, unless the hold is cut short.
func TestHoldEndsWhileAnswersAreDue(t *testing.T) {
	t.Parallel()
	const interval, duration, late, patience, far = 50 * time.Millisecond, 500 * time.Millisecond, 600 * time.Millisecond, 700 * time.Millisecond, time.Hour
	for name, row := range map[string]struct {
		after    time.Duration // until a keepalive is answered
		patience time.Duration
		cut      bool
		duration time.Duration
		failed   int64
	}{
		"silent, and closed":           {far, patience, false, 0, 2},
		"silent, and its time is over": {far, patience, false, duration, 2},
		"silent, and cut":              {far, far, true, 0, 0},
		"late, and closed":             {late, far, false, 0, 0},
		"late, and its time is over":   {late, far, false, duration, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{}, 2)
			target := peer(t, func(c *net.TCPConn) {
				buffer := make([]byte, 64)
				if _, err := c.Read(buffer); err != nil {
					return
				}
				asked <- struct{}{}
				if row.after < far {
					time.Sleep(row.after)
					_, _ = c.Write(buffer[:1])
				}
				_, _ = io.Copy(io.Discard, c)
			})
			var e Engine
			h := mustHold(t, &e, HoldPlan{Plan: Plan{Targets: []Target{target}, Connections: 2}, Keepalive: interval, KeepaliveTimeout: row.patience, Duration: row.duration})
			<-asked
			<-asked
			var r *HoldResult
			switch {
			case row.cut:
				r = h.Cut()
			case row.duration > 0:
				<-h.Done()
				r = h.Result()
			default:
				r = h.Close()
			}
			requireHoldSums(t, r)
			assert.Equal(t, row.failed, r.Errors[ClassNoReply], "%+v", r.Errors)
			assert.Equal(t, 2-row.failed, r.States.Completed)
			assert.Equal(t, 2-row.failed, r.EstablishedAtClose)
			if row.after < far {
				assert.EqualValues(t, 2, r.EchoTime.Count)
			}
			assert.Equal(t, row.cut, r.Owing == 2 && r.Owed > 0, "%d owed an answer, for %v", r.Owing, r.Owed)
		})
	}
}

// A connection that is cut short has not failed. It is lost all the same if it owes an answer for far longer than any took.
func TestHoldCutWhileSilent(t *testing.T) {
	t.Parallel()
	const planned, connect = 100 * time.Millisecond, 10 * time.Millisecond
	for name, row := range map[string]struct {
		answers []time.Duration // that came before
		owed    time.Duration
		lost    bool
	}{
		"owes none":                     {nil, 0, false},
		"for shorter than a loss takes": {nil, 999 * time.Millisecond, false},
		"for longer":                    {nil, time.Second, true},
		"slow answers before":           {[]time.Duration{time.Millisecond, 150 * time.Millisecond}, 1499 * time.Millisecond, false},
		"for longer than these":         {[]time.Duration{150 * time.Millisecond, time.Millisecond}, 1500 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tally := newHoldTally(&Plan{Connections: 1, Targets: []Target{{Name: "a:1"}}})
			tally.interval = 2 * time.Second
			outcomes := []Outcome{{Event: Established, Planned: planned, Connect: connect, Connected: true}}
			for _, took := range row.answers {
				outcomes = append(outcomes, Outcome{Event: Echoed, Connected: true, Reply: took})
			}
			end := Outcome{Event: Ended, Planned: planned, Connect: connect, Connected: true, At: 10 * time.Second, Reply: row.owed, Host: "web-1"}
			tally.add(append(outcomes, end))
			require.EqualValues(t, 1, tally.completed)
			if !row.lost {
				assert.Empty(t, tally.losses.List)
				return
			}
			missed := end.At - row.owed
			assert.Equal(t, []Loss{{At: missed - tally.interval, Missed: missed, Host: "web-1", Class: ClassNoReply}}, tally.losses.List)
		})
	}
}

// Where the target speaks first, a connection on which it says nothing for far longer has not been greeted.
func TestHoldIsNotGreeted(t *testing.T) {
	t.Parallel()
	const connect, whole = 10 * time.Millisecond, 10 * time.Second
	for name, row := range map[string]struct {
		interval  time.Duration   // between keepalives
		greetings []time.Duration // that came on others
		lasted    time.Duration   // the connection
		received  int64           // bytes on it
		greeted   int64
		ungreeted int64
	}{
		"a target that says nothing":      {0, nil, whole, 0, 0, 0},
		"a greeting":                      {0, []time.Duration{time.Millisecond}, whole, 5, 1, 0},
		"none, in less than a loss takes": {0, []time.Duration{time.Millisecond}, time.Second - 1, 0, 1, 0},
		"none":                            {0, []time.Duration{time.Millisecond}, time.Second, 0, 1, 1},
		"none, where they are late":       {0, []time.Duration{time.Millisecond, 300 * time.Millisecond}, 3*time.Second - 1, 0, 2, 0},
		"none, for far longer":            {0, []time.Duration{300 * time.Millisecond, time.Millisecond}, 3 * time.Second, 0, 2, 1},
		"answers to keepalives":           {time.Minute, []time.Duration{time.Millisecond}, whole, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tally := newHoldTally(&Plan{Connections: 3, Targets: []Target{{Name: "a:1"}}})
			tally.interval = row.interval
			for i, after := range row.greetings {
				tally.add([]Outcome{
					{Event: Established, Number: int64(1 + i), Connect: connect, At: connect, Connected: true},
					{Event: Spoke, Number: int64(1 + i), Connect: connect, At: connect + after, Connected: true, Host: "web-1"},
				})
			}
			tally.add([]Outcome{
				{Event: Established, Connect: connect, At: connect, Connected: true},
				{Event: Ended, Connect: connect, At: connect + row.lasted, Connected: true, Received: row.received},
			})
			s := tally.snapshot()
			assert.Equal(t, row.greeted, s.greeted)
			assert.Equal(t, row.ungreeted, s.ungreeted)
		})
	}
}

func TestHoldForADuration(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, echo)}, Connections: 10}, Duration: 100 * time.Millisecond})
		<-h.Done()
		r := h.Result()
		requireHoldSums(t, r)
		assert.Equal(t, States{Completed: 10}, r.States)
		assert.GreaterOrEqual(t, r.Duration, 100*time.Millisecond)
	})
}

func TestHoldEndsWithItsContext(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		ctx, cancel := context.WithCancel(t.Context())
		h, err := e.Hold(ctx, HoldPlan{Plan: Plan{Targets: []Target{peer(t, echo)}, Connections: 10}})
		require.NoError(t, err)
		<-h.Settled()
		cancel()
		<-h.Done()
		assert.Equal(t, States{Completed: 10}, h.Result().States)
	})
}

func TestHoldTimeIsForDialing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, echo)}, Connections: 100, Rate: 100, Timeout: 200 * time.Millisecond}})
		<-h.Settled()
		s := h.States()
		assert.Positive(t, s.Established, "what was established in time stays")
		assert.Positive(t, s.NotInitiated, "the rest is not dialed any more")
		assert.Zero(t, s.Dialing)
		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, s.Established, r.EstablishedAtClose)
	})
}

func TestHoldUDP(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen echoes
		h := mustHold(t, e, HoldPlan{
			Plan:      Plan{Network: "udp", Targets: []Target{udpPeer(t, func(d []byte) []byte { return d }), refusing(t)}, Connections: 20, Observer: &seen},
			Keepalive: time.Second,
		})
		seen.await(t, 20)
		r := h.Close()
		requireHoldSums(t, r)
		assert.EqualValues(t, 10, r.Errors[ClassRefused], "%v %v", r.Errors, r.First)
		assert.EqualValues(t, 10, r.EstablishedAtClose)
		assert.False(t, r.Unheard)
	})
}

// Flows that are closed before anything has come back tell nothing of the service.
func TestHoldUDPUnheard(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		silent := udpPeer(t, func([]byte) []byte { return nil })
		h := mustHold(t, e, HoldPlan{Plan: Plan{Network: "udp", Targets: []Target{silent}, Connections: 3}, Keepalive: time.Hour})
		<-h.Settled()
		r := h.Close()
		requireHoldSums(t, r)
		assert.EqualValues(t, 3, r.EstablishedAtClose)
		assert.True(t, r.Unheard)
	})
}

// What is not known of connections that were kept: whether anybody is still behind them, if nothing was asked, whatever came at first; and whether a service
// answers, if they were closed before it had to.
func TestHoldOfSilence(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		silent := peer(t, func(c *net.TCPConn) { untilClosed(c) })
		const greeted = "told without being asked"
		for name, row := range map[string]struct {
			target              Target
			keepalive           time.Duration
			unasked, unanswered bool
		}{
			"nothing asked":   {silent, 0, true, false},
			"not for so long": {silent, time.Hour, false, true},
			greeted: {peer(t, func(c *net.TCPConn) {
				_, _ = io.WriteString(c, "web-1")
				untilClosed(c)
			}), 0, true, false},
		} {
			h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{row.target}, Connections: 1}, Keepalive: row.keepalive})
			<-h.Settled()
			if name == greeted {
				require.Eventually(t, func() bool { return len(h.Result().Hosts) > 0 }, 10*time.Second, time.Millisecond)
			}
			r := h.Close()
			assert.Equal(t, row.unasked, r.Unasked, name)
			assert.Equal(t, row.unanswered, r.Unanswered, name)
		}
	})
}

// A hold that is closed while connections are still to be begun did not run out of time.
func TestHoldIsInterrupted(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		for duration, interrupted := range map[time.Duration]bool{0: true, time.Hour: true, time.Nanosecond: false} {
			h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, echo)}, Connections: 1000, Rate: 0.01}, Duration: duration})
			if !interrupted {
				<-h.Done()
			}
			r := h.Close()
			requireHoldSums(t, r)
			assert.Equal(t, interrupted, r.Interrupted, "duration %v", duration)
		}
		settled := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, echo)}, Connections: 2}})
		<-settled.Settled()
		assert.False(t, settled.Close().Interrupted)
	})
}

// What a target says by itself is counted, since any of it counts as an answer.
func TestHoldATalker(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen echoes
		talker := peer(t, func(c *net.TCPConn) {
			for range time.Tick(7 * time.Millisecond) { // not a host's name: that of a machine twice over is a bad reply
				if _, err := c.Write([]byte{1}); err != nil {
					return
				}
			}
		})
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{talker}, Connections: 2, Observer: &seen}, Keepalive: 30 * time.Millisecond, KeepaliveTimeout: time.Minute})
		seen.await(t, 6)
		assert.Greater(t, h.Close().Talked, int64(2))
		answering := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, echo)}, Connections: 2, Observer: &seen}, Keepalive: 30 * time.Millisecond, KeepaliveTimeout: time.Minute})
		seen.await(t, 12)
		assert.Zero(t, answering.Close().Talked)
	})
}

// firehose is a peer that never stops sending.
func firehose(c *net.TCPConn) {
	for {
		if _, err := c.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

func TestHoldAFirehose(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen echoes
		h := mustHold(t, e, HoldPlan{
			Plan:      Plan{Targets: []Target{peer(t, firehose), peer(t, echo), peer(t, echo), peer(t, echo)}, Connections: 8, Observer: &seen},
			Keepalive: time.Second,
		})
		seen.await(t, 20)
		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, States{Completed: 8}, r.States, "one that never stops sending does not starve the others: %v", r.First)
		assert.Positive(t, r.BytesReceived)
	})
}

// A peer that never stops sending is asked for signs of life, too: what comes in time for a deadline is looked at first, but not for ever.
func TestHoldAsksAFirehose(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		var seen echoes
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{peer(t, firehose)}, Connections: 16, Observer: &seen}, Keepalive: 50 * time.Millisecond, KeepaliveTimeout: time.Minute})
		seen.await(t, 48)
		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, States{Completed: 16}, r.States, "%v", r.First)
	})
}

// A peer that says something by itself from time to time, however often in the end, answers all the same.
func TestHoldHearsAnswersBesideNotices(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		const interval = 60 * time.Millisecond
		talkative := peer(t, func(c *net.TCPConn) {
			buffer := make([]byte, 100)
			for asked := 1; ; asked++ {
				n, err := c.Read(buffer)
				if err != nil {
					return
				}
				_, _ = c.Write(buffer[:n])
				if asked%3 == 0 {
					time.Sleep(interval / 2)
					_, _ = c.Write([]byte("notice"))
				}
			}
		})
		var seen echoes
		h := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{talkative}, Connections: 1, Observer: &seen}, Keepalive: interval, KeepaliveTimeout: 10 * time.Second})
		seen.await(t, 20)
		r := h.Close()
		requireHoldSums(t, r)
		assert.Empty(t, r.Errors, "%v", r.First)
		assert.EqualValues(t, 1, r.EstablishedAtClose)
	})
}

// A keepalive that the peer leaves in its buffers holds up nothing: it has had no answer, like any other.
func TestHoldAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		h := mustHold(t, e, HoldPlan{
			Plan: Plan{
				Targets: []Target{peer(t, func(*net.TCPConn) { <-t.Context().Done() })}, Connections: 3,
				Payload: make([]byte, 16<<20),
			},
			Keepalive: 200 * time.Millisecond,
		})
		<-h.Done()
		r := h.Close()
		requireHoldSums(t, r)
		assert.Equal(t, map[Class]int64{ClassNoReply: 3}, r.Errors, "%v", r.First)
	})
}

func TestHoldSeveralAtOnce(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		server := peer(t, echo)
		first := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{server}, Connections: 100}})
		second := mustHold(t, e, HoldPlan{Plan: Plan{Targets: []Target{server}, Connections: 50}})
		<-first.Settled()
		<-second.Settled()
		assert.EqualValues(t, 150, e.Total.States().Established)
		assert.EqualValues(t, 150, e.Total.EstablishedMax())
		first.Close()
		assert.EqualValues(t, 50, e.Total.States().Established)
		second.Close()
		assert.Equal(t, States{Completed: 150}, e.Total.States())
	})
}
