package stats_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func TestMostFirst(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"b", "a", "c", "none"}, stats.MostFirst(map[string]int64{"a": 2, "b": 3, "c": 2, "none": 0}))
	assert.Empty(t, stats.MostFirst(map[string]int64{}))
}
