package loop

import (
	"container/heap"
	"errors"
	"fmt"
	"slices"
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

// watch is what a descriptor is watched for. Its generation tells events that are still on their way, for a descriptor
// that has been closed, from those of the next one with the same number. Such events happen not only within a turn:
// while this process is being forked, its child has a copy of every descriptor, and closing one here does not take it
// out of the epoll set until the child has closed its own (epoll(7), questions and answers).
type watch struct {
	generation, id, key uint32
}

const watchesPerChunk = 1 << 10

// watches are kept by descriptor, in chunks: growing them copies nothing and leaves no garbage.
type watches []*[watchesPerChunk]watch

// at returns the watch of a descriptor; makeRoom must have been called for it.
func (w watches) at(fd int) *watch { return &w[fd/watchesPerChunk][fd%watchesPerChunk] }

func (w watches) has(fd int) bool { return fd/watchesPerChunk < len(w) }

func (w *watches) makeRoom(fd int) {
	for !w.has(fd) {
		*w = append(*w, new([watchesPerChunk]watch))
	}
}

// Attachment is a handler on a loop.
type Attachment struct {
	loop    *Loop
	handler Handler
	id      uint32
	wake    int64
	index   int // in wakeups
	ready   bool
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

// Attach puts a handler on the loop and lets it tick once. To be called on the loop's goroutine (see Do).
func (l *Loop) Attach(h Handler) *Attachment {
	s := &Attachment{loop: l, handler: h, wake: Never, index: -1}
	if n := len(l.free); n > 0 {
		s.id, l.free = l.free[n-1], l.free[:n-1]
		l.attached[s.id] = s
	} else {
		s.id = uint32(len(l.attached)) // #nosec G115 -- far fewer handlers than that
		l.attached = append(l.attached, s)
	}
	l.mark(s)
	return s
}

// Detach takes the handler off the loop; its descriptors must be closed.
func (a *Attachment) Detach() {
	a.loop.attached[a.id] = nil
	a.loop.free = append(a.loop.free, a.id)
	a.setWake(Never)
	a.Poll(false)
}

// Add watches a descriptor; its events come to the handler under key.
func (a *Attachment) Add(fd int, key uint32, events Events) error {
	return a.loop.add(fd, a.id, key, events)
}

// Modify changes the events that a descriptor is watched for.
func (a *Attachment) Modify(fd int, key uint32, events Events) error {
	a.loop.watched.at(fd).key = key
	return a.loop.control(unix.EPOLL_CTL_MOD, fd, events)
}

// Remove stops watching a descriptor that stays open.
func (a *Attachment) Remove(fd int) error {
	if !a.loop.watched.has(fd) {
		return unix.ENOENT // as the kernel says of a descriptor that is not watched
	}
	a.loop.watched.at(fd).generation++
	a.loop.seen.watched--
	return a.loop.control(unix.EPOLL_CTL_DEL, fd, 0)
}

// Close stops watching a descriptor and closes it. No event of it reaches the handler any more.
func (a *Attachment) Close(fd int) {
	a.loop.watched.at(fd).generation++
	a.loop.seen.watched--
	closeDescriptor(fd)
}

// Now is the loop's time: when the turn's events were fetched.
func (a *Attachment) Now() int64 { return a.loop.now }

// Seen is the time up to which all events have been handed out. A deadline is to be judged by it, not by Now: after a pause of this
// process, or with many events waiting, what came in time may be seen late.
func (a *Attachment) Seen() int64 { return a.loop.seen.upTo }

// bufferSize holds the largest datagram.
const bufferSize = 64 << 10

// Buffer returns 64 KiB that all handlers of the loop share: what is in it is valid until the handler returns.
func (a *Attachment) Buffer() []byte {
	if a.loop.buffer == nil {
		a.loop.buffer = make([]byte, bufferSize)
	}
	return a.loop.buffer
}

// Poll makes the loop call the handler's Ready in each turn, with key 0 and no events, and never sleep; or ends that. To be called on the
// loop's goroutine.
func (a *Attachment) Poll(on bool) {
	others := slices.DeleteFunc(slices.Clone(a.loop.polling), func(other *Attachment) bool { return other == a })
	if on {
		others = append(others, a)
	}
	a.loop.polling = others // a new list, as this turn may be about the old one
}

// Wake makes the handler tick at the end of this turn. To be called on the loop's goroutine.
func (a *Attachment) Wake() { a.loop.mark(a) }

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

// seen keeps account of the time up to which all events have been fetched.
type seen struct {
	upTo    int64
	asked   int64 // when the kernel was asked last
	watched int   // descriptors

	mark int64 // the time up to which events are being fetched while more wait than one fetch takes
	left int   // so many events later all from before that have been fetched, since epoll hands them out in turn; 0 if there is no mark
}

// fetched notes that n events were there since the kernel was asked; below 0 that it could not say.
func (s *seen) fetched(n int) {
	switch {
	case n < 0:
		return
	case n < maxEvents:
		s.upTo, s.left = s.asked, 0
		return
	case s.left <= 0:
		s.mark, s.left = s.asked, max(s.watched, n)
	}
	if s.left -= n; s.left <= 0 {
		s.upTo = s.mark
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
	if s := l.attached[w.id]; s != nil {
		s.handler.Ready(w.key, Events(e.Events))
		l.mark(s)
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
		s := l.wakeups[0]
		s.setWake(Never)
		l.mark(s)
	}
	for i := 0; i < len(l.turn); i++ {
		s := l.turn[i]
		s.ready = false
		if l.attached[s.id] == s {
			s.setWake(s.handler.Tick(l.now))
		}
	}
	l.turn = l.turn[:0]
}

func (a *Attachment) setWake(at int64) {
	w := &a.loop.wakeups
	gone := a.loop.attached[a.id] != a
	switch {
	case at == Never || gone:
		if a.index >= 0 {
			heap.Remove(w, a.index)
		}
		a.wake = Never
	case a.index < 0:
		a.wake = at
		heap.Push(w, a)
	case at != a.wake:
		a.wake = at
		heap.Fix(w, a.index)
	}
}

// wakeups is a heap of the handlers that wait for a time, soonest first.
type wakeups []*Attachment

func (w wakeups) first() int64 {
	if len(w) == 0 {
		return Never
	}
	return w[0].wake
}

func (w wakeups) Len() int           { return len(w) }
func (w wakeups) Less(i, j int) bool { return w[i].wake < w[j].wake }

func (w wakeups) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push implements heap.Interface.
func (w *wakeups) Push(x any) {
	s := x.(*Attachment) //nolint:forcetypeassert // only Attachments are pushed
	s.index = len(*w)
	*w = append(*w, s)
}

// Pop implements heap.Interface.
func (w *wakeups) Pop() any {
	last := len(*w) - 1
	s := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	s.index = -1
	return s
}
