package rules_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/gonet"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// line is a call of this test's own: it sends a line, and expects a line. Adding it has touched no driver and no core.
type line struct {
	core  *engine.Core
	heard map[uint32][]byte
}

func newLine(c *engine.Core) engine.Rules { return &line{core: c, heard: map[uint32][]byte{}} }

var errWrongLine = errors.New("read: another line")

func (l *line) Connected(key uint32, now int64) {
	l.core.Deadline(key, now+int64(time.Second))
	if _, at, fault := l.core.Send(key, []byte("PING\n")); fault.Class != class.None {
		l.core.Fail(key, at, fault)
	}
}

func (l *line) Data(key uint32, data []byte, now int64) {
	l.heard[key] = append(l.heard[key], data...)
	switch heard := l.heard[key]; {
	case !bytes.HasSuffix(heard, []byte("\n")):
	case string(heard) == "PONG\n":
		delete(l.heard, key)
		l.core.Complete(key, now)
	default:
		l.end(key, engine.Fault{Class: class.BadReply, Err: errWrongLine}, now)
	}
}

func (l *line) end(key uint32, fault engine.Fault, now int64) {
	delete(l.heard, key)
	l.core.Fail(key, now, fault)
}

func (l *line) Ended(key uint32, fault engine.Fault, now int64) {
	if fault.Class == class.None {
		fault = engine.Fault{Class: class.Closed, Err: engine.ReasonClosedUnanswered}
	}
	l.end(key, fault, now)
}

func (l *line) Expired(key uint32, seen int64) {
	l.end(key, engine.Fault{Class: class.NoReply, Err: engine.ReasonNoAnswer}, seen)
}

func (l *line) Stop(now int64, as class.Class) {
	l.core.Each(func(key uint32) { l.end(key, engine.Fault{Class: as, Err: engine.ReasonStopped}, now) })
}

func (l *line) TimeUp(now int64)           { l.Stop(now, class.NoReply) }
func (l *line) Writable(uint32, int64)     {}
func (l *line) Failed(engine.Claim, int64) {}
func (l *line) Turn(int64) (wake int64)    { return engine.Never }

// plan makes 120 connections to each target, in turn.
func plan(targets ...string) engine.Plan {
	p := engine.Plan{Protocol: "tcp", Connections: int64(120 * len(targets)), Concurrency: 20, ConnectTimeout: 5 * time.Second, Timeout: time.Minute}
	for _, name := range targets {
		p.Targets = append(p.Targets, engine.Target{Name: name})
	}
	return p
}

// drivers run a job with the rules of the call, each in its own way. Others add theirs, where they exist.
var drivers = map[string]func(t *testing.T, rules engine.NewRules) engine.States{
	"gonet": func(t *testing.T, rules engine.NewRules) engine.States {
		return onSockets(t, func(j *engine.Job) engine.Runner { return gonet.NewRunner(j, rules) })
	},
	"simulated": onSimulatedNetwork,
}

// onSockets runs the job against real servers: one answers in two parts, one with another line, one closes.
func onSockets(t *testing.T, newRunner func(*engine.Job) engine.Runner) engine.States {
	t.Helper()
	p := plan("right:1", "wrong:1", "closing:1")
	p.Targets[0].Addr = serve(t, func(conn net.Conn) {
		_, _ = bufio.NewReader(conn).ReadString('\n')
		_, _ = io.WriteString(conn, "PO")
		_, _ = io.WriteString(conn, "NG\n")
		_, _ = io.Copy(io.Discard, conn)
	}).AddrPort()
	p.Targets[1].Addr = serve(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "ERR\n")
		_, _ = io.Copy(io.Discard, conn)
	}).AddrPort()
	p.Targets[2].Addr = serve(t, func(conn net.Conn) { _, _ = bufio.NewReader(conn).ReadString('\n') }).AddrPort()
	j := engine.NewJob(p, &engine.Counters{}, now())
	r := newRunner(j)
	require.NoError(t, r.Start())
	defer r.Release()
	<-r.Done()
	return j.Counters.States()
}

// serve treats each connection as told, until the test ends.
func serve(t *testing.T, talk func(net.Conn)) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				talk(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return listener.Addr().(*net.TCPAddr)
}

// onSimulatedNetwork runs the job against simulated servers that do the same.
func onSimulatedNetwork(t *testing.T, rules engine.NewRules) engine.States {
	t.Helper()
	w := simulated.NewWorld(1, nil)
	j := engine.NewJob(plan("right:1", "wrong:1", "closing:1"), &engine.Counters{}, w.Now())
	d := w.Start(j, 20, rules, func(number int64, s *simulated.Script) {
		*s = simulated.Script{Handshake: 1e6, End: simulated.Never}
		switch number % 3 {
		case 0:
			s.Answers = simulated.Answers{Any: []byte("PONG\n"), Pieces: 2}
		case 1:
			s.Answers = simulated.Answers{Any: []byte("ERR\n")}
		case 2:
			s.Answers = simulated.Answers{CloseAt: 1}
		}
	})
	d.Dialed, d.Closed = func(*simulated.Conn) {}, func(*simulated.Conn) {}
	require.NoError(t, w.Run())
	return j.Counters.States()
}

// TestOwnCall runs a call that the engine does not know on every driver.
func TestOwnCall(t *testing.T) {
	t.Parallel()
	for name, run := range drivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, engine.States{Completed: 120, Error: 240}, run(t, newLine))
		})
	}
}
