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
	s := &holdSampler{emptySampler(e, 1), in}
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

func TestTrendsOf(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		samples     string
		connections int64
		want        oneIn
	}{
		{"", 1, 1},
		{"", 1_000_000, 1},
		{"", 1_000_001, 101},
		{"all", 100_000_000, 1},
		{"thinned", 1, 1},
		{"thinned", 10_000, 1},
		{"thinned", 10_001, 2},
		{"thinned", 200_000, 20},
	} {
		assert.Equal(t, row.want, trendsOf(row.samples, row.connections), "%+v", row)
	}
}

// Thinned Trends are a fair sample, by target, host and value; Counters and Rates have every connection.
func TestThinnedTrends(t *testing.T) {
	t.Parallel()
	const connections, size = 200_000, 256
	registry := metrics.NewRegistry()
	out := make(chan metrics.SampleContainer, connections/size+1)
	e := &emitter{root: New(), metrics: registerMetrics(registry), builtin: metrics.RegisterBuiltinMetrics(registry), out: out}
	s := &floodSampler{emptySampler(e, trendsOf("thinned", connections)), true}
	for _, name := range []string{"a", "b"} {
		s.targets = append(s.targets, &targetSeries{tags: registry.RootTagSet().With("target", name)})
	}
	for first := int64(0); first < connections; first += size {
		batch := make([]connect.Outcome, 0, size)
		for n := first; n < min(first+size, connections); n++ {
			o := connect.Outcome{Number: n, Connected: n%10 != 0, Connect: time.Duration(n%1000) * time.Millisecond, Reply: time.Millisecond, Host: "web-1"}
			if !o.Connected {
				o.Class = connect.ClassRefused
			}
			batch = append(batch, o)
		}
		s.Outcomes(batch)
	}
	close(out)
	sums, counts, late := map[string]float64{}, map[string]int{}, 0
	for container := range out {
		for _, sample := range container.GetSamples() {
			sums[sample.Metric.Name] += sample.Value
			counts[sample.Metric.Name]++
			if sample.Metric.Name == "mconnect_connect_duration" && sample.Value >= 900 {
				late++
			}
		}
	}
	assert.InDelta(t, connections, sums["mconnect_connects"], 0)
	assert.Equal(t, connections, counts["mconnect_connect_failed"])
	assert.InDelta(t, connections/10, sums["mconnect_connect_failed"], 0)
	assert.InDelta(t, connections/10, sums["mconnect_failures"], 0)
	assert.Equal(t, connections*9/10, counts["mconnect_reply_failed"])
	assert.InDelta(t, connections*9/10, sums["mconnect_replies"], 0)
	const sampled = connections * 9 / 10 / 20
	assert.InEpsilon(t, sampled, counts["mconnect_connect_duration"], 0.1)
	assert.InEpsilon(t, sampled, counts["mconnect_reply_duration"], 0.1)
	assert.InEpsilon(t, sampled/10, late, 0.2, "the slowest tenth")
}
