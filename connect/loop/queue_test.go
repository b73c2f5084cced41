package loop_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

func TestQueue(t *testing.T) {
	t.Parallel()
	q := loop.NewQueue(100)
	_, deadline, ok := q.First()
	assert.False(t, ok)
	assert.EqualValues(t, loop.Never, deadline)

	q.Push(7, 10)
	q.Push(0, 20)
	q.Push(3, 30)
	q.Remove(7)
	key, deadline, ok := q.First()
	assert.True(t, ok)
	assert.EqualValues(t, 0, key)
	assert.EqualValues(t, 120, deadline)

	_, expired := q.Expired(119)
	assert.False(t, expired)
	key, expired = q.Expired(120)
	assert.True(t, expired)
	assert.EqualValues(t, 0, key)

	q.Remove(0)
	q.Push(7, 40)
	var order []uint32
	for key, expired := q.Expired(1000); expired; key, expired = q.Expired(1000) {
		order = append(order, key)
		q.Remove(key)
	}
	assert.Equal(t, []uint32{3, 7}, order)
}
