package frames

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// blocked is a queue whose interface takes nothing, until it has been asked so often.
type blocked struct {
	Queue
	asked, until int
}

func (b *blocked) Pending() bool { return b.asked < b.until }
func (b *blocked) Flush()        { b.asked++ }

// What an interface does not take is sent again after longer and longer pauses, and at once when it takes frames again.
func TestFlusher(t *testing.T) {
	t.Parallel()
	const now, us = 7e9, 1000
	var f Flusher
	q := &blocked{until: 10}
	var pauses []int64
	for range q.until - 1 {
		pauses = append(pauses, (f.Flush(q, now)-now)/us)
	}
	assert.Equal(t, []int64{100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400}, pauses)
	assert.Equal(t, int64(math.MaxInt64), f.Flush(q, now))
	assert.Equal(t, int64(now+leastPause), f.Flush(&blocked{until: 2}, now))
}
