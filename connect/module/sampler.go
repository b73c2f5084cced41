package module

import (
	"context"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// sampler turns the outcomes of one call into samples. It implements connect.Observer.
type sampler struct {
	root    *RootModule
	metrics *mconnectMetrics
	builtin *metrics.BuiltinMetrics
	out     chan<- metrics.SampleContainer
	logger  logrus.FieldLogger

	start     time.Time // of the call, from which outcomes count
	readReply bool
	holds     bool                // established connections are reported when they begin, not when they end
	echoes    oneIn               // of the answers to keepalives become samples
	base      metrics.TagsAndMeta // the script's tags
	call      *metrics.TagSet     // base and the protocol
	targets   []*targetSeries
	samples   []metrics.Sample
}

// targetSeries are the tag sets and batch totals of one target.
type targetSeries struct {
	tags   *metrics.TagSet
	failed map[connect.Class]*metrics.TagSet
	hosts  map[string]*hostSeries

	connects, synRetransmits, sent, received int64
}

type hostSeries struct {
	tags    *metrics.TagSet
	replies int64
}

var _ connect.Observer = &sampler{}

func newSampler(i *instance, o *options.Call) *sampler {
	state := i.vu.State()
	base := state.Tags.GetCurrentValues()
	base.Tags = base.Tags.WithTagsFromMap(o.Tags)
	s := &sampler{
		root: i.root, metrics: i.metrics, builtin: state.BuiltinMetrics,
		out: state.Samples, logger: state.Logger,
		start: time.Now(),
		base:  base, call: base.Tags.With("proto", o.Plan.Protocol()),
	}
	for _, name := range o.Targets {
		s.targets = append(s.targets, &targetSeries{tags: s.call.With("target", name), failed: map[connect.Class]*metrics.TagSet{}, hosts: map[string]*hostSeries{}})
	}
	return s
}

// inSetup reports whether this is setup() or teardown(), which k6 runs in a VU without an identity.
func inSetup(state *lib.State) bool { return state.VUIDGlobal == 0 }

// Outcomes implements connect.Observer.
func (s *sampler) Outcomes(batch []connect.Outcome) {
	const perOutcome, perTarget = 5, 8
	s.samples = make([]metrics.Sample, 0, perOutcome*len(batch)+perTarget*len(s.targets))
	var at time.Time
	for i := range batch {
		o := &batch[i]
		at = s.root.stamps.next(s.start.Add(o.At))
		s.outcome(o, s.targets[o.Number%int64(len(s.targets))], at)
	}
	for _, t := range s.targets {
		s.totals(t, at)
	}
	s.push()
}

func (s *sampler) outcome(o *connect.Outcome, t *targetSeries, at time.Time) {
	switch o.Event {
	case connect.Established:
		s.dialled(o, t, at)
	case connect.Echoed:
		if !s.echoes.chosen() {
			return
		}
		s.add(s.metrics.echoDuration, t.tags, at, metrics.D(o.Reply))
	case connect.Ended:
		t.sent += o.Sent
		t.received += o.Received
		if !s.holds {
			s.dialled(o, t, at)
			s.answered(o, t, at)
		} else if !o.Connected {
			s.dialled(o, t, at)
		}
	}
}

// dialled takes note of the end of dialling, good or bad.
func (s *sampler) dialled(o *connect.Outcome, t *targetSeries, at time.Time) {
	t.connects++
	t.synRetransmits += o.SYNRetransmits
	if !o.Connected {
		s.add(s.metrics.connectFailed, s.failedTags(t, o.Class), at, 1)
		return
	}
	s.add(s.metrics.connectFailed, t.tags, at, 0)
	s.add(s.metrics.connectDuration, t.tags, at, metrics.D(o.Connect))
	if o.RTT > 0 {
		s.add(s.metrics.rtt, t.tags, at, metrics.D(o.RTT))
	}
}

// answered takes note of a flood's answer, or of why there was none.
func (s *sampler) answered(o *connect.Outcome, t *targetSeries, at time.Time) {
	switch {
	case !o.Connected:
	case o.Class != connect.ClassNone:
		s.add(s.metrics.replyFailed, s.failedTags(t, o.Class), at, 1)
	case s.readReply:
		s.add(s.metrics.replyFailed, t.tags, at, 0)
		s.add(s.metrics.replyDuration, t.tags, at, metrics.D(o.Reply))
		s.host(t, o.Host).replies++
	}
}

// totals emits, and starts anew, what is counted by batch.
func (s *sampler) totals(t *targetSeries, at time.Time) {
	if t.connects > 0 {
		s.add(s.metrics.connects, t.tags, at, float64(t.connects))
		s.add(s.metrics.synRetransmits, t.tags, at, float64(t.synRetransmits))
	}
	if t.sent+t.received > 0 {
		s.add(s.builtin.DataSent, t.tags, at, float64(t.sent))
		s.add(s.builtin.DataReceived, t.tags, at, float64(t.received))
	}
	for _, h := range t.hosts {
		if h.replies > 0 {
			s.add(s.metrics.replies, h.tags, at, float64(h.replies))
			h.replies = 0
		}
	}
	t.connects, t.synRetransmits, t.sent, t.received = 0, 0, 0, 0
}

func (s *sampler) failedTags(t *targetSeries, class connect.Class) *metrics.TagSet {
	if t.failed[class] == nil {
		t.failed[class] = t.tags.With("error", class.String())
	}
	return t.failed[class]
}

func (s *sampler) host(t *targetSeries, name string) *hostSeries {
	if h, ok := t.hosts[name]; ok {
		return h
	}
	tag := s.root.hosts.tag(name)
	h, ok := t.hosts[tag]
	if !ok {
		h = &hostSeries{tags: t.tags.With("host", tag)}
		t.hosts[tag] = h
	}
	return h
}

// Second implements connect.Observer.
func (s *sampler) Second() {
	if s.root.gauges.due(time.Now()) {
		s.states()
	}
}

// states emits the state counters of the whole process, which belong to no protocol or target. One call at a time reads
// and sends them, so that the last value k6 sees is the latest.
func (s *sampler) states() {
	s.root.gauges.sending.Lock()
	defer s.root.gauges.sending.Unlock()
	total := &s.root.engine.Total
	at := s.root.stamps.next(time.Now())
	now := total.States()
	for _, gauge := range []struct {
		metric *metrics.Metric
		value  int64
	}{
		{s.metrics.notInitiated, now.NotInitiated},
		{s.metrics.dialing, now.Dialing},
		{s.metrics.established, now.Established},
		{s.metrics.completed, now.Completed},
		{s.metrics.closed, now.Closed},
		{s.metrics.failed, now.Error},
		{s.metrics.establishedMax, total.EstablishedMax()},
	} {
		s.add(gauge.metric, s.base.Tags, at, float64(gauge.value))
	}
	s.push()
}

// Monitor implements connect.Observer: the progress line, worded as tcpgoon words it.
func (s *sampler) Monitor(now connect.States) {
	s.logger.Info(progress(now))
}

// finishFlood emits what is known at a flood's end. The context is done if that was not its own.
func (s *sampler) finishFlood(ctx context.Context, res *connect.FloodResult) {
	s.fairness(res)
	if left := res.States.NotInitiated; left > 0 && ctx.Err() == nil && s.root.notices.first("not initiated") {
		s.logger.Warnf("mconnect: %d of %d connections were not begun when the call's time (%s) was up; raise timeout or concurrency, and set a threshold on mconnect_not_initiated", left, res.Connects, res.Timeout)
	}
	s.finish(res.Connects, res.Errors, res.First)
}

// fairness emits how a flood's answers are spread, if there are any.
func (s *sampler) fairness(res *connect.FloodResult) {
	b := res.Balance
	if b.Hosts == 0 {
		return
	}
	tags := s.call.With("target", s.targetTag())
	at := s.root.stamps.next(time.Now())
	s.add(s.metrics.balanceMaxShare, tags, at, b.MaxShare)
	s.add(s.metrics.balancePValue, tags, at, b.PValue)
	s.add(s.metrics.balanceCV, tags, at, b.CV)
	s.add(s.metrics.balanceJain, tags, at, b.Jain)
	if a := res.Affinity; a != nil && a.Sources > 0 {
		s.add(s.metrics.affinity, tags, at, a.Share)
	}
}

// finishHold emits what is known at a hold's end.
func (s *sampler) finishHold(r *connect.HoldResult) {
	if closed := r.States.Closed; closed > 0 && s.root.notices.first("closed") {
		s.logger.Warnf("mconnect: %d of %d held connections were closed by the peer, after %s on average", closed, r.EstablishedTotal, r.Lifetime.Avg.Round(time.Microsecond))
	}
	s.finish(r.Connects, r.Errors, r.First)
}

// finish emits the states as they are at a call's end, and explains each new kind of failure.
func (s *sampler) finish(connects int64, errors map[connect.Class]int64, first map[connect.Class]string) {
	s.states()
	for class, message := range first {
		if s.root.notices.first(class.String()) {
			s.logger.Warnf("mconnect: %d of %d connections failed, class %s; the first: %s", errors[class], connects, class, message)
		}
	}
}

// targetTag names all targets of the call.
func (s *sampler) targetTag() string {
	all := make([]string, 0, len(s.targets))
	for _, t := range s.targets {
		name, _ := t.tags.Get("target")
		all = append(all, name)
	}
	return strings.Join(all, ",")
}

func (s *sampler) add(metric *metrics.Metric, tags *metrics.TagSet, at time.Time, value float64) {
	s.samples = append(s.samples, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags},
		Time:       at, Value: value, Metadata: s.base.Metadata,
	})
}

// push hands the samples to k6. It may wait for k6, but never makes the event loops wait.
func (s *sampler) push() {
	if len(s.samples) > 0 {
		s.out <- metrics.Samples(s.samples)
	}
	s.samples = nil
}
