package connect

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// job is a plan at work: the connections not yet dialled, and the outcomes not yet collected. Several runners share it.
type job struct {
	plan     Plan
	start    int64 // loop time
	deadline int64 // loop time
	counters *Counters
	total    *Counters // the engine's

	skipReply bool          // a flood's
	keeps     bool          // established connections stay, so their descriptors are not freed by waiting
	keepalive time.Duration // interval of signs of life; 0 is none

	next  atomic.Int64 // the first connection that nobody has claimed
	ended atomic.Int64 // loop time when the last connection ended

	outcomes outbox[Outcome]
	wake     chan struct{} // when something has been delivered
	traffic  *trafficJob   // nil unless this is one
}

func newJob(plan Plan, total *Counters) *job {
	now := loop.Now()
	j := &job{plan: plan, start: now, deadline: now + int64(plan.Timeout), counters: &Counters{}, total: total}
	j.wake = make(chan struct{}, 1)
	j.outcomes.wake = j.wake
	j.count(&steps{planned: plan.Connections})
	return j
}

// count adds to the counters of the job and of its engine, and starts the steps anew.
func (j *job) count(s *steps) {
	if *s == (steps{}) {
		return
	}
	j.counters.add(s)
	j.total.add(s)
	*s = steps{}
}

// end notes that a runner, or a part of one, has nothing left to do.
func (j *job) end(now int64) {
	for last := j.ended.Load(); now > last && !j.ended.CompareAndSwap(last, now); {
		last = j.ended.Load()
	}
}

// length is the time from the start to the end, or to now if it has not ended.
func (j *job) length(ended bool) time.Duration {
	if ended {
		return time.Duration(j.ended.Load() - j.start)
	}
	return time.Duration(loop.Now() - j.start)
}

// never is an interval that does not pass while the process lives, and does not overflow when it is added to the time.
const never = 100 * 365 * 24 * time.Hour

// claim is the right to make one connection.
type claim struct {
	number  int64
	planned int64 // loop time
}

// claim takes the next connection if it is due. Otherwise wait says when to ask again, or loop.Never if none is left.
func (j *job) claim(now int64) (c claim, wait int64, ok bool) {
	for {
		number := j.next.Load()
		if number >= j.plan.Connections {
			return claim{}, loop.Never, false
		}
		planned := j.planned(number, now)
		if planned > now {
			return claim{}, planned, false
		}
		if j.next.CompareAndSwap(number, number+1) {
			return claim{number: number, planned: planned}, 0, true
		}
	}
}

func (j *job) planned(number, now int64) int64 {
	if j.plan.Rate == 0 {
		return now
	}
	return j.start + int64(seconds(float64(number)/j.plan.Rate))
}

// target returns the target of a connection, by turns.
func (j *job) target(number int64) int {
	return int(number % int64(len(j.plan.Targets)))
}

// outcome begins the record of a connection that ends now.
func (j *job) outcome(c claim, now int64) Outcome {
	return Outcome{Number: c.number, Planned: time.Duration(c.planned - j.start), At: time.Duration(now - j.start)}
}

// batchSize is how many outcomes travel together. Small calls get by with less.
const batchSize = 256

// outbox carries batches of what has happened from the runners to the collector. It never makes a runner wait: what the
// collector has not taken yet stays queued.
type outbox[T any] struct {
	mu   sync.Mutex
	full [][]T
	free [][]T
	wake chan struct{}
}

// deliver hands over a batch and returns an empty one.
func (o *outbox[T]) deliver(batch []T) []T {
	o.mu.Lock()
	o.full = append(o.full, batch)
	var empty []T
	if n := len(o.free); n > 0 {
		empty, o.free = o.free[n-1], o.free[:n-1]
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default: // the collector has been woken already
	}
	return empty
}

// collect takes all batches that were delivered.
func (o *outbox[T]) collect() [][]T {
	o.mu.Lock()
	defer o.mu.Unlock()
	full := o.full
	o.full = nil
	return full
}

// recycle gives batches back.
func (o *outbox[T]) recycle(batches [][]T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, batch := range batches {
		o.free = append(o.free, batch[:0])
	}
}
