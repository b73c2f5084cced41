package module

import (
	"cmp"
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
		s.dialed(o, t, at)
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
			s.dialed(o, t, at)
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
	if o.Connected {
		s.lose(t, cmp.Or(host, connect.UnknownHost), class)
	}
}

// lose counts an established connection that ended before its time.
func (s *sampler) lose(t *targetSeries, host string, class connect.Class) {
	of := lossOf{t, lostFrom{s.root.hosts.tag(host), class}}
	series := s.lost[of]
	if series == nil {
		series = &counterSeries{metric: s.metrics.connectionsLost, tags: s.failedTags(t, class).With("host", of.host)}
		s.lost[of] = series
	}
	s.count(series)
}

// losses emits what became of established connections, by the changes that were announced.
func (s *sampler) losses(l *connect.Losses) {
	at, tags := s.root.stamps.next(time.Now()), s.all
	needless := map[lostFrom]int64{}
	for of, n := range l.NeedlessBy() {
		needless[lostFrom{s.root.hosts.tag(of.Host), of.Class}] += n
	}
	for of, n := range needless {
		tags := tags.With("host", of.host)
		if of.class != connect.ClassNone { // of a flow that another host took, there is none
			tags = tags.With("error", of.class.String())
		}
		s.add(s.metrics.needlessLosses, tags, at, float64(n))
	}
	for _, o := range l.Outages {
		if o.To != nil {
			s.add(s.metrics.recoveryDuration, tags, at, metrics.D(*o.To-o.From))
		}
	}
	s.push()
}

// finish emits what is known at a hold's end. ctx is done if the call was cut short.
func (s *holdSampler) finish(ctx context.Context, r *connect.HoldResult) {
	if left := r.States.NotInitiated; left > 0 && ctx.Err() == nil && s.root.notices.first("not initiated") {
		s.logger.Warnf("mconnect: %d of %d connections were not begun in the time for that (timeout %s, or duration if that is shorter); raise these, rate or concurrency", left, r.Connects, r.Timeout)
	}
	if r.Instead > 0 && s.root.notices.first("held less") {
		s.logger.Warnf("mconnect: hold() was ended with the iteration, after %s of its duration of %s; give the scenario more time (maxDuration, gracefulStop)", r.Duration.Round(time.Millisecond), r.Instead)
	}
	if closed := r.States.Closed; closed > 0 && s.root.notices.first("closed") {
		s.logger.Warnf("mconnect: %d of %d held connections were closed by the peer, after %s on average", closed, r.EstablishedTotal, r.Lifetime.Avg.Round(time.Microsecond))
	}
	if r.EchoTime.Count > 0 {
		s.add(s.metrics.flowsMoved, s.all, s.root.stamps.next(time.Now()), float64(r.Moved()))
		s.push()
	}
	s.conclude(r.Connects, r.Errors, r.First)
}
