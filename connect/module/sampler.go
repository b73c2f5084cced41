package module

import (
	"strings"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// sampler has what all calls that make connections have in common: samples of dialing, by target, and of what is known at the end.
// Together with a method Outcomes it is a connect.Observer.
type sampler struct {
	*emitter
	start   time.Time       // of the call, from which outcomes count
	call    *metrics.TagSet // the script's and the call's tags, and the protocol
	all     *metrics.TagSet // call, and the names of all targets
	targets []*targetSeries
	trends  oneIn // which connections become samples of the Trends

	failed   map[failedAt]*metrics.TagSet
	failures map[failureOf]*counterSeries
	lost     map[lossOf]*counterSeries
	replies  map[replyOf]*counterSeries

	// In this batch. A call with very many targets, or hosts, need not look at all of them.
	touched []*targetSeries
	counted []*counterSeries
}

// targetSeries are the tags and batch totals of one target.
type targetSeries struct {
	tags    *metrics.TagSet
	touched bool

	connects, synRetransmits, sent, received int64
}

// counterSeries is a series of a Counter, and how much it has counted in this batch.
type counterSeries struct {
	metric *metrics.Metric
	tags   *metrics.TagSet
	n      int64
}

// failedAt is a tag set of what failed.
type failedAt struct {
	target *targetSeries
	class  connect.Class
}

// failureOf is a series of mconnect_failures.
type failureOf struct {
	failedAt
	phase string
	host  string
}

// lossOf is a series of mconnect_connections_lost.
type lossOf struct {
	target *targetSeries
	lostFrom
}

// lostFrom is what a series of mconnect_needless_losses is about.
type lostFrom struct {
	host  string
	class connect.Class
}

// replyOf is a series of mconnect_replies.
type replyOf struct {
	target *targetSeries
	host   string
}

// The phases in which a connection can fail.
const (
	phaseConnect = "connect"
	phaseReply   = "reply"
	phaseHeld    = "held"
	phaseTraffic = "traffic"
)

// fail counts a failure, in the phase of an established connection, or in that of its connect.
func (s *sampler) fail(t *targetSeries, o *connect.Outcome, phase, host string) {
	if !o.Connected {
		phase = phaseConnect
	}
	if host != "" {
		host = s.root.hosts.tag(host)
	}
	of := failureOf{failedAt{t, o.Class}, phase, host}
	series := s.failures[of]
	if series == nil {
		tags := tagged(s.failedTags(t, o.Class), "phase", phase)
		if host != "" {
			tags = tags.With("host", host)
		}
		series = &counterSeries{metric: s.metrics.failures, tags: tags}
		s.failures[of] = series
	}
	s.count(series)
}

// count adds one to a series.
func (s *sampler) count(series *counterSeries) {
	if series.n++; series.n == 1 {
		s.counted = append(s.counted, series)
	}
}

func newSampler(i *instance, o *options.Call) *sampler {
	e := newEmitter(i, o.Tags)
	s := emptySampler(e, trendsOf(o.Samples, max(o.Plan.Connections, o.Most)))
	s.start, s.call = time.Now(), e.base.Tags.With("proto", o.Plan.Protocol())
	s.all = s.call.With("target", strings.Join(o.Targets, ","))
	for _, name := range o.Targets {
		s.targets = append(s.targets, &targetSeries{tags: tagged(s.call, "target", name)})
	}
	return s
}

// emptySampler is one without targets.
func emptySampler(e *emitter, trends oneIn) *sampler {
	return &sampler{
		emitter: e, trends: trends, failed: map[failedAt]*metrics.TagSet{}, failures: map[failureOf]*counterSeries{},
		lost: map[lossOf]*counterSeries{}, replies: map[replyOf]*counterSeries{},
	}
}

// resolved makes each address a target of its own, with a tag that tells it.
func (s *sampler) resolved(targets []connect.Target) {
	s.targets = s.targets[:0]
	for i := range targets {
		tags := tagged(s.call, "target", targets[i].Name)
		if addr := targets[i].Addr.Addr(); addr.IsValid() {
			tags = tagged(tags, "ip", addr.String())
		}
		s.targets = append(s.targets, &targetSeries{tags: tags})
	}
}

// sample turns a batch into samples: those that take makes of each outcome, and what it adds up for the whole batch.
func (s *sampler) sample(batch []connect.Outcome, take func(o *connect.Outcome, t *targetSeries, at time.Time)) {
	s.samples = make([]metrics.Sample, 0, s.usual(len(batch)))
	var at time.Time
	for i := range batch {
		o := &batch[i]
		at = s.root.stamps.next(s.start.Add(o.At))
		t := s.targets[o.Number%int64(len(s.targets))]
		if !t.touched {
			t.touched = true
			s.touched = append(s.touched, t)
		}
		take(o, t, at)
	}
	for _, t := range s.touched {
		s.totals(t, at)
		*t = targetSeries{tags: t.tags}
	}
	for _, c := range s.counted {
		s.add(c.metric, c.tags, at, float64(c.n))
		c.n = 0
	}
	s.touched, s.counted = s.touched[:0], s.counted[:0]
	s.push()
}

// usual is about how many samples come of a batch.
func (s *sampler) usual(outcomes int) int {
	const rates, trends, perTarget = 2, 3, 5
	chosen := outcomes / int(max(s.trends, 1))
	return rates*outcomes + trends*chosen + perTarget*min(len(s.targets), outcomes)
}

// dialed takes note of the end of dialing, good or bad.
func (s *sampler) dialed(o *connect.Outcome, t *targetSeries, at time.Time) {
	t.connects++
	t.synRetransmits += o.SYNRetransmits
	if !o.Connected {
		s.add(s.metrics.connectFailed, s.failedTags(t, o.Class), at, 1)
		return
	}
	s.add(s.metrics.connectFailed, t.tags, at, 0)
	if !s.trends.chosen() {
		return
	}
	s.add(s.metrics.connectDuration, t.tags, at, metrics.D(o.Connect))
	if o.RTT > 0 {
		s.add(s.metrics.rtt, t.tags, at, metrics.D(o.RTT))
	}
}

// totals emits what is counted by batch for a target.
func (s *sampler) totals(t *targetSeries, at time.Time) {
	if t.connects > 0 {
		s.add(s.metrics.connects, t.tags, at, float64(t.connects))
		s.add(s.metrics.synRetransmits, t.tags, at, float64(t.synRetransmits))
	}
	if t.sent+t.received > 0 {
		s.add(s.builtin.DataSent, t.tags, at, float64(t.sent))
		s.add(s.builtin.DataReceived, t.tags, at, float64(t.received))
	}
}

func (s *sampler) failedTags(t *targetSeries, class connect.Class) *metrics.TagSet {
	of := failedAt{t, class}
	if s.failed[of] == nil {
		s.failed[of] = t.tags.With("error", class.String())
	}
	return s.failed[of]
}

// Second implements connect.Observer.
func (s *sampler) Second() {
	if s.root.gauges.due(time.Now()) {
		s.states()
	}
}

// Monitor implements connect.Observer: the progress line, in tcpgoon's words.
func (s *sampler) Monitor(now connect.States) {
	s.logger.Info(now.String())
}

// conclude emits the states as they are at a call's end, and explains each new kind of failure.
func (s *sampler) conclude(connects int64, errors map[connect.Class]int64, first map[connect.Class]connect.Failure) {
	s.states()
	for class, failure := range first {
		if s.root.notices.first(class.String()) {
			s.logger.Warnf("mconnect: %d of %d connections failed, class %s; the first: %s", errors[class], connects, class, failure)
		}
	}
}
