package connect

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// fill makes the call a step of a search for a target's capacity.
func (c *simulatedCall) fill(plan Plan) engine.NewRules {
	r := c.world.Random
	maybeRate(&plan, r)
	if r.IntN(2) == 0 {
		plan.Payload = []byte("Hello")
	}
	plan = plan.withDefaults()
	length := time.Duration(1+r.IntN(2000)) * time.Millisecond
	fill := &rules.Fill{
		Exchange: rules.Exchange{Payload: plan.Payload, Any: true}, Patience: time.Duration(30+r.IntN(500)) * time.Millisecond,
		Linger: time.Duration(r.IntN(3)*r.IntN(300)) * time.Millisecond,
	}
	st := newStep(&plan, false)
	st.job = c.engine.newJob(&plan, func(p *engine.Plan) { p.Keeps, p.Duration, p.Late = true, length, ClassAborted })
	c.kind, c.plan, c.job, c.tally = "fill", &plan, st.job, st
	segment := max(0, r.IntN(8)-4)
	c.script = func(int64) *simulated.Script {
		s := &simulated.Script{Segment: segment}
		shake(r, s, c.plan.ConnectTimeout)
		if r.IntN(2) == 0 {
			s.Host = greet(r, s, c.plan.ConnectTimeout)
		}
		leave(r, s, 2*time.Second)
		if r.IntN(5) > 0 {
			s.Answers = simulated.Answers{Any: []byte("alive"), Delay: r.Int64N(int64(time.Second))}
			if r.IntN(8) == 0 {
				s.Answers.SendFail = ClassReset
			}
		}
		return s
	}
	c.truth = func(conn *simulated.Conn) (fate, error) { return c.fillTruth(conn, length) }
	events := map[*simulated.Conn]*[engine.NewsWaited + 1]int{}
	lateSince := map[*simulated.Conn]int64{}
	c.overdue = func(conn *simulated.Conn, seen int64) string {
		told, due := events[conn], conn.Established+int64(fill.Patience)
		if fill.Payload != nil {
			due += int64(fill.Patience) // asked, and to be answered; the first look after a deadline may be late
		}
		switch {
		case conn.PeerEnded:
			return "still established after the peer has ended it"
		case c.backlogged(conn) || told == nil || told[Waited]+told[Echoed] > 0:
		case fill.Payload == nil && seen >= due, seen >= max(due, conn.LastPacket+int64(fill.Patience)) && conn.SentFirst != 0:
			if lateSince[conn] == 0 {
				lateSince[conn] = seen
			}
			if seen > lateSince[conn]+int64(200*time.Millisecond) { // outcomes travel together
				return "nobody was told that it has had its time"
			}
		}
		return ""
	}
	c.event = func(conn *simulated.Conn, o *Outcome) error {
		if events[conn] == nil {
			events[conn] = new([engine.NewsWaited + 1]int)
		}
		told := events[conn]
		told[o.Event]++
		at := c.job.Start() + int64(o.At)
		switch o.Event {
		case Established:
			return match(at == conn.Established, "established at %v", c.job.Since(conn.Established))
		case Spoke:
			return match(conn.HasData, "it has said nothing")
		case Echoed:
			return match(fill.Payload != nil && conn.Packets > 0 && o.Reply > 0, "an answer to what was asked")
		case Waited:
			return match(at >= conn.Established+int64(fill.Patience), "its time to be over")
		}
		return errors.New("not an event of a step")
	}
	c.ended = func(conn *simulated.Conn, o *Outcome) error {
		told := events[conn]
		if told == nil {
			return match(!o.Connected, "told of when it was established")
		}
		if told[Established] != 1 || told[Spoke] > 1 || told[Echoed] > 1 || told[Waited] > 1 || told[Spoke] > 0 != (conn.Received > 0) && c.plan.Protocol() == "tcp" {
			return fmt.Errorf("told %v", *told)
		}
		return nil
	}
	c.finish = func() error {
		return match(st.open == 0 && st.due == 0 && st.good == 0, "nothing left, but %d open, %d due, %d served", st.open, st.due, st.good)
	}
	return fill.New
}

// fillTruth is how a connection of a step must have ended.
func (c *simulatedCall) fillTruth(conn *simulated.Conn, length time.Duration) (fate, error) {
	if conn.Established == 0 {
		return c.dialTruth(conn, ClassAborted)
	}
	f := fate{connected: true}
	switch {
	case conn.SendFault == ClassReset || conn.PeerEnded && (conn.EndFault == ClassNone || conn.EndFault == ClassReset):
		f.closed, f.class = true, conn.EndFault
		if conn.SendFault != ClassNone {
			f.class = conn.SendFault
		}
	case conn.PeerEnded:
		f.class = conn.EndFault
	case conn.EndedIn == simulated.Stopping:
	case conn.EndedIn == simulated.CheckingTime && conn.Ended >= c.job.Start()+int64(length):
	default:
		return f, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return f, nil
}
