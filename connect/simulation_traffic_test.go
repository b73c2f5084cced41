package connect

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/simulated"
)

// simulatedTraffic is a call of traffic, and what is known of it as a whole.
type simulatedTraffic struct {
	*simulatedCall
	plan     TrafficPlan
	rules    *rules.Traffic
	interval int64 // between two packets of a session; 0 sends the next when the last has come back

	sum       rules.PacketCounts
	bySize    []rules.SizeCount
	first     []int64 // of each connection, when some packet was due
	echoes    int64
	echoTimes int64
	trips     int64
	moves     int64
	moved     int64
	lives     []int64 // of each connection, how often it was established
	offGrid   error
}

// traffic makes the call one of traffic.
func (c *simulatedCall) traffic(plan Plan) engine.NewRules {
	r := c.world.Random
	plan.Connections = min(plan.Connections, 1+r.Int64N(20))
	t := &simulatedTraffic{simulatedCall: c, first: make([]int64, plan.Connections), lives: make([]int64, plan.Connections)}
	sizes := make([]int, 1+r.IntN(3)*r.IntN(2))
	for i := range sizes {
		sizes[i] = 64 + i*100 + r.IntN(100)
		if plan.Network == "udp" {
			sizes[i] += rules.StampSize
		}
		t.bySize = append(t.bySize, rules.SizeCount{Size: sizes[i]})
	}
	r.Shuffle(len(sizes), func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	tp := TrafficPlan{
		Plan: plan, Duration: time.Duration(1+r.IntN(1500)) * time.Millisecond, LossTimeout: time.Duration(20+r.IntN(400)) * time.Millisecond,
		NoReconnect: r.IntN(4) == 0, PacketSizes: sizes, Packets: t,
	}
	if r.IntN(4) > 0 {
		tp.Throughput = float64(sizes[0]) * float64(plan.Connections) * (1 + 20*r.Float64()) / 1024
		sum := 0
		for _, size := range sizes {
			sum += size
		}
		t.interval = int64(float64(sum) / float64(len(sizes)) * float64(plan.Connections) / tp.Throughput / 1024 * 1e9)
	}
	t.plan = tp.withDefaults()
	if err := t.plan.validate(); err != nil {
		panic(err) // the plan is this test's
	}
	call := c.engine.newTraffic(t.plan)
	t.rules = call.rules
	t.rules.Verify, t.rules.HalfClose = r.IntN(2) == 0, plan.Network == "tcp" && r.IntN(3) == 0
	t.rules.Init(call.job)
	c.kind, c.plan, c.job, c.tally, c.dialsAgain = "traffic", &t.plan.Plan, call.job, call.tally, !tp.NoReconnect
	segment := max(0, r.IntN(200)-100)
	c.script = func(_ int64, s *simulated.Script) { t.scripted(r, s, segment) }
	c.truth, c.overdue, c.ended = t.truth, t.overdue, t.ended
	c.event = func(conn *simulated.Conn, o *Outcome) error {
		if o.Event == Moved {
			t.moves++
			conn.Told++
			return match(conn.Moved && conn.Told == 1, "no other host to have answered, or to have been told of")
		}
		return match(o.Event == Established && o.At == c.job.Since(conn.Established), "an event of traffic")
	}
	c.finish = func() error {
		call.drain()
		call.tally.sample(call.job.Length())
		return t.result(call.tally.result())
	}
	return t.rules.New
}

// scripted decides what happens to a connection.
func (t *simulatedTraffic) scripted(r *rand.Rand, s *simulated.Script, segment int) {
	loss := int64(t.plan.LossTimeout)
	*s = simulated.Script{Segment: segment, Host: greetings[r.IntN(4)].host}
	if r.IntN(8) == 0 {
		s.Host = "" // a plain echo server
	}
	shake(r, s, t.plan.ConnectTimeout)
	leave(r, s, time.Second)
	s.Answers = simulated.Answers{Echo: true, Delay: r.Int64N(loss / 2), Retrans: uint32(r.IntN(3))} // #nosec G115 -- small
	if t.interval == 0 {
		s.Answers.Delay = max(s.Answers.Delay, int64(10*time.Millisecond))
	}
	if t.job.Plan.Protocol == "udp" {
		s.Answers.Jitter, s.Answers.Lose, s.Answers.Twice = 1+r.Int64N(loss/4+1), max(0, r.IntN(20)-10), max(0, r.IntN(6)-3)
		s.Answers.Stray, s.Full, s.Answers.MoveAt = max(0, r.IntN(20)-16), max(0, r.IntN(30)-20), max(0, r.IntN(12)-8)
		s.Answers.Late, s.Answers.LateBy = max(0, r.IntN(12)-6), int64(700*time.Millisecond)
		if t.interval == 0 {
			s.Answers.LateBy = min(s.Answers.LateBy, 12*loss) // 64 packets may be on their way, each for a quarter of that
		}
	} else {
		s.Answers.Pieces = r.IntN(4)
	}
	s.Answers.NoFIN = r.IntN(6) == 0
	switch r.IntN(14) {
	case 0:
		s.Answers.Until = 1 + r.IntN(6)
	case 1:
		s.Answers.CloseAt = 1 + r.IntN(6)
	case 2:
		if t.job.Plan.Protocol == "tcp" {
			s.Answers.Too = 1 + r.IntN(3)
			s.Answers.Delay *= r.Int64N(2) // some say it before all is sent
		}
	case 3:
		s.Answers.SendFail = ClassReset
	case 4, 5:
		s.Answers.Corrupt = 1 + r.IntN(6)
	}
}

// until is when sending ends.
func (t *simulatedTraffic) until() int64 {
	return t.job.Start() + int64(min(t.plan.Duration, t.plan.Timeout))
}

// lateAt is when a connection is lost if nothing comes.
func (t *simulatedTraffic) lateAt(conn *simulated.Conn) int64 {
	switch {
	case conn.SentFirst != 0:
		return max(conn.SentFirst, conn.LastEcho) + int64(t.plan.LossTimeout)
	case conn.HasShut:
		return max(conn.ShutAt, conn.LastEcho) + int64(t.plan.LossTimeout)
	}
	return simulated.Never
}

func (t *simulatedTraffic) overdue(conn *simulated.Conn, seen int64) string {
	datagrams := t.job.Plan.Protocol == "udp"
	sending := seen < t.until()
	switch {
	case conn.PeerEnded && !t.outlasts(conn):
		return "still established after the peer has ended it"
	case seen >= t.job.Start()+int64(t.plan.Timeout):
		return "still established after the time for the call"
	case t.backlogged(conn):
	case seen >= t.lateAt(conn):
		return "still established without an echo in time, or a FIN"
	case !sending && !t.rules.HalfClose && conn.SentFirst == 0:
		return "still established at the end, but nothing is on its way"
	case !sending && t.rules.HalfClose && !conn.HasShut && !conn.Sending:
		return "its sending side is not shut down"
	case !sending:
	case t.interval > 0 && (datagrams || conn.SentFirst == 0) && seen > max(conn.Established, conn.LastPacket, t.lastEcho(conn))+t.interval+1000:
		return "no packet in its time"
	case t.interval == 0 && !datagrams && conn.SentFirst == 0:
		return "no packet after an echo"
	case t.interval == 0 && datagrams && seen >= conn.LastPacket+int64(t.plan.LossTimeout)/4+1:
		return "no packet after one was lost"
	}
	return ""
}

// lastEcho is when the last slot was used on a stream, where an echo that is late takes those of the next packets.
func (t *simulatedTraffic) lastEcho(conn *simulated.Conn) int64 {
	if t.job.Plan.Protocol == "udp" {
		return 0
	}
	return conn.LastEcho
}

// outlasts reports whether a UDP flow goes on though something has been told of it that would end a stream.
func (t *simulatedTraffic) outlasts(conn *simulated.Conn) bool {
	return t.job.Plan.Protocol == "udp" && conn.Echoes > 0 && conn.EndFault == ClassHostUnreachable
}

// isChance reports whether as many packets were lost before the last ones, in a row or not, and so large a share that these may be, too.
func isChance(conn *simulated.Conn) bool {
	before := conn.Packets - conn.SinceAnswer
	lost := before - conn.Echoes
	return lost >= conn.SinceAnswer && float64(conn.SinceAnswer)*math.Log10(float64(lost)/float64(before)) > -6
}

// truth is how a connection of traffic must have ended.
func (t *simulatedTraffic) truth(conn *simulated.Conn) (fate, error) {
	if conn.Established == 0 {
		return t.dialTruth(conn, ClassTimeout)
	}
	f := fate{connected: true}
	draining, timeUp := conn.SeenThen >= t.until(), conn.SeenThen >= t.job.Start()+int64(t.plan.Timeout)
	inTime := conn.EndedIn == simulated.Expiring && conn.Ended >= t.lateAt(conn)
	datagrams := t.job.Plan.Protocol == "udp"
	switch {
	case conn.SendFault != ClassNone:
		f.class = conn.SendFault
	case conn.TooMuch != 0:
		f.class, f.why = ClassBadReply, ReasonTooMuch
		return f, match(conn.Ended == conn.TooMuch, "an end when more came than was sent, at %v", t.job.Since(conn.TooMuch))
	case conn.PeerEnded && conn.EndFault == ClassNone && conn.HasShut && conn.SentFirst == 0:
	case conn.PeerEnded && conn.EndFault == ClassNone:
		if f.class, f.why = ClassClosed, ReasonClosed; conn.HasShut {
			f.why = ReasonClosedShut
		}
	case conn.PeerEnded && !t.outlasts(conn):
		f.class = conn.EndFault
	case conn.EndedIn == simulated.Stopping:
	case draining && conn.EndedIn == simulated.CheckingTime && (timeUp || conn.SentFirst == 0 && !t.rules.HalfClose):
	case draining && conn.EndedIn == simulated.Delivering && conn.SentFirst == 0 && !t.rules.HalfClose:
	case draining && inTime && datagrams && conn.Echoes > 0 && (conn.SinceAnswer < 4 || isChance(conn)):
	case inTime && conn.SentFirst == 0:
		f.class, f.why = ClassNoReply, ReasonNoFIN
	case inTime && conn.PeerEnded:
		f.class = conn.EndFault
	case inTime:
		f.class, f.why = ClassNoReply, ReasonNoEcho
	default:
		return f, fmt.Errorf("ended without a reason, in phase %d", conn.EndedIn)
	}
	return f, nil
}

// ended compares what a connection's record says of its packets with the truth.
func (t *simulatedTraffic) ended(conn *simulated.Conn, o *Outcome) error {
	p := o.Packets
	if !o.Connected {
		return match(p == nil, "no packets on a connection that was never established")
	}
	t.checks += 10
	retransmits, host, datagrams := int64(0), conn.LastHost, t.job.Plan.Protocol == "udp"
	if !datagrams && conn.Packets > 0 {
		retransmits = int64(conn.Script.Answers.Retrans)
	}
	switch {
	case conn.TooMuch != 0, conn.Script.Answers.Too > 0:
		host = p.Host // what is too much is somewhere in it
	case !datagrams && conn.Received >= rules.HelloSize:
		host = conn.Script.Host
	}
	t.add(p, o.Class)
	if conn.Moved {
		t.moved++
	}
	if t.lives[o.Number]++; t.lives[o.Number] > 1 {
		t.sum.Reconnected++
	}
	corrupted := int64(conn.Corrupted)
	switch {
	case !t.rules.Verify:
		corrupted = 0
	case conn.Script.Answers.Too > 0:
		corrupted = p.Corrupted // of what is too much, nobody knows to which echo it belongs
	}
	if p.Sent != int64(conn.Packets) || p.Received != int64(conn.Echoes) || p.Corrupted != corrupted || p.Retransmits != retransmits || p.Host != host || p.Local != conn.Local {
		return fmt.Errorf("packets %+v, but %d were sent and %d came back, %d corrupted; %d segments were sent again, from %s to host %q", *p, conn.Packets, conn.Echoes, corrupted, retransmits, conn.Local, host)
	}
	if conn.Echoes > 0 {
		if first, last := t.job.Since(conn.FirstEcho), t.job.Since(conn.LastEcho); p.Answered != first || p.LastEcho != last {
			return fmt.Errorf("echoes from %v to %v, but they came from %v to %v", p.Answered, p.LastEcho, first, last)
		}
	}
	return errors.Join(t.sizes(conn), t.dropped(conn, p))
}

func (t *simulatedTraffic) add(p *engine.Packets, class Class) {
	t.sum.Sent += p.Sent
	t.sum.Received += p.Received
	t.sum.Dropped += p.Dropped
	t.sum.Corrupted += p.Corrupted
	if class != ClassNone {
		t.sum.Lost++
	}
	t.sum.Connected++
}

// sizes checks that sizes take turns, after one small packet.
func (t *simulatedTraffic) sizes(conn *simulated.Conn) error {
	if conn.Packets == 0 {
		return nil
	}
	sizes := t.rules.Sizes
	for _, had := range conn.Sizes {
		want := (conn.Packets - 1) / len(sizes)
		if at := slices.Index(sizes, had.Size); at < (conn.Packets-1)%len(sizes) {
			want++
		}
		if had.Size == slices.Min(sizes) {
			want++
		}
		if had.Sent != want {
			return fmt.Errorf("of %d packets, %d had %d bytes, not %d", conn.Packets, had.Sent, had.Size, want)
		}
		for i := range t.bySize {
			if t.bySize[i].Size == had.Size {
				t.bySize[i].Sent += int64(had.Sent)
				t.bySize[i].Received += int64(had.Received)
			}
		}
	}
	return nil
}

// dropped checks that all slots of a connection are accounted for.
func (t *simulatedTraffic) dropped(conn *simulated.Conn, p *engine.Packets) error {
	if t.interval == 0 {
		return match(p.Dropped == int64(conn.NotTaken), "%d dropped, but %d were not taken", p.Dropped, conn.NotTaken)
	}
	used := p.Sent + p.Dropped
	most := (conn.Ended-conn.Established)/t.interval + 1
	if t.rules.HalfClose && conn.Ended >= t.until() {
		most++ // so that something is on its way when the sending side ends
	}
	if used > most {
		return fmt.Errorf("%d packets sent or dropped in %v, but there is one every %v", used, time.Duration(conn.Ended-conn.Established), time.Duration(t.interval))
	}
	if least := (min(conn.Ended, t.until()) - conn.Established) / t.interval; used < least-1 && !t.pauses {
		return fmt.Errorf("%d packets sent or dropped in %v, although there is one every %v", used, time.Duration(conn.Ended-conn.Established), time.Duration(t.interval))
	}
	return nil
}

// Echoes implements PacketObserver.
func (t *simulatedTraffic) Echoes(batch []Echo) {
	for i := range batch {
		e := &batch[i]
		t.echoes++
		t.echoTimes += int64(e.At)
		t.trips += int64(e.RoundTrip)
		due := int64(e.At - e.RoundTrip)
		if last := t.rules.HalfClose && due >= t.until()-t.job.Start(); t.interval == 0 || last {
			continue
		}
		if t.first[e.Number] == 0 {
			t.first[e.Number] = due
		}
		const inexact = 1000 // the interval is rounded
		if off := max(due-t.first[e.Number], t.first[e.Number]-due) % t.interval; off > inexact && off < t.interval-inexact {
			t.offGrid = fmt.Errorf("connection %d: a packet was due at %v and another one at %v, but there is one every %v", e.Number, time.Duration(t.first[e.Number]), time.Duration(due), time.Duration(t.interval))
		}
	}
}

// Sample implements PacketObserver.
func (t *simulatedTraffic) Sample(TrafficSample, int64, int64) {}

// result checks what the call says in the end.
func (t *simulatedTraffic) result(r *TrafficResult) error {
	classes := map[Class]int64{}
	var failedConnects int64
	for _, f := range t.fates {
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
	sum := &t.sum
	if r.Sent != sum.Sent || r.Received != sum.Received || r.Dropped != sum.Dropped || r.Lost != sum.Lost || r.Lost+r.Lasting != sum.Connected || t.rules.Counts().Corrupted != sum.Corrupted {
		return fmt.Errorf("%d packets sent, %d received, %d dropped, %d corrupted, %d connections lost, %d lasting; but all records have %+v", r.Sent, r.Received, r.Dropped, t.rules.Counts().Corrupted, r.Lost, r.Lasting, *sum)
	}
	byHost := int64(0)
	for _, n := range r.CorruptedByHost {
		byHost += n
	}
	if byHost != sum.Corrupted {
		return fmt.Errorf("%d packets corrupted, but %d by host: %v", sum.Corrupted, byHost, r.CorruptedByHost)
	}
	if t.plan.NoReconnect {
		sum.GaveUp = sum.Lost + failedConnects
	}
	counts := t.rules.Counts()
	return errors.Join(
		match(counts.GaveUp == sum.GaveUp && r.Reconnects == sum.Reconnected, "%d given up and %d reconnects, but they are %d and %d", counts.GaveUp, r.Reconnects, sum.GaveUp, sum.Reconnected),
		match(r.FailedConnects == failedConnects, "%d failed connects, but they are %d", r.FailedConnects, failedConnects),
		match(r.Moved == t.moves && t.moved == t.moves, "%d moved and %d told, but it was %d", r.Moved, t.moves, t.moved),
		t.sizesAdd(), t.echoesAdd(), t.offGrid, t.losses(r))
}

// sizesAdd compares the counts by size with those of the connections.
func (t *simulatedTraffic) sizesAdd() error {
	for _, got := range t.rules.Counts().BySize {
		if at := slices.IndexFunc(t.bySize, func(want rules.SizeCount) bool { return want.Size == got.Size }); t.bySize[at] != got {
			return fmt.Errorf("%+v by size, but it is %+v", got, t.bySize[at])
		}
	}
	return nil
}

// echoesAdd compares the echoes that were reported with those that came.
func (t *simulatedTraffic) echoesAdd() error {
	var n, times, trips int64
	for _, d := range t.drivers {
		n += d.Echoes
		times += d.EchoTimes
		trips += d.RoundTrips
	}
	return errors.Join(
		match(t.echoes == n && t.echoTimes == times, "%d echoes, with times that add up to %v, but they are %d and %v", t.echoes, time.Duration(t.echoTimes), n, time.Duration(times)),
		match(t.trips >= trips && (t.interval > 0 || t.trips == trips), "round trips of %v, but they took %v", time.Duration(t.trips), time.Duration(trips)))
}

// losses checks when connections were lost, and when all were well again.
func (t *simulatedTraffic) losses(r *TrafficResult) error {
	if r.Lost == 0 {
		return match(r.FirstLoss == nil && r.LastLoss == nil && r.Recovered == nil, "no loss")
	}
	first, last := time.Duration(simulated.Never), time.Duration(0)
	for i := range r.Records {
		if rec := &r.Records[i]; rec.Error != ClassNone && rec.Connected > 0 {
			first, last = min(first, rec.Ended), max(last, rec.Ended)
		}
	}
	return errors.Join(
		match(*r.FirstLoss == first && *r.LastLoss == last, "losses from %v to %v, but they were from %v to %v", *r.FirstLoss, *r.LastLoss, first, last),
		match(r.Recovered == nil || *r.Recovered >= *r.FirstLoss && r.Lasting == r.Connections, "recovered only if all are up"),
		match(t.dialsAgain || r.Reconnects == 0, "%d reconnects, although what is lost is not dialed again", r.Reconnects))
}
