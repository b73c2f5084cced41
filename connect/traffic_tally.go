package connect

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// trafficTally adds up what becomes of a traffic call's connections and packets.
type trafficTally struct {
	tally
	traffic    *TrafficPlan
	job        *engine.Job
	counts     packetCounts
	lastBytes  [2]int64 // sent and received, as of the last sample
	roundTrips *stats.Histogram
	unmade     map[int64]unmade // connections that have failed to connect, and are being dialed again
	records    []TrafficRecord
	samples    []TrafficSample
	last       rules.PacketCounts // as of the last sample

	lostBy, lastingBy   Hosts
	corruptedBy         Hosts // packets
	firstLoss, lastLoss time.Duration
	lastRise            time.Duration // when the last of the lasting connections got its first echo
	lastSilent          time.Duration // when the last of the lasting connections was established that has got none
	silent              int64         // lasting connections that have sent in vain
	tails               tails
	awaiting            int64 // lasting connections that were cut off while they waited for an echo
	awaited             time.Duration
	unused              int64 // lasting connections that never had a packet to send
	retransmits         int64
	omitted             int64 // records

	dialed      map[int64]bool // connections whose first dial has ended
	failedFirst [class.Count]int64
	losses      Losses
	down        map[int64][]int // losses, by index, of a connection that is not up again
	hole        *MTUHole
}

// unmade is a connection that could not be established so far.
type unmade struct {
	started time.Duration
	class   Class
}

// packetCounts is what the rules of traffic count.
type packetCounts interface {
	Counts() rules.PacketCounts
}

func newTrafficTally(plan *TrafficPlan, j *engine.Job, counts packetCounts) *trafficTally {
	return &trafficTally{
		tally: newTally(&plan.Plan, stats.MaxTimes), traffic: plan, job: j, counts: counts, roundTrips: stats.NewHistogram(),
		dialed: map[int64]bool{}, down: map[int64][]int{}, unmade: map[int64]unmade{}, lostBy: Hosts{}, lastingBy: Hosts{}, corruptedBy: Hosts{},
		losses: Losses{final: plan.NoReconnect},
	}
}

func (t *trafficTally) add(batch []Outcome) {
	for i := range batch {
		o := &batch[i]
		switch {
		case o.Event == Established:
			t.dialEnded(o)
			t.firstDial(o)
		case o.Event == Moved:
			t.losses.add(Loss{Number: o.Number, At: o.At, Host: o.Host, Moved: true})
		case !o.Connected:
			t.dialEnded(o)
			t.fail(o)
			t.firstDial(o)
			t.failedDial(o)
		default:
			t.ended(o)
		}
	}
}

// firstDial takes note of the end of a connection's first dial. Redials are another matter.
func (t *trafficTally) firstDial(o *Outcome) {
	if t.dialed[o.Number] {
		return
	}
	t.dialed[o.Number] = true
	if !o.Connected {
		t.failedFirst[o.Class]++
	}
}

// up takes note that a connection has echoed, in place of those that were lost.
func (t *trafficTally) up(number int64, at time.Duration) {
	for _, i := range t.down[number] {
		t.losses.List[i].Until = &at
	}
	delete(t.down, number)
}

// silentFlow returns the first connection that fell silent and has not echoed since.
func (t *trafficTally) silentFlow() (number int64, ok bool) {
	for n, losses := range t.down {
		silent := slices.ContainsFunc(losses, func(i int) bool { return t.losses.List[i].Class == ClassNoReply })
		if silent && (!ok || n < number) {
			number, ok = n, true
		}
	}
	return number, ok
}

// lost takes note of a connection that ended before its time.
func (t *trafficTally) lost(o *Outcome) {
	l := Loss{Number: o.Number, At: o.At, Host: o.Packets.Host, Class: o.Class}
	if o.Class == ClassNoReply || o.Packets.Missed > 0 {
		l.At, l.Missed = max(o.Packets.LastEcho, o.Planned+o.Connect), o.Packets.Missed
	}
	before := len(t.losses.List)
	if t.losses.add(l); len(t.losses.List) > before {
		t.down[o.Number] = append(t.down[o.Number], before)
	}
}

// failedDial remembers since when a connection has been dialed.
func (t *trafficTally) failedDial(o *Outcome) {
	u, known := t.unmade[o.Number]
	if !known {
		u.started = o.Planned
	}
	u.class = o.Class
	t.unmade[o.Number] = u
}

// ended takes note of a connection that was lost, or has lasted.
func (t *trafficTally) ended(o *Outcome) {
	p := o.Packets
	r := TrafficRecord{
		Started: o.Planned, Connected: o.Planned + o.Connect, Answered: p.Answered, Ended: o.At, Error: o.Class,
		Sent: p.Sent, Received: p.Received, Dropped: p.Dropped, Retransmits: p.Retransmits, Local: p.Local, Host: p.Host,
	}
	if u, failedBefore := t.unmade[o.Number]; failedBefore {
		r.Started = u.started
		delete(t.unmade, o.Number)
	}
	t.retransmits += r.Retransmits
	r.Remote = t.remote(o.Number)
	t.keep(r)
	if p.Received > 0 {
		t.up(o.Number, p.Answered)
	}
	host := cmp.Or(r.Host, UnknownHost)
	t.stuck(p, host)
	if p.Corrupted > 0 {
		t.corruptedBy.Add(host, p.Corrupted)
	}
	if o.Class == ClassNone {
		t.lasted(o, &r, host)
		return
	}
	t.fail(o)
	t.lost(o)
	t.lostBy.Add(host, 1)
	if t.firstLoss == 0 || o.At < t.firstLoss {
		t.firstLoss = o.At
	}
	t.lastLoss = max(t.lastLoss, o.At)
}

// lasted takes note of a connection that has lasted to the end.
func (t *trafficTally) lasted(o *Outcome, r *TrafficRecord, host string) {
	p := o.Packets
	t.lastingBy.Add(host, 1)
	t.lastRise = max(t.lastRise, r.Connected, r.Answered)
	if r.Received == 0 {
		t.lastSilent = max(t.lastSilent, r.Connected)
	}
	if r.Sent == 0 && len(t.down[o.Number]) == 0 {
		t.unused++
	}
	if p.Awaited > 0 {
		t.awaiting++
		t.awaited = max(t.awaited, p.Awaited)
	}
	if r.Sent > 0 && r.Received == 0 || p.Stuck > 0 || t.isRedialedInVain(o) {
		t.silent++ // a proxy takes connections whether it has a backend or not
	} else if r.Sent > 0 {
		t.tails.add(p.Unheard)
	}
}

// tails are the ends of UDP flows that lasted. A few may lack the echoes of their last datagrams, as datagrams get lost now and then.
type tails struct {
	flows   int64
	lacking int64 // of these, those whose last datagrams have no echo
	packets int64 // these datagrams
}

func (t *tails) add(unheard int64) {
	t.flows++
	if unheard > 0 {
		t.lacking++
		t.packets += unheard
	}
}

// silent is how many flows have fallen silent at the end: none if so many may lack the last echo by chance, by the share of all other datagrams
// that were lost. The bound is that of the binomial distribution's tail, (e·n·p/k)^k.
func (t *tails) silent(sent, received int64) int64 {
	const fewest, hardlyEver = 4, 1e-6
	others := sent - t.packets
	share := float64(max(others-received, 0)+1) / float64(others+1)
	if n, k := float64(t.flows), float64(t.lacking); t.lacking < fewest || math.Pow(math.E*n*share/k, k) > hardlyEver {
		return 0
	}
	return t.lacking
}

// isRedialedInVain reports whether a UDP flow was lost, and has not echoed since: to dial it anew tells nothing.
func (t *trafficTally) isRedialedInVain(o *Outcome) bool {
	return t.plan.Protocol() == "udp" && o.Packets.Sent == 0 && len(t.down[o.Number]) > 0
}

// stuck takes note of a connection on which packets of a size do not come back.
func (t *trafficTally) stuck(p *engine.Packets, host string) {
	if p.Stuck == 0 {
		return
	}
	if t.hole == nil {
		t.hole = &MTUHole{Passed: p.Passed, Stuck: p.Stuck, Hosts: Hosts{}}
	}
	t.hole.Worked = t.hole.Worked || p.Worked
	t.hole.Hosts.Add(host, 1)
}

func (t *trafficTally) remote(number int64) netip.AddrPort {
	return t.plan.Targets[t.job.TargetOf(number)].Addr
}

func (t *trafficTally) keep(r TrafficRecord) {
	if len(t.records) < MaxTrafficRecords {
		t.records = append(t.records, r)
	} else {
		t.omitted++
	}
}

func (t *trafficTally) echoed(batch []Echo) {
	for i := range batch {
		t.roundTrips.Add(batch[i].RoundTrip)
	}
	if observer := t.traffic.Packets; observer != nil {
		observer.Echoes(batch)
	}
}

// sample takes down what has happened since the last sample until so long after the start.
func (t *trafficTally) sample(at time.Duration) {
	now, last := t.counts.Counts(), t.last
	t.last = now
	active := now.Connected - now.Lost
	s := TrafficSample{
		Time:       at,
		Active:     active,
		Connecting: max(t.plan.Connections-active-now.GaveUp, 0),
		New:        now.Connected - last.Connected,
		Lost:       now.Lost - last.Lost,
		Sent:       now.Sent - last.Sent,
		Received:   now.Received - last.Received,
		Dropped:    now.Dropped - last.Dropped,
	}
	sent, received := int64(0), int64(0)
	for _, n := range now.BySize {
		sent += n.Sent * int64(n.Size)
		received += n.Received * int64(n.Size)
	}
	s.BytesSent, s.BytesReceived = sent-t.lastBytes[0], received-t.lastBytes[1]
	t.lastBytes = [2]int64{sent, received}
	t.samples = append(t.samples, s)
	if observer := t.traffic.Packets; observer != nil {
		observer.Sample(s, now.Reconnected-last.Reconnected, now.Moved-last.Moved)
	}
}

func (t *trafficTally) result() *TrafficResult {
	plan := t.traffic
	silent := t.silent + t.tails.silent(t.last.Sent, t.last.Received)
	for number, u := range t.unmade {
		t.keep(TrafficRecord{Started: u.started, Ended: t.job.Length(), Error: u.class, Remote: t.remote(number)})
	}
	connects, roundTrips := t.connect.Distribution(), t.roundTrips.Distribution()
	r := &TrafficResult{
		Network: plan.Network, Rate: plan.Throughput, PacketSize: plan.PacketSizes[0],
		Connections:    plan.Connections,
		Lost:           t.last.Lost,
		Lasting:        t.last.Connected - t.last.Lost,
		Reconnects:     t.last.Reconnected,
		FailedConnects: t.failedConnects,
		Moved:          t.last.Moved,
		Sent:           t.last.Sent,
		Received:       t.last.Received,
		Dropped:        t.last.Dropped,
		BySize:         t.last.BySize,
		Foreign:        t.last.Foreign,
		Retransmits:    t.retransmits,
		StartTime:      loop.Time(t.job.Start()),
		Timeout:        plan.Timeout,
		Duration:       t.job.Length(),
		States:         t.job.Counters.States(),
		ConnectTime:    connects.Summary,
		ErrorTime:      t.error.Summary(),
		RTT:            t.rtt.Summary(),
		SYNRetransmits: t.synRetransmits,
		LostByHost:     t.lostBy,
		LastingByHost:  t.lastingBy,
		RoundTrip:      roundTrips.Summary,
		RoundTrips:     t.roundTrips.Buckets(),
		Errors:         t.byClass(),
		First:          t.firsts(),
		Samples:        t.samples,
		Records:        t.records,
		Omitted:        t.omitted,
		Corrupted:      t.last.Corrupted,

		CorruptedByHost: t.corruptedBy,

		Losses:        t.losses,
		Begun:         int64(len(t.dialed)),
		FirstErrors:   counts(&t.failedFirst),
		Down:          plan.Connections - (t.last.Connected - t.last.Lost) + silent,
		Unused:        t.unused,
		Awaiting:      t.awaiting,
		Awaited:       t.awaited,
		LossTimeout:   plan.LossTimeout,
		Planned:       plan.Duration,
		ConnectSpread: connects, RoundTripSpread: roundTrips, RTTSpread: t.rtt.Distribution(),
		Reconnect: !plan.NoReconnect,
		Hole:      t.hole,
		FailedAt:  t.failedAt(),
		Fixed:     plan.Sources.Ports.Count() > 0,
	}
	for _, n := range t.failedFirst {
		r.FailedFirst += n
	}
	if r.Sent == 0 {
		r.Down = plan.Connections // whether anybody is there is not known
	}
	for i := range r.Samples { // one that was taken while the end was on its way
		r.Samples[i].Time = min(r.Samples[i].Time, r.Duration)
	}
	for i := range plan.Targets {
		r.Targets = append(r.Targets, plan.Targets[i].Name)
	}
	t.disturbance(r)
	return r
}

// disturbance tells when connections were lost, and when all were up again. That is not known if one that was made since the first loss
// has had nothing to send.
func (t *trafficTally) disturbance(r *TrafficResult) {
	if r.Lost == 0 {
		return
	}
	r.FirstLoss, r.LastLoss = &t.firstLoss, &t.lastLoss
	if r.Lasting == r.Connections && t.silent == 0 && t.lastSilent < t.firstLoss {
		r.Recovered = &t.lastRise
	}
}
