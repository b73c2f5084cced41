package connect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A call whose time is up is not an aborted call.
func TestTrafficEndsWhileDialing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, e *Engine) {
		r := traffic(t, e, TrafficPlan{Plan: Plan{Targets: []Target{fullBacklog(t)}, Connections: 4, ConnectTimeout: time.Minute}, Duration: 300 * time.Millisecond})
		assert.Equal(t, map[Class]int64{ClassTimeout: 4}, r.Errors)
		assert.Contains(t, r.First[ClassTimeout].Error(), "time")
	})
}
