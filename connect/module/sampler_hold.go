package module

import (
	"context"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// holdSampler turns the outcomes of connections that are kept into samples: they are reported when they begin, not when they end. It
// implements connect.Observer.
type holdSampler struct {
	*sampler
	echoes oneIn // of the answers to keepalives become samples
}

var _ connect.Observer = &holdSampler{}

// Outcomes implements connect.Observer.
func (s *holdSampler) Outcomes(batch []connect.Outcome) { s.sample(batch, s.event) }

func (s *holdSampler) event(o *connect.Outcome, t *targetSeries, at time.Time) {
	switch o.Event {
	case connect.Established:
		s.dialled(o, t, at)
	case connect.Echoed:
		if s.echoes.chosen() {
			s.add(s.metrics.echoDuration, t.tags, at, metrics.D(o.Reply))
		}
	case connect.Ended:
		if o.Packets == nil { // else each second's sample has its bytes
			t.sent += o.Sent
			t.received += o.Received
		}
		if !o.Connected {
			s.dialled(o, t, at)
		}
		if o.Class != connect.ClassNone || o.Closed {
			s.lost(t, o)
		}
	}
}

// lost counts a connection that failed, or that the peer closed.
func (s *holdSampler) lost(t *targetSeries, o *connect.Outcome) {
	class, phase, host := o.Class, phaseHeld, o.Host
	if o.Packets != nil {
		phase, host = phaseTraffic, o.Packets.Host
	}
	if class == connect.ClassNone {
		class = connect.ClassClosed
	}
	s.fail(t, &connect.Outcome{Class: class, Connected: o.Connected}, phase, host)
}

// losses emits what became of established connections, by the changes that were announced.
func (s *sampler) losses(l *connect.Losses) {
	at, tags := s.root.stamps.next(time.Now()), s.allTags()
	type of struct {
		host  string
		class connect.Class
	}
	needless := map[of]int64{}
	for i := range l.List {
		if loss := &l.List[i]; loss.Needless {
			needless[of{s.root.hosts.tag(loss.Host), loss.Class}]++
		}
	}
	for of, n := range needless {
		s.add(s.metrics.needlessLosses, tags.With("host", of.host).With("error", of.class.String()), at, float64(n))
	}
	for _, o := range l.Outages {
		if o.To != nil {
			s.add(s.metrics.recoveryDuration, tags, at, metrics.D(*o.To-o.From))
		}
	}
	s.push()
}

// finish emits what is known at a hold's end. The context is done if that was not its own.
func (s *holdSampler) finish(ctx context.Context, r *connect.HoldResult) {
	if left := r.States.NotInitiated; left > 0 && ctx.Err() == nil && s.root.notices.first("not initiated") {
		s.logger.Warnf("mconnect: %d of %d connections were not begun in the time for that (timeout %s, or duration if that is shorter); raise these, rate or concurrency", left, r.Connects, r.Timeout)
	}
	if closed := r.States.Closed; closed > 0 && s.root.notices.first("closed") {
		s.logger.Warnf("mconnect: %d of %d held connections were closed by the peer, after %s on average", closed, r.EstablishedTotal, r.Lifetime.Avg.Round(time.Microsecond))
	}
	s.conclude(r.Connects, r.Errors, r.First)
}
