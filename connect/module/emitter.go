package module

import (
	"time"

	"github.com/sirupsen/logrus"
	"go.k6.io/k6/v2/lib"
	"go.k6.io/k6/v2/metrics"
)

// emitter hands samples to k6, and messages to its log, in the name of one call.
type emitter struct {
	root    *RootModule
	metrics *mconnectMetrics
	builtin *metrics.BuiltinMetrics
	out     chan<- metrics.SampleContainer
	logger  logrus.FieldLogger

	base    metrics.TagsAndMeta // the script's tags, and the call's
	samples []metrics.Sample
	mayEnd  bool            // k6 may close the channel before the call has ended
	atExit  func(do func()) // lets something be done when k6 is about to exit
}

// newEmitter takes what an emitter needs from the VU. To be called on the VU's goroutine.
func newEmitter(i *instance, tags map[string]string) *emitter {
	state := i.vu.State()
	e := &emitter{
		root: i.root, metrics: i.metrics, builtin: state.BuiltinMetrics,
		out: state.Samples, logger: state.Logger, base: state.Tags.GetCurrentValues(), mayEnd: inSetup(state), atExit: i.atExit,
	}
	if i.root.plain.Load() == nil {
		plain := *e
		plain.mayEnd = true
		i.root.plain.CompareAndSwap(nil, &plain)
	}
	e.base.Tags = e.base.Tags.WithTagsFromMap(tags)
	return e
}

// inSetup reports whether this is setup(), teardown() or handleSummary(), which k6 runs in a VU without an identity.
func inSetup(state *lib.State) bool { return state.VUIDGlobal == 0 }

func (e *emitter) add(metric *metrics.Metric, tags *metrics.TagSet, at time.Time, value float64) {
	e.samples = append(e.samples, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags},
		Time:       at, Value: value, Metadata: e.base.Metadata,
	})
}

// push hands the samples to k6. It may wait for k6, but never makes the event loops wait.
func (e *emitter) push() {
	if e.mayEnd {
		// What handleSummary() emits goes nowhere, into a channel that k6 closes while holds which were left open are still closed.
		defer func() { _ = recover() }()
	}
	samples := e.samples
	e.samples = nil
	if len(samples) > 0 {
		e.out <- metrics.Samples(samples)
	}
}

// states emits the state counters of the whole process, which belong to no protocol or target. One call at a time reads
// and sends them, so that the last value k6 sees is the latest.
func (e *emitter) states() {
	e.root.gauges.sending.Lock()
	defer e.root.gauges.sending.Unlock()
	total := &e.root.engine.Total
	at := e.root.stamps.next(time.Now())
	now := total.States()
	for _, gauge := range []struct {
		metric *metrics.Metric
		value  int64
	}{
		{e.metrics.notInitiated, now.NotInitiated},
		{e.metrics.dialing, now.Dialing},
		{e.metrics.established, now.Established},
		{e.metrics.completed, now.Completed},
		{e.metrics.closed, now.Closed},
		{e.metrics.failed, now.Error},
		{e.metrics.establishedMax, total.EstablishedMax()},
	} {
		e.add(gauge.metric, e.base.Tags, at, float64(gauge.value))
	}
	e.changed() // announced from outside, where there is no VU to emit them
	e.push()
}
