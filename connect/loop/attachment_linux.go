package loop

import (
	"container/heap"
	"slices"

	"golang.org/x/sys/unix"
)

// Attachment is a handler on a loop.
type Attachment struct {
	loop    *Loop
	handler Handler
	id      uint32
	wake    int64
	index   int // in wakeups
	ready   bool
}

// Attach puts a handler on the loop and lets it tick once. To be called on the loop's goroutine (see Do).
func (l *Loop) Attach(h Handler) *Attachment {
	a := &Attachment{loop: l, handler: h, wake: Never, index: -1}
	if n := len(l.free); n > 0 {
		a.id, l.free = l.free[n-1], l.free[:n-1]
		l.attached[a.id] = a
	} else {
		a.id = uint32(len(l.attached)) // #nosec G115 -- far fewer handlers than that
		l.attached = append(l.attached, a)
	}
	l.mark(a)
	return a
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
