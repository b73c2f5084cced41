package cloudwatch

import "sync"

// queue holds samples in their order. When it is full, the oldest make room.
type queue struct {
	most int

	mu      sync.Mutex
	samples []Sample
	closed  bool
}

// add appends a sample. It returns how many wait now, and how many were dropped, which may be the sample itself.
func (q *queue) add(s Sample) (waiting, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, 1
	}
	q.samples = append(q.samples, s)
	return q.trim()
}

func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.samples)
}

// take removes the oldest samples.
func (q *queue) take(most int) []Sample {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(most, len(q.samples))
	taken := q.samples[:n:n]
	q.samples = q.samples[n:]
	return taken
}

// putBack returns samples that were taken to their place, as far as there is room.
func (q *queue) putBack(taken []Sample) (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.samples = append(taken, q.samples...)
	_, dropped = q.trim()
	return dropped
}

// close empties the queue for good.
func (q *queue) close() (dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropped, q.samples, q.closed = len(q.samples), nil, true
	return dropped
}

func (q *queue) trim() (waiting, dropped int) {
	dropped = max(0, len(q.samples)-q.most)
	q.samples = q.samples[dropped:]
	return len(q.samples), dropped
}
