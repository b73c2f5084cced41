package loop

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Events says what a descriptor is ready for.
type Events uint32

// The events a handler asks for and gets; see epoll_ctl(2).
const (
	Readable  Events = unix.EPOLLIN
	Writable  Events = unix.EPOLLOUT
	PeerDone  Events = unix.EPOLLRDHUP     // the peer has sent all it will
	Failed    Events = unix.EPOLLERR       // always reported
	HungUp    Events = unix.EPOLLHUP       // always reported
	Edge      Events = unix.EPOLLET        // report changes, not states
	Exclusive Events = unix.EPOLLEXCLUSIVE // of several loops on one listener, wake few
)

// A Handler owns descriptors on a loop. Its methods are called on the loop's goroutine only.
type Handler interface {
	// Ready is told what the descriptor that was added under key is ready for.
	Ready(key uint32, events Events)
	// Tick is called after the Ready calls of one turn, and at the wake-up time that it returned last. It returns the
	// next one: loop time in nanoseconds, or Never.
	Tick(now int64) (wake int64)
}

const (
	// A turn takes few events, so that what a handler starts between two turns is timed while it is still fresh.
	maxEvents = 32
	// Up to this far ahead a timer is set to the nanosecond; epoll itself only counts whole milliseconds.
	preciseNs = 20e6
	// The loop's own descriptors have this identity; handlers count from 1.
	own = 0
)

const (
	wakeKey = iota
	timerKey
)

// Loop waits for events of many descriptors and hands them to the handlers that own these.
type Loop struct {
	epfd, wakefd, timerfd int

	attached []*Attachment // by identity; nil where one has left
	free     []uint32
	watched  watches
	wakeups  wakeups
	turn     []*Attachment // that had events in this turn
	polling  []*Attachment
	now      int64
	armed    int64
	seen     seen

	buffer []byte // that handlers may use

	mu      sync.Mutex
	tasks   []func()
	stopped bool
	done    chan struct{}
}

// Start makes a loop and runs it on a goroutine of its own, until Stop.
func Start() (*Loop, error) {
	l := &Loop{epfd: -1, wakefd: -1, timerfd: -1, armed: Never, done: make(chan struct{}), attached: make([]*Attachment, 1)}
	if err := l.open(); err != nil {
		l.close()
		return nil, fmt.Errorf("starting an event loop: %w", err)
	}
	go l.run()
	return l, nil
}

func (l *Loop) open() (err error) {
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	if l.wakefd, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	if l.timerfd, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return fmt.Errorf("timerfd_create: %w", err)
	}
	if err = l.add(l.wakefd, own, wakeKey, Readable|Edge); err != nil {
		return err
	}
	return l.add(l.timerfd, own, timerKey, Readable|Edge)
}

func (l *Loop) close() {
	for _, fd := range []int{l.epfd, l.wakefd, l.timerfd} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// Do runs task on the loop's goroutine, in this turn or the next. After Stop it runs nothing and returns false.
func (l *Loop) Do(task func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.tasks = append(l.tasks, task)
	l.interrupt()
	return true
}

// Stop ends the loop after the tasks it already has, and waits for its end. Handlers must have closed their descriptors.
func (l *Loop) Stop() {
	l.mu.Lock()
	l.stopped = true
	l.interrupt()
	l.mu.Unlock()
	<-l.done
}

func (l *Loop) interrupt() {
	// An eventfd's write can only fail when the counter is full, and then the loop is being woken anyway.
	_, _ = unix.Write(l.wakefd, []byte{1, 0, 0, 0, 0, 0, 0, 1})
}

func (l *Loop) add(fd int, id, key uint32, events Events) error {
	l.watched.makeRoom(fd)
	w := l.watched.at(fd)
	w.generation++
	w.id, w.key = id, key
	l.seen.watched++
	return l.control(unix.EPOLL_CTL_ADD, fd, events)
}

func (l *Loop) control(op, fd int, events Events) error {
	// The kernel keeps 64 bits for the caller; x/sys names their two halves Fd and Pad.
	event := unix.EpollEvent{Events: uint32(events), Fd: int32(fd), Pad: int32(l.watched.at(fd).generation)} // #nosec G115 -- carried as bits
	if errno := epollControl(l.epfd, op, fd, &event); errno != 0 {
		return controlError(errno)
	}
	return nil
}

func (l *Loop) run() {
	defer close(l.done)
	defer l.close()
	var events [maxEvents]unix.EpollEvent
	for {
		n, err := l.wait(events[:])
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(fmt.Sprintf("epoll_wait: %v", err)) // a descriptor of the loop itself is gone: a bug, not a condition
		}
		l.seen.fetched(n)
		l.now = Now()
		woken := false
		for i := range events[:max(n, 0)] {
			woken = l.dispatch(&events[i]) || woken
		}
		for _, a := range l.polling {
			a.handler.Ready(0, 0)
			l.mark(a)
		}
		if woken && !l.runTasks() {
			return
		}
		l.tick()
	}
}

// dispatch hands an event to its handler. It returns true for the loop's own wake-up.
func (l *Loop) dispatch(e *unix.EpollEvent) (woken bool) {
	w := *l.watched.at(int(e.Fd))
	if w.generation != uint32(e.Pad) { // #nosec G115 -- carried as bits
		return false // of a descriptor that is closed
	}
	if w.id == own {
		return w.key == wakeKey
	}
	if a := l.attached[w.id]; a != nil {
		a.handler.Ready(w.key, Events(e.Events))
		l.mark(a)
	}
	return false
}

// wait blocks until there are events, a task, or a handler's wake-up time.
func (l *Loop) wait(events []unix.EpollEvent) (int, error) {
	l.seen.asked = Now()
	// Busy loops nearly always have events waiting, and fetching these need not bother the Go scheduler.
	if n, errno := epollPoll(l.epfd, events); n > 0 || errno != 0 || len(l.polling) > 0 {
		return n, errnoOrNil(errno)
	}
	wake := l.wakeups.first()
	if wake == Never {
		return unix.EpollWait(l.epfd, events, -1)
	}
	ahead := wake - Now()
	switch {
	case ahead <= 0:
		return 0, nil
	case ahead > preciseNs:
		return unix.EpollWait(l.epfd, events, int((ahead-preciseNs)/1e6)+1)
	}
	if wake != l.armed {
		l.armed = wake
		if err := unix.TimerfdSettime(l.timerfd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(ahead)}, nil); err != nil {
			return 0, err
		}
	}
	return unix.EpollWait(l.epfd, events, int(ahead/1e6)+2)
}

func (l *Loop) runTasks() (goOn bool) {
	var count [8]byte
	_, _ = unix.Read(l.wakefd, count[:])
	l.mu.Lock()
	tasks, stopped := l.tasks, l.stopped
	l.tasks = nil
	l.mu.Unlock()
	for _, task := range tasks {
		task()
	}
	return !stopped
}

func (l *Loop) mark(a *Attachment) {
	if !a.ready {
		a.ready = true
		l.turn = append(l.turn, a)
	}
}

func (l *Loop) tick() {
	for l.wakeups.first() <= l.now {
		a := l.wakeups[0]
		a.setWake(Never)
		l.mark(a)
	}
	for i := 0; i < len(l.turn); i++ {
		a := l.turn[i]
		a.ready = false
		if l.attached[a.id] == a {
			a.setWake(a.handler.Tick(l.now))
		}
	}
	l.turn = l.turn[:0]
}
