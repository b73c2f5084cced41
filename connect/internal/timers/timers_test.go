package timers_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/timers"
)

// naive keeps deadlines in a map.
type naive map[uint32]int64

func (n naive) set(k uint32, deadline int64) {
	if delete(n, k); deadline != timers.Never {
		n[k] = deadline
	}
}

// expired are the keys whose deadlines are the earliest of those that have passed.
func (n naive) expired(now int64) (keys []uint32, at int64) {
	keys = make([]uint32, 0, len(n))
	at = now + 1
	for k, deadline := range n {
		switch {
		case deadline < at:
			keys, at = append(keys[:0], k), deadline
		case deadline == at && deadline <= now:
			keys = append(keys, k)
		}
	}
	return keys, at
}

func (n naive) first() int64 {
	first := int64(timers.Never)
	for _, deadline := range n {
		first = min(first, deadline)
	}
	return first
}

// both are the timers, and the model that they are compared with.
type both struct {
	timers timers.Timers
	model  naive
	now    int64
}

func (b *both) set(k uint32, deadline int64) {
	b.timers.Set(k, deadline)
	b.model.set(k, deadline)
}

// expire lets time pass, and takes up to so many keys.
func (b *both) expire(t *testing.T, now int64, most int) {
	t.Helper()
	b.now = now
	for range most {
		want, _ := b.model.expired(now)
		k, ok := b.timers.Expired(now)
		require.Equal(t, len(want) > 0, ok, "at %d, expired are %v", now, want)
		if !ok {
			break
		}
		require.True(t, slices.Contains(want, k), "at %d, key %d is expired before %v", now, k, want)
		b.model.set(k, timers.Never)
		require.Equal(t, int64(timers.Never), b.timers.Get(k), "told once")
	}
	require.LessOrEqual(t, b.timers.Next(), b.model.first(), "nobody sleeps longer than until the earliest deadline")
}

// step does what two bytes say, with one of 32 keys.
func (b *both) step(t *testing.T, what, how byte) {
	t.Helper()
	k := uint32(how % 32)
	switch what % 8 {
	case 0:
		b.set(k, timers.Never)
	case 1: // in the past
		b.set(k, b.now-int64(what/8))
	case 2: // far away
		b.set(k, timers.Never-1)
	case 3:
		b.expire(t, b.now+int64(how), 1+int(what/64))
	case 4: // later, as most are
		if at := b.timers.Get(k); at < timers.Never-256 {
			b.set(k, at+int64(what))
		}
	default:
		b.set(k, b.now+int64(what)*int64(how/32))
	}
	want, isSet := b.model[k]
	if !isSet {
		want = timers.Never
	}
	require.Equal(t, want, b.timers.Get(k), "deadline of key %d", k)
}

// end lets all expire, in order.
func (b *both) end(t *testing.T) {
	t.Helper()
	b.expire(t, timers.Never-1, 33)
	require.Empty(t, b.model)
	require.Equal(t, int64(timers.Never), b.timers.Next())
}

func TestAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := both{model: naive{}}
		for range 400 {
			b.step(t, byte(r.IntN(256)), byte(r.IntN(256)))
		}
		b.end(t)
	}
}

func FuzzAgainstAModel(f *testing.F) {
	f.Add([]byte{5, 40, 13, 41, 3, 200, 0, 8})
	f.Add([]byte{2, 1, 1, 1, 4, 1, 3, 255, 3, 255})
	f.Fuzz(func(t *testing.T, steps []byte) {
		b := both{model: naive{}}
		for ; len(steps) >= 2; steps = steps[2:] {
			b.step(t, steps[0], steps[1])
		}
		b.end(t)
	})
}

func TestUnknownKeysHaveNoDeadline(t *testing.T) {
	t.Parallel()
	var none timers.Timers
	assert.Equal(t, int64(timers.Never), none.Get(7))
	assert.Equal(t, int64(timers.Never), none.Next())
	_, ok := none.Expired(timers.Never)
	assert.False(t, ok)
}

func TestMovingDeadlinesAllocatesNothing(t *testing.T) {
	var all timers.Timers
	const keys = 1000
	now := int64(0)
	for k := range uint32(keys) {
		all.Set(k, int64(k))
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		now += keys
		for k := range uint32(keys) {
			all.Set(k, now+int64(k))
		}
		for _, ok := all.Expired(now); ok; _, ok = all.Expired(now) {
			continue
		}
	}))
}

// Connections that are held have no deadline, once they are established: what they took is used for those that are being dialed.
func TestKeysWithoutADeadlineTakeNothing(t *testing.T) {
	var all timers.Timers
	for k := range uint32(1 << 15) {
		all.Set(k, int64(k)+1e9)
		all.Set(k, timers.Never)
	}
	next := uint32(1 << 15)
	assert.Zero(t, testing.AllocsPerRun(1, func() {
		for range 1 << 14 {
			all.Set(next, int64(next)+1e9)
			all.Set(next-100, timers.Never)
			next++
		}
	}))
	for k := next - 100; k < next; k++ {
		got, ok := all.Expired(timers.Never)
		assert.True(t, ok)
		assert.Equal(t, k, got)
	}
	assert.Equal(t, int64(timers.Never), all.Next())
}

func BenchmarkSetLater(b *testing.B) {
	var all timers.Timers
	b.ReportAllocs()
	for i := range b.N {
		all.Set(uint32(i%1000), int64(i)+1e9) // #nosec G115 -- small
	}
}
