package stats_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func TestAtLeast(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 1, stats.AtLeast(0, 10, 0.3), 1e-12)
	assert.InDelta(t, 1-0.7*0.7, stats.AtLeast(1, 2, 0.3), 1e-12)
	assert.InDelta(t, 0.09, stats.AtLeast(2, 2, 0.3), 1e-12)
	assert.InDelta(t, 0, stats.AtLeast(3, 2, 0.3), 1e-12)
	assert.InDelta(t, 0.016859, stats.AtLeast(2, 20, 0.01), 1e-6)
}
