package connect

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

var simulatedAddr = netip.MustParseAddrPort("192.0.2.1:5001")

// shake decides what comes of a dial.
func shake(r *rand.Rand, s *simulated.Script, patience time.Duration) {
	s.Handshake, s.End = r.Int64N(int64(patience)/2+1), simulated.Never
	s.RTT, s.SYNRetries = uint32(1+r.IntN(1000)), uint32(max(0, r.IntN(8)-5)) // #nosec G115 -- small
	switch r.IntN(20) {
	case 0:
		s.Launch = ClassAddrNotAvailable
	case 1:
		s.Refused = ClassRefused
	case 2:
		s.Refused = ClassHostUnreachable
	case 3:
		s.Handshake = simulated.Never
	case 4:
		s.Handshake = int64(patience) - int64(time.Millisecond) + r.Int64N(int64(2*time.Millisecond)) // just in time, or too late
	}
}

// leave decides when a peer ends the connection by itself, if it does.
func leave(r *rand.Rand, s *simulated.Script, patience time.Duration) {
	if r.IntN(4) != 0 {
		return
	}
	s.End = r.Int64N(int64(2 * patience))
	s.EndClass = []Class{ClassNone, ClassReset, ClassHostUnreachable}[r.IntN(3)]
}

// flood makes the call a flood.
func (c *simulatedCall) flood(plan Plan) engine.NewRules {
	r := c.world.Random
	maybeRate(&plan, r)
	fp := FloodPlan{Plan: plan, SkipReply: r.IntN(6) == 0, Source: r.IntN(4) == 0}
	if r.IntN(3) == 0 {
		fp.Payload = []byte("PING\r\n")
	}
	f, err := c.engine.newFlood(fp)
	if err != nil {
		panic(err) // the plan is this test's
	}
	want := &simulatedWants[max(0, r.IntN(len(simulatedWants)+6)-6)]
	f.rules.Want = want.Want
	c.kind, c.plan, c.job, c.tally = "flood", &f.plan.Plan, f.job, f.tally
	patience, seen := c.plan.ConnectTimeout, rules.SourceSeen{}
	segment, datagrams := max(0, r.IntN(8)-4), c.job.Plan.Protocol == "udp"
	c.script = func(_ int64, s *simulated.Script) {
		*s = simulated.Script{Segment: segment, Judge: want.judge, Unasked: true}
		shake(r, s, patience)
		if len(c.plan.Payload) > 0 && r.IntN(2) == 0 {
			s.Answers = simulated.Answers{Any: want.says(r, r.IntN(4) > 0), Delay: r.Int64N(int64(patience)), Pieces: r.IntN(4)}
			if want.OneRead() {
				s.Answers.Pieces = 0
			}
			s.Full = max(0, r.IntN(30)-20)
			if r.IntN(10) == 0 {
				s.Answers.SendFail = ClassReset
			}
		} else {
			want.greet(r, s, patience, datagrams)
		}
		leave(r, s, patience)
	}
	c.busy = func(d *simulated.Driver) (int64, bool) { return d.Established, true }
	c.truth = func(conn *simulated.Conn) (fate, error) { return c.floodTruth(conn, f.plan.SkipReply) }
	c.overdue = func(conn *simulated.Conn, seen int64) string {
		switch {
		case seen >= conn.Established+int64(patience) && !c.backlogged(conn):
			return "still established after the time for its answer"
		case f.plan.SkipReply && conn.Sent == int64(len(c.plan.Payload)):
			return "still established, but no answer is wanted"
		case conn.Answered && !f.plan.SkipReply, conn.PeerEnded:
			return "still established after its answer, or its end"
		case conn.NotTaken > 0:
			return "still established, but nothing was sent"
		case seen >= c.job.Start()+int64(c.plan.Timeout):
			return "still established after the time for the call"
		}
		return ""
	}
	c.event = func(*simulated.Conn, *Outcome) error { return fmt.Errorf("a flood reports ends only") }
	c.ended = func(conn *simulated.Conn, o *Outcome) error {
		if took := time.Duration(conn.Ended - conn.Established); o.Class == ClassNone && o.Reply != took {
			return fmt.Errorf("want a reply time of %v", took)
		}
		if o.Class == ClassNone && fp.Source && !fp.SkipReply {
			tellSource(&seen, conn)
		}
		return nil
	}
	c.finish = func() error {
		return errors.Join(c.floodResult(f.tally.result(f.job), f.plan.SkipReply), match(f.rules.Seen() == seen, "sources %+v, but they are %+v", f.rules.Seen(), seen))
	}
	return f.rules.New
}

// tellSource counts an answer by the source that it tells.
func tellSource(seen *rules.SourceSeen, conn *simulated.Conn) {
	_, told, _ := strings.Cut(string(conn.FirstData), "\t")
	used := conn.Local.Addr()
	switch addr, err := netip.ParseAddrPort(told); {
	case err != nil:
		seen.Untold++
	case addr.Addr() == used:
		seen.Same++
	default:
		if seen.Other++; seen.Other == 1 {
			seen.Told, seen.Used = addr.Addr(), used
		}
	}
}

// floodTruth is how a connection of a flood must have ended.
func (c *simulatedCall) floodTruth(conn *simulated.Conn, skip bool) (fate, error) {
	if conn.Established == 0 {
		return c.dialTruth(conn, ClassNone)
	}
	f := fate{connected: true}
	switch {
	case conn.NotTaken > 0:
		f.class, f.why = ClassOther, ReasonNotSent
	case conn.SendFault != ClassNone:
		f.class = conn.SendFault
	case skip && conn.Sent == int64(len(c.plan.Payload)):
	case conn.Answered && !skip && !conn.Verdict.Right:
		f.class = ClassBadReply
	case conn.Answered && !skip:
		f.host = conn.Verdict.Host
	case conn.PeerEnded:
		f.class = conn.EndFault
		if f.class == ClassNone {
			f.class, f.why = ClassClosed, ReasonClosedUnanswered
		}
	case conn.EndedIn == simulated.Stopping:
		f.class, f.why = ClassAborted, ReasonStoppedUnanswered
	case conn.EndedIn == simulated.CheckingTime && conn.SeenThen >= c.job.Start()+int64(c.plan.Timeout):
		f.class, f.why = ClassNoReply, unanswered(conn.Begun && !skip, ReasonTimeUpUnanswered)
	case conn.EndedIn == simulated.Expiring && conn.Ended >= conn.Established+int64(c.plan.ConnectTimeout):
		f.class, f.why = ClassNoReply, unanswered(conn.Begun && !skip, ReasonNoAnswer)
	default:
		return f, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return f, nil
}

// unanswered is why an answer has not come in time: it has begun, or nothing has come.
func unanswered(begun bool, nothing error) error {
	if begun {
		return ReasonUnfinished
	}
	return nothing
}

// floodResult checks what the flood says in the end.
func (c *simulatedCall) floodResult(r *FloodResult, skip bool) error {
	hosts, classes := Hosts{}, map[Class]int64{}
	var failedConnects, failedReads int64
	for _, f := range c.fates {
		switch {
		case f.class == ClassNone && !skip:
			hosts[f.host]++
		case f.class != ClassNone:
			classes[f.class]++
			if f.connected {
				failedReads++
			} else {
				failedConnects++
			}
		}
	}
	for class := range classes { // each kind of failure is explained
		if first, known := r.First[class]; !known || first.Err == nil {
			return fmt.Errorf("class %s is not explained", class)
		}
	}
	if fmt.Sprint(r.Hosts) != fmt.Sprint(hosts) || fmt.Sprint(r.Errors) != fmt.Sprint(classes) {
		return fmt.Errorf("hosts %v and errors %v, but they are %v and %v", r.Hosts, r.Errors, hosts, classes)
	}
	return match(r.FailedConnects == failedConnects && r.FailedReads == failedReads && r.Connects == c.plan.Connections,
		"%d failed connects and %d failed reads, but they are %d and %d", r.FailedConnects, r.FailedReads, failedConnects, failedReads)
}
