package epoll

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Busy loops keep their Ps. The rest of the process needs others, or it waits for the loops, and they for it.
func TestLoopsLeavePsToOthers(t *testing.T) {
	t.Parallel()
	before := runtime.GOMAXPROCS(0)
	loops := loopCount()
	after := runtime.GOMAXPROCS(0)
	assert.LessOrEqual(t, loops, runtime.NumCPU())
	if before < runtime.NumCPU() {
		assert.Equal(t, before, after, "a limit stays as it is")
		return
	}
	assert.GreaterOrEqual(t, after, 2*loops)
	assert.Equal(t, loops, loopCount(), "Ps for others are not Ps for loops")
}

// A job takes as many loops as its concurrency needs, unless its rules want all connections in one place.
func TestWanted(t *testing.T) {
	t.Parallel()
	for lanes, want := range map[int]int{1: 1, lanesPerLoop: 1, lanesPerLoop + 1: 2, 10 * lanesPerLoop: 10} {
		assert.Equal(t, want, wanted(&engine.Plan{}, lanes), "%d lanes", lanes)
		assert.Equal(t, 1, wanted(&engine.Plan{OneCore: true}, lanes), "%d lanes", lanes)
	}
}
