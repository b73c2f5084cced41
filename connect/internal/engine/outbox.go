package engine

import "sync"

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

// Batch is what a core collects for an outbox, so that it travels together.
type Batch[T any] struct {
	outbox *Outbox[T]
	size   int
	items  []T
	due    int64 // when they are delivered at the latest
}

// NewBatch returns an empty batch. It is delivered when it has size items, or when its first one has waited for 100 ms.
func (o *Outbox[T]) NewBatch(size int) Batch[T] { return Batch[T]{outbox: o, size: size, due: Never} }

// Add makes room for one more item, to be set at once.
func (b *Batch[T]) Add(now int64) *T {
	if len(b.items) == cap(b.items) {
		b.renew()
	}
	if b.due == Never {
		const most = 100e6
		b.due = now + most
	}
	b.items = b.items[:len(b.items)+1]
	return &b.items[len(b.items)-1]
}

func (b *Batch[T]) renew() {
	b.deliver()
	if cap(b.items) == 0 {
		b.items = make([]T, 0, b.size)
	}
}

func (b *Batch[T]) deliver() {
	if len(b.items) > 0 {
		b.items = b.outbox.Deliver(b.items)
	}
	b.due = Never
}

// DeliverDue delivers the batch if that is due, or at once, and returns when it wants to be called again at the latest.
func (b *Batch[T]) DeliverDue(now int64, atOnce bool) (wake int64) {
	if now >= b.due || atOnce {
		b.deliver()
	}
	return b.due
}
