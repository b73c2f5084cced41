package connect

import (
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// traffic makes the call one of traffic.
func (c *simulatedCall) traffic(plan Plan) engine.NewRules {
	r := c.world.Random
	plan.Connections = min(plan.Connections, 1+r.Int64N(20))
	tp := TrafficPlan{
		Plan: plan, Duration: time.Duration(1+r.IntN(1500)) * time.Millisecond, LossTimeout: time.Duration(20+r.IntN(400)) * time.Millisecond,
		NoReconnect: r.IntN(4) == 0, PacketSize: 72 + r.IntN(400),
	}
	tp.Throughput = float64(tp.PacketSize) * float64(plan.Connections) * (1 + 20*r.Float64()) / 1024
	tp = tp.withDefaults()
	if err := tp.validate(); err != nil {
		panic(err) // the plan is this test's
	}
	t := c.engine.newTraffic(tp)
	c.kind, c.plan, c.job, c.tally = "traffic", &tp.Plan, t.job, t.tally
	patience, loss := c.plan.ConnectTimeout, int64(tp.LossTimeout)
	segment := max(0, r.IntN(200)-100)
	c.script = func(int64) *simulated.Script {
		s := &simulated.Script{Segment: segment, Host: greetings[r.IntN(4)].host}
		shake(r, s, patience)
		leave(r, s, 3*time.Second)
		s.Answers = simulated.Answers{Echo: true, Delay: r.Int64N(loss / 2), Retrans: uint32(r.IntN(3))} // #nosec G115 -- small
		if c.job.Plan.Protocol == "udp" {
			s.Answers.Jitter, s.Answers.Lose, s.Answers.Twice = 1+r.Int64N(loss/4+1), max(0, r.IntN(20)-10), max(0, r.IntN(6)-3)
		} else {
			s.Answers.Pieces = r.IntN(4)
		}
		switch r.IntN(12) {
		case 0:
			s.Answers.Until = 1 + r.IntN(6)
		case 1:
			s.Answers.CloseAt = 1 + r.IntN(6)
		case 2:
			s.Answers.Too = c.job.Plan.Protocol == "tcp"
		case 3:
			s.Answers.SendFail = ClassReset
		}
		return s
	}
	c.truth = func(conn *simulated.Conn) (fate, error) { return c.trafficTruth(conn, &tp) }
	c.overdue = func(conn *simulated.Conn, seen int64) string {
		switch {
		case conn.PeerEnded:
			return "still established after the peer has ended it"
		case seen >= c.job.Start()+int64(tp.Timeout):
			return "still established after the time for the call"
		case c.backlogged(conn):
		case c.job.Plan.Protocol == "tcp" && conn.SentFirst != 0 && seen >= conn.LastPacket+loss:
			return "still established without an echo in time"
		case c.job.Plan.Protocol == "udp" && conn.SentFirst != 0 && seen >= max(conn.SentFirst, conn.LastTold)+loss && conn.LastTold <= conn.SentFirst:
			return "still established without an echo in time"
		}
		return ""
	}
	c.event = func(conn *simulated.Conn, o *Outcome) error {
		return match(o.Event == Established && o.At == c.job.Since(conn.Established) || o.Event == Moved, "an event of traffic")
	}
	var sum rules.PacketCounts
	c.ended = func(conn *simulated.Conn, o *Outcome) error { return c.packets(conn, o, &sum) }
	c.finish = func() error {
		t.drain()
		t.tally.sample(t.job.Length())
		return c.trafficResult(t.tally.result(), &sum)
	}
	return t.rules.New
}

// trafficTruth is how a connection of traffic must have ended.
func (c *simulatedCall) trafficTruth(conn *simulated.Conn, plan *TrafficPlan) (fate, error) {
	if conn.Established == 0 {
		return c.dialTruth(conn, ClassTimeout)
	}
	f := fate{connected: true}
	draining := conn.CheckedTo >= c.job.Start()+int64(min(plan.Duration, plan.Timeout))
	switch {
	case conn.SendFault != ClassNone:
		f.class = conn.SendFault
	case conn.TooMuch:
		f.class = ClassBadReply
	case conn.PeerEnded:
		f.class = conn.EndFault
		if f.class == ClassNone {
			f.class = ClassClosed
		}
	case conn.EndedIn == simulated.Stopping:
	case draining && conn.EndedIn == simulated.CheckingTime:
	case draining && conn.EndedIn == simulated.Delivering && (conn.SentFirst == 0 || c.job.Plan.Protocol == "udp"):
	case draining && conn.EndedIn == simulated.Expiring && c.job.Plan.Protocol == "udp" && len(conn.Unique) > 0 && conn.Unheard < 4:
	case conn.EndedIn == simulated.Expiring && conn.SentFirst != 0 && conn.Ended >= conn.SentFirst+int64(plan.LossTimeout):
		f.class = ClassNoReply
	default:
		return f, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return f, nil
}

// packets compares what a connection's record says of its packets with the truth.
func (c *simulatedCall) packets(conn *simulated.Conn, o *Outcome, sum *rules.PacketCounts) error {
	p := o.Packets
	if !o.Connected {
		return match(p == nil, "no packets on a connection that was never established")
	}
	echoes, retransmits, host := int64(conn.Echoes), int64(0), ""
	if c.job.Plan.Protocol == "udp" {
		echoes = int64(len(conn.Unique))
	} else if conn.Packets > 0 {
		retransmits = int64(conn.Script.Answers.Retrans)
	}
	if conn.TooMuch {
		echoes = p.Received // of the echo that was too long, nobody knows where it ends
	}
	if c.job.Plan.Protocol == "udp" && echoes > 0 || conn.Received >= rules.HelloSize && !conn.TooMuch {
		host = conn.Script.Host
	} else if conn.TooMuch {
		host = p.Host
	}
	sum.Sent += p.Sent
	sum.Received += p.Received
	sum.Dropped += p.Dropped
	if o.Class != ClassNone {
		sum.Lost++
	}
	sum.Connected++
	if p.Sent != int64(conn.Packets) || p.Received != echoes || p.Retransmits != retransmits || p.Host != host || p.Local != conn.Local {
		return fmt.Errorf("packets %+v, but %d were sent and %d came back, %d segments were sent again, from %s to host %q", *p, conn.Packets, echoes, retransmits, conn.Local, host)
	}
	return match(echoes == 0 || conn.TooMuch || p.LastEcho == c.job.Since(conn.LastTold) || c.job.Plan.Protocol == "udp" || conn.SentFirst != 0, "last echo at %v, but it came at %v", p.LastEcho, c.job.Since(conn.LastTold))
}

// trafficResult checks what the call says in the end.
func (c *simulatedCall) trafficResult(r *TrafficResult, sum *rules.PacketCounts) error {
	classes := map[Class]int64{}
	var failedConnects int64
	for _, f := range c.fates {
		if f.class != ClassNone {
			classes[f.class]++
		}
		if !f.connected {
			failedConnects++
		}
	}
	if fmt.Sprint(r.Errors) != fmt.Sprint(classes) {
		return fmt.Errorf("errors %v, but they are %v", r.Errors, classes)
	}
	if r.Sent != sum.Sent || r.Received != sum.Received || r.Dropped != sum.Dropped || r.Lost != sum.Lost || r.Lost+r.Lasting != sum.Connected {
		return fmt.Errorf("%d packets sent, %d received, %d dropped, %d connections lost, %d lasting; but all records have %+v", r.Sent, r.Received, r.Dropped, r.Lost, r.Lasting, *sum)
	}
	return match(r.FailedConnects == failedConnects, "%d failed connects, but they are %d", r.FailedConnects, failedConnects)
}
