package engine

import "sync"

// batchSize is how many outcomes travel together. Small calls get by with less.
const batchSize = 256

// Outbox carries batches of what has happened from the cores to the one who collects them. It never makes a core wait: what has not
// been collected stays queued.
type Outbox[T any] struct {
	Wake chan struct{} // gets a value when something has been delivered; nil wakes nobody

	mu   sync.Mutex
	full [][]T
	free [][]T
}

// Deliver hands over a batch and returns an empty one.
func (o *Outbox[T]) Deliver(batch []T) []T {
	o.mu.Lock()
	o.full = append(o.full, batch)
	var empty []T
	if n := len(o.free); n > 0 {
		empty, o.free = o.free[n-1], o.free[:n-1]
	}
	o.mu.Unlock()
	select {
	case o.Wake <- struct{}{}:
	default: // the collector has been woken already
	}
	return empty
}

// Drain shows all batches that were delivered, and takes them back.
func (o *Outbox[T]) Drain(show func(batch []T)) {
	o.mu.Lock()
	batches := o.full
	o.full = nil
	o.mu.Unlock()
	for _, batch := range batches {
		show(batch)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, batch := range batches {
		o.free = append(o.free, batch[:0])
	}
}
