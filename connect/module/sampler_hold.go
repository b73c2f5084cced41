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
		t.sent += o.Sent
		t.received += o.Received
		if !o.Connected {
			s.dialled(o, t, at)
		}
	}
}

// finish emits what is known at a hold's end. The context is done if that was not its own.
func (s *holdSampler) finish(ctx context.Context, r *connect.HoldResult) {
	if left := r.States.NotInitiated; left > 0 && ctx.Err() == nil && s.root.notices.first("not initiated") {
		s.logger.Warnf("mconnect: %d of %d connections were not begun in the time for that (timeout %s, or duration if that is shorter); raise these, rate or concurrency, and set a threshold on mconnect_not_initiated", left, r.Connects, r.Timeout)
	}
	if closed := r.States.Closed; closed > 0 && s.root.notices.first("closed") {
		s.logger.Warnf("mconnect: %d of %d held connections were closed by the peer, after %s on average", closed, r.EstablishedTotal, r.Lifetime.Avg.Round(time.Microsecond))
	}
	s.conclude(r.Connects, r.Errors, r.First)
}
