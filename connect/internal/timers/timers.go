// Package timers has one deadline for each of many keys. Moving a deadline later, which is what most connections do most of the time,
// takes no more than a store.
package timers

import "math"

// Never is a deadline that does not come.
const Never = math.MaxInt64

// Timers keep a deadline for each key. Keys are small numbers, such as indices into a slab. The zero value is empty.
//
// The keys are in a 4-ary heap by a time that is not after their deadline. A key whose time has come is put where its deadline belongs
// by then.
type Timers struct {
	keys []key
	heap []entry
}

type key struct {
	deadline int64
	index    int32 // in the heap, plus 1; 0 if the key is not there
}

type entry struct {
	at  int64
	key uint32
}

// Set sets the deadline of a key; Never is none.
func (t *Timers) Set(k uint32, deadline int64) {
	for int(k) >= len(t.keys) {
		t.keys = append(t.keys, key{deadline: Never})
	}
	e := &t.keys[k]
	e.deadline = deadline
	switch {
	case e.index == 0 && deadline == Never:
	case e.index == 0:
		t.heap = append(t.heap, entry{deadline, k})
		t.up(len(t.heap) - 1)
	case deadline < t.heap[e.index-1].at:
		at := int(e.index - 1)
		t.heap[at].at = deadline
		t.up(at)
	}
}

// Get returns the deadline of a key.
func (t *Timers) Get(k uint32) int64 {
	if int(k) >= len(t.keys) {
		return Never
	}
	return t.keys[k].deadline
}

// Expired returns a key whose deadline is not after now, the earliest one first, and clears that.
func (t *Timers) Expired(now int64) (k uint32, ok bool) {
	for len(t.heap) > 0 && t.heap[0].at <= now {
		first := t.heap[0]
		deadline := t.keys[first.key].deadline
		switch {
		case deadline == Never:
			t.removeFirst()
		case deadline > first.at:
			t.heap[0].at = deadline
			t.down(0)
		default:
			t.removeFirst()
			t.keys[first.key].deadline = Never
			return first.key, true
		}
	}
	return 0, false
}

// Next returns an instant that is not after the earliest deadline, Never if there is none.
func (t *Timers) Next() int64 {
	if len(t.heap) == 0 {
		return Never
	}
	return t.heap[0].at
}

func (t *Timers) removeFirst() {
	last := len(t.heap) - 1
	t.keys[t.heap[0].key].index = 0
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if last > 0 {
		t.heap[0] = moved
		t.down(0)
	}
}

const arity = 4

func (t *Timers) up(at int) {
	e := t.heap[at]
	for at > 0 {
		parent := (at - 1) / arity
		if t.heap[parent].at <= e.at {
			break
		}
		t.put(at, t.heap[parent])
		at = parent
	}
	t.put(at, e)
}

func (t *Timers) down(at int) {
	e := t.heap[at]
	for {
		first := at*arity + 1
		if first >= len(t.heap) {
			break
		}
		least := first
		for child := first + 1; child < min(first+arity, len(t.heap)); child++ {
			if t.heap[child].at < t.heap[least].at {
				least = child
			}
		}
		if t.heap[least].at >= e.at {
			break
		}
		t.put(at, t.heap[least])
		at = least
	}
	t.put(at, e)
}

func (t *Timers) put(at int, e entry) {
	t.heap[at] = e
	t.keys[e.key].index = int32(at + 1) // #nosec G115 -- fewer keys than that
}
