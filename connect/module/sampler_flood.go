package module

import (
	"context"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// floodSampler turns the outcomes of a flood into samples. It implements connect.Observer.
type floodSampler struct {
	*sampler
	readReply bool
}

var _ connect.Observer = &floodSampler{}

// Outcomes implements connect.Observer.
func (s *floodSampler) Outcomes(batch []connect.Outcome) { s.sample(batch, s.ended) }

func (s *floodSampler) ended(o *connect.Outcome, t *targetSeries, at time.Time) {
	t.sent += o.Sent
	t.received += o.Received
	s.dialed(o, t, at)
	s.answered(o, t, at)
	if o.Class != connect.ClassNone {
		s.fail(t, o, phaseReply, "")
	}
}

// answered takes note of a flood's answer, or of why there was none.
func (s *floodSampler) answered(o *connect.Outcome, t *targetSeries, at time.Time) {
	switch {
	case !o.Connected:
	case o.Class != connect.ClassNone:
		s.add(s.metrics.replyFailed, s.failedTags(t, o.Class), at, 1)
	case s.readReply:
		s.add(s.metrics.replyFailed, t.tags, at, 0)
		from := s.from(t, o.Host)
		s.count(from)
		if s.trends.chosen() {
			s.add(s.metrics.replyDuration, from.tags, at, metrics.D(o.Reply))
		}
	}
}

// from is the series of a host's answers.
func (s *floodSampler) from(t *targetSeries, host string) *counterSeries {
	if series := s.replies[replyOf{t, host}]; series != nil {
		return series
	}
	of := replyOf{t, s.root.hosts.tag(host)}
	series := s.replies[of]
	if series == nil {
		series = &counterSeries{metric: s.metrics.replies, tags: tagged(t.tags, "host", of.host)}
		s.replies[of] = series
	}
	return series
}

// finish emits what is known at a flood's end. ctx is done if the call was cut short.
func (s *floodSampler) finish(ctx context.Context, res *connect.FloodResult) {
	s.fairness(res)
	if left := res.States.NotInitiated; left > 0 && ctx.Err() == nil && s.root.notices.first("not initiated") {
		s.logger.Warnf("mconnect: %d of %d connections were not begun when the call's time (%s) was up; raise timeout or concurrency", left, res.Connects, res.Timeout)
	}
	s.conclude(res.Connects, res.Errors, res.First)
}

// fairness emits how a flood's answers are spread, if there are any.
func (s *floodSampler) fairness(res *connect.FloodResult) {
	b := res.Balance
	if b.Hosts == 0 {
		return
	}
	tags := s.all
	at := s.root.stamps.next(time.Now())
	s.found(s.metrics.balanceMaxShare, tags, at, b.MaxShare)
	s.found(s.metrics.balancePValue, tags, at, b.PValue)
	s.found(s.metrics.balanceCV, tags, at, b.CV)
	s.found(s.metrics.balanceJain, tags, at, b.Jain)
	for host, n := range s.due(res) {
		s.add(s.metrics.repliesDue, tags.With("host", host), at, n)
	}
	if a := res.Affinity; a != nil && a.Sources > 0 {
		s.found(s.metrics.affinity, tags, at, a.Share)
	}
}

// due is how many of a flood's answers each host should have given, by the names that are tags.
func (s *floodSampler) due(res *connect.FloodResult) map[string]float64 {
	answers := res.Hosts.Total()
	shares := res.Balance.Expected
	if shares == nil {
		shares = make(map[string]float64, len(res.Hosts))
		for host := range res.Hosts {
			shares[host] = 1 / float64(len(res.Hosts))
		}
	}
	due := make(map[string]float64, len(shares))
	for host, share := range shares {
		due[s.root.hosts.tag(host)] += share * float64(answers)
	}
	return due
}
