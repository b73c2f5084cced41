// Package timers has one deadline for each of many keys. Moving a deadline later, which is what most connections do most of the time,
// takes no more than a store.
package timers

import "math"

// Never is a deadline that does not come.
const Never = math.MaxInt64

// Timers keep a deadline for each key. Keys are small numbers, such as indices into a slab. The zero value is empty.
//
// The keys are in a 4-ary heap by a time that is not after their deadline. A key whose time has come is put where its deadline belongs
// by then. Keys without a deadline take no memory: they leave the heap when they are the most of it.
type Timers struct {
	pages []*page // nil where no key is in the heap
	spare []*page
	heap  []entry
	void  int // keys in the heap that have no deadline
}

const pageSize = 1 << 8

// page has what is known of some neighboring keys.
type page struct {
	deadlines [pageSize]int64
	indices   [pageSize]int32 // in the heap, plus 1; 0 if the key is not there
	used      int             // keys that are there
}

type entry struct {
	at  int64
	key uint32
}

func (t *Timers) page(k uint32) *page {
	if at := k / pageSize; int(at) < len(t.pages) {
		return t.pages[at]
	}
	return nil
}

// Set sets the deadline of a key; Never is none.
func (t *Timers) Set(k uint32, deadline int64) {
	p, i := t.page(k), k%pageSize
	switch {
	case p == nil || p.indices[i] == 0:
		if deadline != Never {
			t.push(k, deadline)
		}
		return
	case deadline == Never && p.deadlines[i] != Never:
		t.void++
	case deadline != Never && p.deadlines[i] == Never:
		t.void--
	}
	p.deadlines[i] = deadline
	if at := int(p.indices[i] - 1); deadline < t.heap[at].at {
		t.heap[at].at = deadline
		t.up(at)
	}
	if t.void > fewVoid && t.void > len(t.heap)/2 {
		t.sweep()
	}
}

// fewVoid are not worth a sweep: their keys are used again soon.
const fewVoid = 1 << 11

// sweep takes the keys without a deadline out of the heap.
func (t *Timers) sweep() {
	all := t.heap
	t.heap, t.void = all[:0], 0
	for _, e := range all {
		if t.Get(e.key) == Never {
			t.forget(e.key)
			continue
		}
		t.heap = append(t.heap, e)
		t.up(len(t.heap) - 1)
	}
}

// push puts a key into the heap.
func (t *Timers) push(k uint32, deadline int64) {
	for int(k/pageSize) >= len(t.pages) {
		t.pages = append(t.pages, nil)
	}
	p := &t.pages[k/pageSize]
	if *p == nil {
		*p = t.newPage()
	}
	(*p).deadlines[k%pageSize] = deadline
	(*p).used++
	t.heap = append(t.heap, entry{deadline, k})
	t.up(len(t.heap) - 1)
}

func (t *Timers) newPage() *page {
	last := len(t.spare) - 1
	if last < 0 {
		return new(page)
	}
	p := t.spare[last]
	t.spare = t.spare[:last]
	return p
}

// forget notes that a key is not in the heap any more.
func (t *Timers) forget(k uint32) {
	p := t.pages[k/pageSize]
	p.indices[k%pageSize] = 0
	if p.used--; p.used == 0 {
		t.pages[k/pageSize] = nil
		t.spare = append(t.spare, p)
	}
}

// Get returns the deadline of a key.
func (t *Timers) Get(k uint32) int64 {
	p := t.page(k)
	if p == nil || p.indices[k%pageSize] == 0 {
		return Never
	}
	return p.deadlines[k%pageSize]
}

// Expired returns a key whose deadline is not after now, the earliest one first, and clears that.
func (t *Timers) Expired(now int64) (k uint32, ok bool) {
	for len(t.heap) > 0 && t.heap[0].at <= now {
		first := t.heap[0]
		deadline := t.Get(first.key)
		switch {
		case deadline == Never:
			t.void--
			t.removeFirst()
		case deadline > first.at:
			t.heap[0].at = deadline
			t.down(0)
		default:
			t.removeFirst()
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
	t.forget(t.heap[0].key)
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
	t.pages[e.key/pageSize].indices[e.key%pageSize] = int32(at + 1) // #nosec G115 -- fewer keys than that
}
