package blocks_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
)

// record is at rest if its value is even. 0 is not in use.
type record struct{ value uint64 }

type halves [blocks.Size]uint32

func newArray() *blocks.Array[record, halves] {
	return &blocks.Array[record, halves]{Kind: blocks.Kind[record, halves]{
		Sleep: func(awake *blocks.Awake[record], asleep *halves) (used, ok bool) {
			for i, r := range awake {
				if r.value%2 != 0 {
					return false, false
				}
				asleep[i] = uint32(r.value / 2) // #nosec G115 -- values are small
				used = used || r.value != 0
			}
			return used, true
		},
		Wake: func(asleep *halves, awake *blocks.Awake[record]) {
			for i, half := range asleep {
				awake[i].value = 2 * uint64(half)
			}
		},
	}}
}

// Records keep their values, whatever falls asleep and is woken meanwhile. Those at rest fall asleep, and no others.
func TestArray(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- repeatable
	a := newArray()
	const count = 10*blocks.Size + 1
	var want [count]uint64
	a.Reach(count - 1)
	for now := range int64(20_000) {
		i := r.Uint32N(count)
		switch r.IntN(4) {
		case 0:
			a.At(i).value, want[i] = 0, 0
		case 1:
			v := r.Uint64N(1 << 20)
			if r.IntN(20) > 0 {
				v &^= 1
			}
			a.At(i).value, want[i] = v, v
		case 2:
			a.RestLast(i)
		case 3:
			a.RestSome(now * 1e9)
		}
		i = r.Uint32N(count)
		switch awake, asleep := a.Peek(i); {
		case awake != nil:
			assert.Equal(t, want[i], awake.value)
		case asleep != nil:
			assert.EqualValues(t, want[i], 2*asleep[i%blocks.Size])
		default:
			assert.Zero(t, want[i])
		}
	}
	for i := range want {
		want[i] &^= 1
		a.At(uint32(i)).value = want[i] // #nosec G115 -- small
	}
	for now := range int64(count) {
		a.RestSome((20_000 + now) * 1e9)
	}
	for i := range uint32(count) {
		awake, _ := a.Peek(i)
		assert.Nil(t, awake)
	}
	for i := range want {
		assert.Equal(t, want[i], a.At(uint32(i)).value) // #nosec G115 -- small
	}
}

// A block that stays awake is looked at less and less often, and at once when another one is woken. When all are asleep, nobody looks.
func TestPauses(t *testing.T) {
	t.Parallel()
	a := newArray()
	a.Reach(2 * blocks.Size)
	assert.EqualValues(t, math.MaxInt64, a.RestSome(0))

	a.At(0).value = 1
	now, first := int64(1), a.RestSome(1)-1
	pause := first
	for range 20 {
		now += pause
		next := a.RestSome(now) - now
		assert.GreaterOrEqual(t, next, pause)
		pause = next
	}
	assert.Greater(t, pause, first)
	assert.Equal(t, now+pause, a.RestSome(now+1), "not yet")

	a.At(blocks.Size).value = 2
	assert.Equal(t, now+1+first, a.RestSome(now+1))
	awake, _ := a.Peek(blocks.Size)
	assert.Nil(t, awake)

	a.At(0).value = 2
	a.RestSome(now + 1 + first)
	assert.EqualValues(t, math.MaxInt64, a.RestSome(now+1+first))
}
