package module

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.k6.io/k6/v2/metrics"
)

// What handleSummary() has left open ends when k6 has closed the channel that its samples go to.
func TestSamplesAfterHandleSummary(t *testing.T) {
	t.Parallel()
	registry := metrics.NewRegistry()
	out := make(chan metrics.SampleContainer)
	close(out)
	e := &emitter{root: New(), metrics: registerMetrics(registry), out: out}
	e.base.Tags = registry.RootTagSet()
	e.add(e.metrics.connects, e.base.Tags, time.Now(), 1)
	e.mayEnd = true
	assert.NotPanics(t, e.push)
	assert.NotPanics(t, e.states, "no lock is left behind")
	assert.NotPanics(t, e.states)
	e.mayEnd = false
	assert.Panics(t, e.states, "a sample that is lost in a VU's function is a mistake of ours")
}
