package module

import (
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// maxRoundTrips is about how many round trips a second become samples of mconnect_round_trip; above that, a fair sample. k6 keeps every value
// of a Trend, and traffic without a pace has very many. The call's result has them all.
const maxRoundTrips = 10_000

// packetSampler turns what happens to the packets of one call into samples. It implements connect.PacketObserver.
type packetSampler struct {
	*holdSampler

	echoes, taken int64 // in this second: packets that came back, those that became samples
	step          oneIn // which of them do
}

var _ connect.PacketObserver = &packetSampler{}

func newPacketSampler(s *sampler) *packetSampler {
	return &packetSampler{holdSampler: &holdSampler{sampler: s}, step: 1}
}

// Outcomes implements connect.Observer.
func (p *packetSampler) Outcomes(batch []connect.Outcome) {
	for i := range batch {
		if o := &batch[i]; o.Packets != nil {
			p.retransmitted(o)
		}
	}
	p.push()
	p.holdSampler.Outcomes(batch)
}

// retransmitted takes note of the segments of an ended connection that the kernel has sent again.
func (p *packetSampler) retransmitted(o *connect.Outcome) {
	if n := o.Packets.Retransmits; n > 0 {
		target := p.targets[o.Number%int64(len(p.targets))]
		p.add(p.metrics.retransmits, target.tags, p.root.stamps.next(p.start.Add(o.At)), float64(n))
	}
}

// Echoes implements connect.PacketObserver.
func (p *packetSampler) Echoes(batch []connect.Echo) {
	p.samples = make([]metrics.Sample, 0, min(int64(len(batch))/int64(p.step)+1, maxRoundTrips-p.taken))
	for i := range batch {
		e := &batch[i]
		if p.echoes++; p.taken >= maxRoundTrips || !p.step.chosen() {
			continue
		}
		p.taken++
		tags := p.targets[e.Number%int64(len(p.targets))].tags
		p.add(p.metrics.roundTrip, tags, p.root.stamps.next(p.start.Add(e.At)), metrics.D(e.RoundTrip))
	}
	p.push()
}

// Sample implements connect.PacketObserver.
func (p *packetSampler) Sample(s connect.TrafficSample, reconnects, moved int64) {
	p.step = oneIn(p.echoes/maxRoundTrips + 1)
	p.echoes, p.taken = 0, 0
	at := p.root.stamps.next(time.Now())
	for _, counter := range []struct {
		metric *metrics.Metric
		n      int64
	}{
		{p.metrics.packetsSent, s.Sent},
		{p.metrics.packetsReceived, s.Received},
		{p.metrics.packetsDropped, s.Dropped},
		{p.metrics.reconnects, reconnects},
		{p.metrics.flowsMoved, moved},
		{p.builtin.DataSent, s.BytesSent},
		{p.builtin.DataReceived, s.BytesReceived},
	} {
		p.add(counter.metric, p.all, at, float64(counter.n))
	}
	p.push()
}

// finish warns of what was lost, and of a call that its time limit has cut short of its duration.
func (p *packetSampler) finish(r *connect.TrafficResult, wanted time.Duration) {
	if r.Timeout < wanted && p.root.notices.first("cut short") {
		p.logger.Warnf("mconnect: traffic() may take %s (timeout), so it ends before its duration, %s; raise timeout, or leave it out", r.Timeout, wanted)
	}
	if lost := r.Sent - r.Received; lost > 0 {
		p.add(p.metrics.packetsLost, p.all, p.root.stamps.next(time.Now()), float64(lost))
		p.push()
	}
	if r.Lost > 0 && p.root.notices.first("lost") {
		p.logger.Warnf("mconnect: %d connections were lost under traffic, the first %s and the last %s after the start; %d lasted", r.Lost, r.FirstLoss.Round(time.Millisecond), r.LastLoss.Round(time.Millisecond), r.Lasting)
	}
	p.conclude(r.States.Total(), r.Errors, r.First)
}
