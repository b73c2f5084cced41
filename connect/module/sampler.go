package module

import (
	"strings"
	"time"

	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// sampler has what all calls that make connections have in common: samples of dialling, by target, and of what is known at the end.
// Together with a method Outcomes it is a connect.Observer.
type sampler struct {
	*emitter
	start   time.Time       // of the call, from which outcomes count
	call    *metrics.TagSet // the script's and the call's tags, and the protocol
	targets []*targetSeries
	names   []string // of the targets as the script has them, if each address of theirs is one
}

// targetSeries are the tag sets and batch totals of one target.
type targetSeries struct {
	tags     *metrics.TagSet
	failed   map[connect.Class]*metrics.TagSet
	failures map[failureOf]*failureSeries
	hosts    map[string]*hostSeries

	connects, synRetransmits, sent, received int64
}

// failureOf is a series of mconnect_failures.
type failureOf struct {
	class connect.Class
	phase string
	host  string
}

type failureSeries struct {
	tags *metrics.TagSet
	n    int64
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
	of := failureOf{o.Class, phase, host}
	series := t.failures[of]
	if series == nil {
		tags := s.failedTags(t, o.Class).With("phase", phase)
		if host != "" {
			tags = tags.With("host", host)
		}
		series = &failureSeries{tags: tags}
		t.failures[of] = series
	}
	series.n++
}

type hostSeries struct {
	tags    *metrics.TagSet
	replies int64
}

func newSampler(i *instance, o *options.Call) *sampler {
	e := newEmitter(i, o.Tags)
	s := &sampler{emitter: e, start: time.Now(), call: e.base.Tags.With("proto", o.Plan.Protocol())}
	for _, name := range o.Targets {
		s.targets = append(s.targets, newTargetSeries(s.call.With("target", name)))
	}
	return s
}

func newTargetSeries(tags *metrics.TagSet) *targetSeries {
	return &targetSeries{tags: tags, failed: map[connect.Class]*metrics.TagSet{}, failures: map[failureOf]*failureSeries{}, hosts: map[string]*hostSeries{}}
}

// resolved makes each address a target of its own, with a tag that tells it.
func (s *sampler) resolved(targets []connect.Target) {
	s.names = nil
	for _, t := range s.targets {
		name, _ := t.tags.Get("target")
		s.names = append(s.names, name)
	}
	s.targets = s.targets[:0]
	for i := range targets {
		tags := s.call.With("target", targets[i].Name)
		if addr := targets[i].Addr.Addr(); addr.IsValid() {
			tags = tags.With("ip", addr.String())
		}
		s.targets = append(s.targets, newTargetSeries(tags))
	}
}

// sample turns a batch into samples: those that take makes of each outcome, and what it adds up for the whole batch.
func (s *sampler) sample(batch []connect.Outcome, take func(o *connect.Outcome, t *targetSeries, at time.Time)) {
	const perOutcome, perTarget = 5, 8
	s.samples = make([]metrics.Sample, 0, perOutcome*len(batch)+perTarget*len(s.targets))
	var at time.Time
	for i := range batch {
		o := &batch[i]
		at = s.root.stamps.next(s.start.Add(o.At))
		take(o, s.targets[o.Number%int64(len(s.targets))], at)
	}
	for _, t := range s.targets {
		s.totals(t, at)
	}
	s.push()
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
	for _, f := range t.failures {
		if f.n > 0 {
			s.add(s.metrics.failures, f.tags, at, float64(f.n))
			f.n = 0
		}
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

// Second implements connect.Observer.
func (s *sampler) Second() {
	if s.root.gauges.due(time.Now()) {
		s.states()
	}
}

// Monitor implements connect.Observer: the progress line, worded as tcpgoon words it.
func (s *sampler) Monitor(now connect.States) {
	s.logger.Info(progress(now))
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

// allTags are those of samples about all targets of the call.
func (s *sampler) allTags() *metrics.TagSet { return s.call.With("target", s.targetTag()) }

// targetTag names all targets of the call.
func (s *sampler) targetTag() string {
	if s.names != nil {
		return strings.Join(s.names, ",")
	}
	all := make([]string, 0, len(s.targets))
	for _, t := range s.targets {
		name, _ := t.tags.Get("target")
		all = append(all, name)
	}
	return strings.Join(all, ",")
}
