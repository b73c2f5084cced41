package connect

import (
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// hold makes the call a hold.
func (c *simulatedCall) hold(plan Plan) engine.NewRules {
	r := c.world.Random
	maybeRate(&plan, r)
	hp := HoldPlan{Plan: plan, Duration: time.Duration(1+r.IntN(2000)) * time.Millisecond}
	if r.IntN(3) > 0 {
		hp.Keepalive = time.Duration(30+r.IntN(500)) * time.Millisecond
	}
	hp = hp.withDefaults()
	if err := hp.validate(); err != nil {
		panic(err) // the plan is this test's
	}
	h := c.engine.newHold(hp)
	c.kind, c.plan, c.job, c.tally = "hold", &hp.Plan, h.job, h.tally
	patience := c.plan.ConnectTimeout
	segment := max(0, r.IntN(8)-4)
	c.script = func(int64) *simulated.Script {
		s := &simulated.Script{Segment: segment}
		shake(r, s, patience)
		if r.IntN(2) == 0 {
			s.Host = greet(r, s, patience)
		}
		leave(r, s, 2*time.Second)
		if r.IntN(5) > 0 {
			s.Answers = simulated.Answers{Any: []byte("alive"), Delay: r.Int64N(int64(30 * time.Millisecond))}
			if r.IntN(4) == 0 {
				s.Answers.Until = 1 + r.IntN(5)
			}
			if r.IntN(8) == 0 {
				s.Answers.SendFail = ClassReset
			}
		}
		return s
	}
	c.truth = func(conn *simulated.Conn) (fate, error) { return c.holdTruth(conn, &hp) }
	c.overdue = func(conn *simulated.Conn, seen int64) string {
		switch {
		case conn.PeerEnded:
			return "still established after the peer has ended it"
		case seen >= c.job.Start()+int64(hp.Duration):
			return "still established after the duration"
		case hp.Keepalive == 0 || c.backlogged(conn):
		case seen >= max(conn.Established, conn.LastPacket)+int64(hp.Keepalive):
			return "no keepalive in its time, or no answer to one"
		}
		return ""
	}
	spoken, echoed, established := map[*simulated.Conn]bool{}, map[*simulated.Conn]int{}, int64(0)
	c.event = func(conn *simulated.Conn, o *Outcome) error {
		switch o.Event {
		case Established:
			established++
			return match(o.At == c.job.Since(conn.Established), "established at %v", c.job.Since(conn.Established))
		case Spoke:
			if spoken[conn] {
				return fmt.Errorf("it speaks first for the second time")
			}
			spoken[conn] = true
			return match(conn.HasData, "it has said nothing")
		case Echoed:
			echoed[conn]++
			return match(o.Reply > 0 && hp.Keepalive > 0 && o.Reply <= hp.Keepalive+2*time.Second, "an answer in its time")
		}
		return fmt.Errorf("not an event of a hold")
	}
	c.ended = func(conn *simulated.Conn, o *Outcome) error {
		return match(spoken[conn] == (conn.Received > 0), "told that it has spoken: %v", conn.Received > 0)
	}
	c.finish = func() error {
		close(h.ended)
		return c.holdResult(h.Result(), established)
	}
	return h.rules.New
}

// holdTruth is how a held connection must have ended.
func (c *simulatedCall) holdTruth(conn *simulated.Conn, plan *HoldPlan) (fate, error) {
	if conn.Established == 0 {
		return c.dialTruth(conn, ClassAborted)
	}
	f := fate{connected: true, host: c.holdHost(conn)}
	switch {
	case conn.SendFault == ClassReset || conn.PeerEnded && (conn.EndFault == ClassNone || conn.EndFault == ClassReset):
		f.closed, f.class = true, conn.EndFault
		if conn.SendFault != ClassNone {
			f.class = conn.SendFault
		}
	case conn.PeerEnded:
		f.class = conn.EndFault
	case conn.EndedIn == simulated.Stopping:
	case conn.EndedIn == simulated.CheckingTime && conn.Ended >= c.job.Start()+int64(plan.Duration):
	case conn.EndedIn == simulated.Expiring && conn.SentFirst != 0 && conn.Ended >= conn.LastPacket+int64(plan.Keepalive):
		f.class = ClassNoReply
	default:
		return f, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return f, nil
}

// holdHost is the host that a connection's first data names.
func (c *simulatedCall) holdHost(conn *simulated.Conn) string {
	if !conn.HasData {
		return ""
	}
	if string(conn.FirstData) == "alive" {
		return "alive"
	}
	if string(conn.FirstData) == "more" {
		return "more" // datagrams of a greeting may overtake each other
	}
	return conn.Script.Host
}

// holdResult checks what the hold says in the end.
func (c *simulatedCall) holdResult(r *HoldResult, established int64) error {
	classes := map[Class]int64{}
	var failedConnects, connected int64
	for _, f := range c.fates {
		if f.class != ClassNone && !f.closed {
			classes[f.class]++
		}
		if f.connected {
			connected++
		} else {
			failedConnects++
		}
	}
	if fmt.Sprint(r.Errors) != fmt.Sprint(classes) {
		return fmt.Errorf("errors %v, but they are %v", r.Errors, classes)
	}
	return match(r.FailedConnects == failedConnects && r.EstablishedTotal == connected && connected == established && r.States.Total() == c.plan.Connections,
		"%d failed connects and %d established, but they are %d and %d (%d told)", r.FailedConnects, r.EstablishedTotal, failedConnects, connected, established)
}
