package gonet

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// runner runs a job on package net. It implements engine.Runner and engine.Driver.
type runner struct {
	job     *engine.Job
	size    int         // of a read
	refuses atomic.Bool // some certificate of this side's

	mu      sync.Mutex // for the core and all that follows
	core    *engine.Core
	conns   []*conn // by key; nil where the key is free
	queue   []*conn // to be dialed
	wakeAt  int64
	current *conn // whose goroutine is telling the core of an event

	promised  int // goroutines that have been started for the queue
	finishing int // goroutines whose connection is closed, and that look at the queue next

	alarm         chan struct{} // when wakeAt has changed
	settled, done chan struct{}
	ended         chan struct{} // with the core
	goroutines    sync.WaitGroup
}

// streamRead and datagramRead are how much one read takes.
const (
	streamRead   = 4 << 10
	datagramRead = 64 << 10
)

// NewRunner returns a runner on package net.
func NewRunner(j *engine.Job, rules engine.NewRules) engine.Runner {
	r := &runner{
		job: j, size: max(streamRead, min(j.Plan.ReadSize, datagramRead)), wakeAt: engine.Never,
		alarm: make(chan struct{}, 1), settled: make(chan struct{}), done: make(chan struct{}), ended: make(chan struct{}),
	}
	if j.Plan.Protocol == "udp" {
		r.size = datagramRead
	}
	r.core = engine.NewCore(j, r, j.Lanes(), rules, engine.Hooks{
		Settled:  func() { close(r.settled) },
		Finished: func() { close(r.ended) },
	})
	return r
}

// Start implements engine.Runner.
func (r *runner) Start() error {
	r.goroutines.Go(r.clock)
	go func() {
		<-r.ended
		r.goroutines.Wait()
		close(r.done)
	}()
	return nil
}

// Settled implements engine.Runner.
func (r *runner) Settled() <-chan struct{} { return r.settled }

// Done implements engine.Runner.
func (r *runner) Done() <-chan struct{} { return r.done }

// Stop implements engine.Runner.
func (r *runner) Stop(dialing, established class.Class) {
	r.mu.Lock()
	defer r.unlock()
	r.core.Stop(loop.Now(), dialing, established)
	r.turn()
}

// Release implements engine.Runner.
func (r *runner) Release() {}

// lastLook is how long others have to tell what has arrived when this process was paused, before something counts as late.
const lastLook = 10 * time.Millisecond

// mostLooks is how often a connection is given that time for one deadline: a peer may talk all the time.
const mostLooks = 100

// isLate reports whether this process seems to have been paused at a time.
func isLate(at int64) bool { return loop.Now()-at > int64(time.Millisecond) }

// clock calls the core when it wants to be called, until that has finished.
func (r *runner) clock() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	at := loop.Now()
	for {
		select {
		case <-r.ended:
			return
		case <-r.alarm:
		case <-timer.C:
			if isLate(at) {
				time.Sleep(lastLook)
			}
			r.tick()
		}
		r.mu.Lock()
		at = r.wakeAt
		r.mu.Unlock()
		timer.Reset(time.Duration(at - loop.Now()))
	}
}

func (r *runner) tick() {
	r.mu.Lock()
	defer r.unlock()
	now := loop.Now()
	r.core.CheckTime(now, now)
	r.turn()
}

// turn lets the core go on.
func (r *runner) turn() {
	now := loop.Now()
	if wake := r.core.Turn(now, now); wake != r.wakeAt {
		r.wakeAt = wake
		select {
		case r.alarm <- struct{}{}:
		default: // the clock has been told already
		}
	}
}

// handle tells the core of an event of a connection, unless that is closed. It is called by the connection's goroutine.
func (r *runner) handle(c *conn, e engine.Event) {
	r.mu.Lock()
	defer r.unlock()
	if !c.closed {
		r.tell(c, &e)
	}
}

// tell is handle, with the lock, for a connection that is not closed.
func (r *runner) tell(c *conn, e *engine.Event) {
	r.current = c
	e.Key, e.At = c.key, cmp.Or(e.At, loop.Now())
	r.core.Handle(e)
	r.turn()
	r.current = nil
}

// unlock ends a call of the core. Connections that are to be dialed get goroutines of their own, but for those that the goroutines of
// closed connections will carry.
func (r *runner) unlock() {
	for ; r.promised < len(r.queue)-r.finishing; r.promised++ {
		r.goroutines.Go(r.carry)
	}
	r.mu.Unlock()
}

// carry dials connections and lives their lives, one after the other, as long as there are any.
func (r *runner) carry() {
	r.mu.Lock()
	r.promised--
	for len(r.queue) > 0 {
		c := r.queue[0]
		r.queue[0] = nil
		r.queue = r.queue[1:]
		r.mu.Unlock()
		c.live()
		r.mu.Lock()
		r.finishing--
	}
	r.mu.Unlock()
}
