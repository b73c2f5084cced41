package engine

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a connection receives is counted beyond 4 GiB, and anew for the next one with its key.
func TestReceivedIsCountedBeyondItsField(t *testing.T) {
	t.Parallel()
	s := newSlab()
	key := s.put(Claim{})
	want := int64(0)
	for _, n := range []int{1, math.MaxInt32, math.MaxInt32, math.MaxInt32, 0, math.MaxInt32, math.MaxInt32, 7} {
		s.receive(key, n)
		want += int64(n)
		assert.Equal(t, want, s.received(key))
	}
	s.remove(key)
	assert.Zero(t, s.received(s.put(Claim{})))
}
