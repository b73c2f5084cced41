package loop

// Queue orders keys by deadline when all of them have the same timeout: what is pushed last expires last. Every
// operation takes constant time, and a key costs 16 bytes and no timer. Keys are small numbers, such as indices into a slab.
type Queue struct {
	entries []entry // entries[key+1]; entries[0] is the ring's anchor
	timeout int64
}

type entry struct {
	next, prev uint32
	deadline   int64
}

// NewQueue returns an empty queue whose keys expire timeout nanoseconds after they are pushed.
func NewQueue(timeout int64) *Queue {
	return &Queue{entries: make([]entry, 1), timeout: timeout}
}

// Push puts key at the end, with its deadline counted from now. A key must not be in the queue twice.
func (q *Queue) Push(key uint32, now int64) {
	at := key + 1
	for int(at) >= len(q.entries) {
		q.entries = append(q.entries, entry{})
	}
	last := q.entries[0].prev
	q.entries[at] = entry{prev: last, deadline: now + q.timeout}
	q.entries[last].next = at
	q.entries[0].prev = at
}

// Remove takes key out; it must be in the queue.
func (q *Queue) Remove(key uint32) {
	e := q.entries[key+1]
	q.entries[e.prev].next = e.next
	q.entries[e.next].prev = e.prev
}

// First returns the key that expires first, and when. ok is false if the queue is empty.
func (q *Queue) First() (key uint32, deadline int64, ok bool) {
	first := q.entries[0].next
	if first == 0 {
		return 0, Never, false
	}
	return first - 1, q.entries[first].deadline, true
}

// Expired returns the first key if its deadline has passed.
func (q *Queue) Expired(now int64) (key uint32, ok bool) {
	key, deadline, ok := q.First()
	return key, ok && deadline <= now
}
