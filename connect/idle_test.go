package connect

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// idleTimeout is that of the peers in these tests: short, so that the tests are.
const idleTimeout = 400 * time.Millisecond

// lateness is how late a busy machine may see what happens at a peer. How exact idle() is, the tests in simulated time show.
const lateness = 2 * time.Second

// forgetful is a peer that echoes, and does something with a connection on which nothing has come for so long.
func forgetful(t *testing.T, forget func(*net.TCPConn)) Target {
	t.Helper()
	return peer(t, func(conn *net.TCPConn) {
		buffer := make([]byte, 1024)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(idleTimeout))
			n, err := conn.Read(buffer)
			if err != nil {
				forget(conn)
				return
			}
			if _, err := conn.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
}

// byItself closes at once.
func byItself(*net.TCPConn) {}

// onNextUse resets when something comes.
func onNextUse(conn *net.TCPConn) {
	_ = conn.SetReadDeadline(time.Time{})
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.SetLinger(0)
}

// swallowing takes what comes, and does not answer.
func swallowing(conn *net.TCPConn) {
	_ = conn.SetReadDeadline(time.Time{})
	untilClosed(conn)
}

func shortIdle(target Target) IdlePlan {
	return IdlePlan{Plan: Plan{Targets: []Target{target}}, From: 100 * time.Millisecond, To: 5 * time.Second, Precision: 100 * time.Millisecond}
}

func TestIdleOverSockets(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		forget func(*net.TCPConn)
		how    IdleHow
	}{
		"closes by itself":      {byItself, IdleFIN},
		"resets by itself":      {resetAtOnce, IdleRST},
		"resets the next use":   {onNextUse, IdleRST},
		"swallows the next use": {swallowing, IdleSilently},
	} {
		for engine, portable := range map[string]bool{"event loops": false, "package net": true} {
			t.Run(name+", "+engine, func(t *testing.T) {
				t.Parallel()
				e := Engine{portable: portable}
				r, err := e.Idle(t.Context(), shortIdle(forgetful(t, row.forget)))
				require.NoError(t, err)
				require.NotNil(t, r.Timeout, "%+v", r)
				assert.True(t, r.Finished)
				assert.True(t, r.Control.Answered)
				assert.Equal(t, row.how, r.How)
				assert.GreaterOrEqual(t, *r.AtMost, idleTimeout-200*time.Millisecond)
				assert.LessOrEqual(t, r.AtLeast, idleTimeout+lateness)
				assert.Equal(t, *r.Timeout, (r.AtLeast+*r.AtMost)/2)
				assert.Equal(t, r.States.Total(), r.Dialed)
				assert.Zero(t, r.States.Dialing+r.States.Established)
			})
		}
	}
}

// A flow over UDP that is forgotten on the way: the peer's answers do not come back any more.
func TestIdleOverUDP(t *testing.T) {
	t.Parallel()
	for engine, portable := range map[string]bool{"event loops": false, "package net": true} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			e := Engine{portable: portable}
			r, err := e.Idle(t.Context(), udpPlan(forgetfulUDP(t)))
			require.NoError(t, err)
			require.NotNil(t, r.Timeout, "%+v", r)
			assert.Equal(t, IdleSilently, r.How)
			assert.GreaterOrEqual(t, *r.Timeout, idleTimeout-250*time.Millisecond)
			assert.LessOrEqual(t, *r.Timeout, idleTimeout+lateness)
		})
	}
}

func udpPlan(target Target) IdlePlan {
	p := shortIdle(target)
	p.Network = "udp"
	return p
}

// forgetfulUDP answers a flow that it knows, or that is new, but not one that it has forgotten.
func forgetfulUDP(t *testing.T) Target {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		last := map[netip.AddrPort]time.Time{}
		buffer := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			now := time.Now()
			if before, known := last[from]; known && now.Sub(before) >= idleTimeout {
				continue
			}
			last[from] = now
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], from)
		}
	})
	t.Cleanup(func() {
		conn.Close()
		serving.Wait()
	})
	return target(t, conn.LocalAddr())
}

// The default payload is one that an echo server returns; a service of another kind gets its own, and its answer is judged.
func TestIdleAsksAndJudges(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got []byte
	echo := peer(t, func(conn *net.TCPConn) {
		buffer := make([]byte, 1024)
		n, err := conn.Read(buffer)
		if err != nil {
			return // it was not asked
		}
		mu.Lock()
		got = append(got[:0], buffer[:n]...)
		mu.Unlock()
		_, _ = conn.Write(buffer[:n])
	})
	r, err := Idle(t.Context(), shortIdle(echo))
	require.NoError(t, err)
	assert.True(t, r.Control.Answered)
	mu.Lock()
	assert.Equal(t, make([]byte, 64), got)
	mu.Unlock()
	assert.Equal(t, IdleFIN, r.How, "it closes after each answer")
	require.NotNil(t, r.Timeout)
	assert.Less(t, *r.Timeout, 100*time.Millisecond)

	pong := peer(t, func(conn *net.TCPConn) {
		for {
			command := make([]byte, 6)
			if _, err := io.ReadFull(conn, command); err != nil {
				return
			}
			answer := "-NOAUTH\r\n"
			if bytes.Equal(command, []byte("PING\r\n")) {
				answer = "+PONG\r\n"
			}
			_, _ = conn.Write([]byte(answer))
		}
	})
	plan := shortIdle(pong)
	plan.To, plan.Payload, plan.Reply = 300*time.Millisecond, []byte("PING\r\n"), &reply.Want{Text: []byte("PONG"), Until: []byte("\r\n")}
	r, err = Idle(t.Context(), plan)
	require.NoError(t, err)
	assert.Equal(t, IdleNever, r.How)
	plan.Payload = []byte("HELLO!")
	r, err = Idle(t.Context(), plan)
	require.NoError(t, err)
	assert.False(t, r.Control.Answered)
	assert.Equal(t, ClassBadReply, r.Control.Error)
	assert.Contains(t, r.Control.Message, "does not match")
}

func TestIdleOfNobody(t *testing.T) {
	t.Parallel()
	r, err := Idle(t.Context(), shortIdle(refusing(t)))
	require.NoError(t, err)
	assert.False(t, r.Control.Answered)
	assert.Equal(t, IdleUnknown, r.How)
	assert.EqualValues(t, DefaultIdleConnections, r.Errors[ClassRefused])
	assert.EqualValues(t, DefaultIdleConnections, r.FailedConnects)
}

// A call that is ended from outside tells what it knows by then.
func TestIdleAborted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	plan := shortIdle(forgetful(t, swallowing))
	plan.From, plan.To = time.Hour, 2*time.Hour
	plan.Monitor = 20 * time.Millisecond
	plan.Progress = func(atLeast time.Duration, atMost *time.Duration) {
		assert.Zero(t, atLeast)
		assert.Nil(t, atMost)
		cancel()
	}
	r, err := Idle(ctx, plan)
	require.NoError(t, err)
	assert.False(t, r.Finished)
	assert.Nil(t, r.Timeout)
	assert.Zero(t, r.States.Dialing+r.States.Established)
}

func TestIdlePlanSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	target := Target{Name: "a:1", Addr: netip.MustParseAddrPort("192.0.2.1:1")}
	for says, change := range map[string]func(*IdlePlan){
		"connections 1001; want 1 to 1000": func(p *IdlePlan) { p.Connections = 1001 },
		"connections -1":                   func(p *IdlePlan) { p.Connections = -1 },
		"silences from 1m0s to 10s":        func(p *IdlePlan) { p.From, p.To = time.Minute, 10*time.Second },
		"below 0":                          func(p *IdlePlan) { p.Expect = -time.Second },
		"no target":                        func(p *IdlePlan) { p.Targets = nil },
	} {
		plan := shortIdle(target)
		change(&plan)
		_, err := Idle(t.Context(), plan)
		var wrong *PlanError
		require.ErrorAs(t, err, &wrong, says)
		assert.ErrorContains(t, err, says)
	}
}

// A peer that speaks once on each connection, late, and answers nothing, is not taken for one whose connections are forgotten.
func TestIdleOfLateGreeting(t *testing.T) {
	t.Parallel()
	late := peer(t, func(conn *net.TCPConn) {
		_, _ = io.ReadFull(conn, make([]byte, 1))
		_, _ = io.WriteString(conn, "web-1")
		untilClosed(conn)
	})
	r, err := Idle(t.Context(), shortIdle(late))
	require.NoError(t, err)
	assert.True(t, r.OnlyOnce, "%+v", r)
	r, err = Idle(t.Context(), shortIdle(peer(t, echo)))
	require.NoError(t, err)
	assert.False(t, r.OnlyOnce, "%+v", r)
}

// A peer that ends each connection once it has answered is not taken for one with an idle timeout, which may well be short.
func TestIdleOfPeerThatClosesAtOnce(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stays time.Duration
		want  bool
	}{"at once": {0, true}, "after a timeout": {300 * time.Millisecond, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closes := peer(t, func(conn *net.TCPConn) {
				data := make([]byte, 1<<10)
				for n, err := conn.Read(data); err == nil; n, err = conn.Read(data) {
					_, _ = conn.Write(data[:n])
					_ = conn.SetReadDeadline(time.Now().Add(row.stays))
				}
			})
			plan := shortIdle(closes)
			plan.From, plan.To = 200*time.Millisecond, 2*time.Second
			r, err := Idle(t.Context(), plan)
			require.NoError(t, err)
			assert.Equal(t, row.want, r.AtOnce, "%+v", r)
			assert.Equal(t, IdleFIN, r.How)
		})
	}
}

// A target that sends something now and then lets no silence last.
func TestIdleOfTalker(t *testing.T) {
	t.Parallel()
	talker := peer(t, func(conn *net.TCPConn) {
		for range time.Tick(50 * time.Millisecond) {
			if _, err := io.WriteString(conn, "still here"); err != nil {
				return
			}
		}
	})
	plan := shortIdle(talker)
	plan.From, plan.To, plan.Timeout = time.Second, 2*time.Second, 3*time.Second
	r, err := Idle(t.Context(), plan)
	require.NoError(t, err)
	assert.False(t, r.Finished)
	assert.Greater(t, r.Spoken, r.Connections)
}
