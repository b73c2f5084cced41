// Package blocks keeps an array of small records, which take less memory while nothing happens to them: neighboring records sleep together
// while all of them are at rest. A million connections that are held are such records.
package blocks

import (
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/arena"
)

// Size is how many neighboring records sleep together: few enough that waking them all for one is no matter.
const Size = 1 << 6

// Awake are the records of a block that is awake. A record that is not in use is the zero A, but for what wakes nobody.
type Awake[A any] [Size]A

// Kind is how records A of a block sleep as one S. Neither type has pointers, so the garbage collector never looks at them.
type Kind[A, S any] struct {
	// Sleep fills in asleep. ok is false if a record is not at rest, or would lose something; used says that some are in use.
	Sleep func(awake *Awake[A], asleep *S) (used, ok bool)
	// Wake fills in the records that are in use; all are zero before.
	Wake func(asleep *S, awake *Awake[A])
}

// Array is an array of records of a Kind. It grows by blocks, which never move. It must not be copied once it is used.
type Array[A, S any] struct {
	Kind        Kind[A, S]
	arena       arena.Arena
	all         []block[A, S]
	awake       []uint32 // blocks that are awake
	next        int      // of these, to be looked at
	lookAt      int64    // when
	pause       int64    // until the look after it
	inVain      int      // looks since a block was woken or put to sleep
	spareAwake  pool[Awake[A]]
	spareAsleep pool[S]
}

// block is awake or asleep. It is neither if none of its records is in use.
type block[A, S any] struct {
	awake  *Awake[A]
	asleep *S
}

// Reserve makes room for so many records, before there are any.
func (s *Array[A, S]) Reserve(n int64) { s.all = make([]block[A, S], 0, (n+Size-1)/Size) }

// Reach makes the array long enough for a record.
func (s *Array[A, S]) Reach(i uint32) {
	for int(i/Size) >= len(s.all) {
		s.all = append(s.all, block[A, S]{})
	}
}

// At wakes a record and returns it, valid until its block rests.
func (s *Array[A, S]) At(i uint32) *A {
	b := &s.all[i/Size]
	if b.awake == nil {
		s.wake(i / Size)
	}
	return &b.awake[i%Size]
}

// Peek returns a record that is awake, or the block with which it is asleep; neither if nothing of the block is in use.
func (s *Array[A, S]) Peek(i uint32) (awake *A, asleep *S) {
	b := &s.all[i/Size]
	if b.awake == nil {
		return nil, b.asleep
	}
	return &b.awake[i%Size], nil
}

func (s *Array[A, S]) wake(index uint32) {
	b := &s.all[index]
	b.awake = s.spareAwake.get(&s.arena)
	*b.awake = Awake[A]{}
	if b.asleep != nil {
		s.Kind.Wake(b.asleep, b.awake)
		s.spareAsleep.put(b.asleep)
		b.asleep = nil
	}
	s.awake = append(s.awake, index)
	if s.pause > shortPause {
		s.lookAt = 0
	}
	s.pause, s.inVain = 0, 0
}

const (
	never       = math.MaxInt64
	looksAtOnce = 1 << 6
	shortPause  = 8e6 // ns: half a million records can fall asleep in a second
	longPause   = 1e9 // ns, if none can
)

// RestSome puts some of the blocks to sleep that are at rest. It returns when it wants to be called again, at the latest.
func (s *Array[A, S]) RestSome(now int64) (wake int64) {
	if len(s.awake) == 0 {
		return never
	}
	if now >= s.lookAt {
		if s.look(); s.inVain >= len(s.awake) {
			s.pause = min(2*s.pause, longPause)
		}
		s.pause = max(s.pause, shortPause)
		s.lookAt = now + s.pause
	}
	return s.lookAt
}

func (s *Array[A, S]) look() {
	for range min(looksAtOnce, len(s.awake)) {
		if s.next >= len(s.awake) {
			s.next = 0
		}
		index := s.awake[s.next]
		if !s.rest(&s.all[index]) {
			s.inVain++
			s.next++
			continue
		}
		s.pause, s.inVain = 0, 0
		last := len(s.awake) - 1
		s.awake[s.next], s.awake = s.awake[last], s.awake[:last]
	}
}

// RestLast puts the block of a record back to sleep if it is at rest, and the last one that was woken.
func (s *Array[A, S]) RestLast(i uint32) {
	last := len(s.awake) - 1
	if last >= 0 && s.awake[last] == i/Size && s.rest(&s.all[i/Size]) {
		s.awake = s.awake[:last]
	}
}

// rest returns false for a block that stays awake.
func (s *Array[A, S]) rest(b *block[A, S]) bool {
	asleep := s.spareAsleep.get(&s.arena)
	used, ok := s.Kind.Sleep(b.awake, asleep)
	if ok && used {
		b.asleep = asleep
	} else {
		s.spareAsleep.put(asleep)
	}
	if ok {
		s.spareAwake.put(b.awake)
		b.awake = nil
	}
	return ok
}

// pool keeps what is to be used again.
type pool[T any] []*T

// get returns something of any value, from the arena if there is nothing to be used again.
func (p *pool[T]) get(from *arena.Arena) *T {
	last := len(*p) - 1
	if last < 0 {
		return arena.New[T](from)
	}
	t := (*p)[last]
	*p = (*p)[:last]
	return t
}

func (p *pool[T]) put(t *T) { *p = append(*p, t) }
