package connect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCounters(t *testing.T) {
	t.Parallel()
	var c Counters
	c.add(&steps{planned: 10})
	c.add(&steps{started: 6})
	c.add(&steps{connected: 4, dialErrors: 1})
	assert.Equal(t, States{NotInitiated: 4, Dialing: 1, Established: 4, Error: 1}, c.States())
	c.add(&steps{completed: 1, closed: 1, errors: 1})
	assert.Equal(t, States{NotInitiated: 4, Dialing: 1, Established: 1, Completed: 1, Closed: 1, Error: 2}, c.States())
	assert.EqualValues(t, 10, c.States().Total())
	assert.EqualValues(t, 4, c.EstablishedMax())
}

func TestCountersEstablishedMaxWithinABatch(t *testing.T) {
	t.Parallel()
	var c Counters
	c.add(&steps{planned: 3, started: 3, connected: 3, completed: 3})
	assert.EqualValues(t, 3, c.EstablishedMax(), "they were all established before the batch was looked at")
	assert.Equal(t, States{Completed: 3}, c.States())
}
