package loop

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Busy loops keep their Ps. The rest of the process needs others, or it waits for the loops, and they for it.
func TestLoopsLeavePsToOthers(t *testing.T) {
	t.Parallel()
	before := runtime.GOMAXPROCS(0)
	loops := Count()
	after := runtime.GOMAXPROCS(0)
	assert.LessOrEqual(t, loops, runtime.NumCPU())
	if before < runtime.NumCPU() {
		assert.Equal(t, before, after, "a limit stays as it is")
		return
	}
	assert.GreaterOrEqual(t, after, 2*loops)
	assert.Equal(t, loops, Count(), "Ps for others are not Ps for loops")
}
