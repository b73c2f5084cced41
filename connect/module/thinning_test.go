package module

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.k6.io/k6/v2/metrics"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

func TestThinned(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		connections int64
		interval    time.Duration
		want        oneIn
	}{
		{1, time.Second, 1},
		{1000, time.Second, 1},
		{1001, time.Second, 2},
		{5000, time.Second, 5},
		{5000, 10 * time.Second, 1},
		{200, 10 * time.Millisecond, 20},
		{5000, 0, 1},
	} {
		assert.Equal(t, row.want, thinned(row.connections, row.interval), "%+v", row)
	}
}

// Each target has its part of the samples, though connections take their targets by turns.
func TestFewEchoesAreSamples(t *testing.T) {
	t.Parallel()
	const batches, size, in = 200, 256, 20
	registry := metrics.NewRegistry()
	out := make(chan metrics.SampleContainer, batches)
	e := &emitter{root: New(), metrics: registerMetrics(registry), builtin: metrics.RegisterBuiltinMetrics(registry), out: out}
	s := &holdSampler{&sampler{emitter: e}, in}
	for _, name := range []string{"a", "b"} {
		s.targets = append(s.targets, &targetSeries{tags: registry.RootTagSet().With("target", name)})
	}
	batch := make([]connect.Outcome, size)
	for i := range batch {
		batch[i] = connect.Outcome{Event: connect.Echoed, Number: int64(i), Reply: time.Millisecond}
	}
	for range batches {
		s.Outcomes(batch)
	}
	close(out)
	got := map[string]int{}
	for container := range out {
		for _, sample := range container.GetSamples() {
			assert.Equal(t, "mconnect_echo_duration", sample.Metric.Name)
			target, _ := sample.Tags.Get("target")
			got[target]++
		}
	}
	for _, name := range []string{"a", "b"} {
		assert.InEpsilon(t, batches*size/2/in, got[name], 0.5, "of target %s", name)
	}
}
