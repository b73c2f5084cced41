package frames

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"

const (
	// many frames at a look are a flood: the next ones are not waited for, but looked for.
	many = 8
	// lull is how long they are looked for in vain, in ns, before they are waited for again. To sleep and be woken takes as long.
	lull = 50e3
)

// Watch waits for the frames of a queue on a loop. While they flood in, it looks for them in each turn, and takes the queue's descriptors
// off the loop: else the kernel, on behalf of whoever sends, would tell the loop of every single frame.
type Watch struct {
	queue    Queue
	attached *loop.Attachment
	receive  func() (n int)
	looking  bool
	last     int64 // when a look has found something
}

// NewWatch waits for frames, on the loop's goroutine, and has them received; the handler is to call Ready and Close.
func NewWatch(q Queue, a *loop.Attachment, receive func() (n int)) *Watch {
	w := &Watch{queue: q, attached: a, receive: receive}
	w.wait()
	return w
}

// wait has the loop tell of changes only: a socket of AF_PACKET whose interface is down has an error for as long as it is.
func (w *Watch) wait() {
	for _, fd := range w.queue.Descriptors() {
		_ = w.attached.Add(fd, 0, loop.Readable|loop.Edge)
	}
}

func (w *Watch) stop() {
	if w.looking {
		w.attached.Poll(false)
		return
	}
	for _, fd := range w.queue.Descriptors() {
		_ = w.attached.Remove(fd)
	}
}

// Ready has the frames received that have arrived.
func (w *Watch) Ready() {
	n, now := w.receive(), w.attached.Now()
	if n > 0 {
		w.last = now
	}
	switch {
	case !w.looking && n >= many:
		w.stop()
		w.looking = true
		w.attached.Poll(true)
	case w.looking && now-w.last > lull:
		w.stop()
		w.looking = false
		w.wait()
	}
}

// Close takes no more frames.
func (w *Watch) Close() { w.stop() }
