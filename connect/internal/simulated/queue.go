package simulated

// happening is something that is going to happen: on a connection, in a driver that looks, or else.
type happening struct {
	do      func()
	driver  *Driver
	conn    *Conn
	arrival arrival
}

// queue holds what is going to happen, ordered by time, and by order within an instant: a 4-ary heap.
type queue struct {
	heap  []due
	slots []happening
	free  []uint32
	order uint64
}

type due struct {
	at    int64
	order uint64
	slot  uint32
}

// emptied returns an empty queue with the same memory.
func (q *queue) emptied() queue {
	clear(q.slots)
	return queue{heap: q.heap[:0], slots: q.slots[:0], free: q.free[:0]}
}

func (d *due) before(e *due) bool { return d.at < e.at || d.at == e.at && d.order < e.order }

func (q *queue) push(at int64, h happening) {
	var slot uint32
	if n := len(q.free); n > 0 {
		slot, q.free = q.free[n-1], q.free[:n-1]
		q.slots[slot] = h
	} else {
		slot = uint32(len(q.slots)) // #nosec G115 -- bounded by maxHappenings
		q.slots = append(q.slots, h)
	}
	q.heap = append(q.heap, due{at, q.order, slot})
	q.order++
	at4 := len(q.heap) - 1
	for e := q.heap[at4]; at4 > 0; {
		parent := (at4 - 1) / 4
		if !e.before(&q.heap[parent]) {
			break
		}
		q.heap[at4], q.heap[parent] = q.heap[parent], e
		at4 = parent
	}
}

// pop takes what happens first; there must be something.
func (q *queue) pop() (at int64, h happening) {
	first := q.heap[0]
	last := len(q.heap) - 1
	e := q.heap[last]
	q.heap = q.heap[:last]
	for i := 0; ; {
		least := 4*i + 1
		if least >= last {
			if last > 0 {
				q.heap[i] = e
			}
			break
		}
		for child := least + 1; child < min(4*i+5, last); child++ {
			if q.heap[child].before(&q.heap[least]) {
				least = child
			}
		}
		if e.before(&q.heap[least]) {
			q.heap[i] = e
			break
		}
		q.heap[i] = q.heap[least]
		i = least
	}
	h = q.slots[first.slot]
	q.slots[first.slot].do, q.slots[first.slot].arrival.data = nil, nil
	q.free = append(q.free, first.slot)
	return first.at, h
}
