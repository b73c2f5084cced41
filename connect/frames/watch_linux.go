package frames

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"

const (
	// many frames at a look are a flood: the next ones are not waited for, but looked for.
	many = 8
	// lull is how long they are looked for in vain, in ns, before they are waited for again. To sleep and be woken takes as long.
	lull = 50e3
)

// Watch hands over the frames of a queue on a loop. While they flood in, it looks for them in each turn, and takes the queue's descriptors
// off the loop: else the kernel, on behalf of whoever sends, would tell the loop of every single frame.
type Watch struct {
	queue    Queue
	attached *loop.Attachment
	take     func(frame []byte)
	looking  bool
	last     int64 // when a look has found something
}

// NewWatch waits for frames, on the loop's goroutine; the handler is to call Ready and Close.
func NewWatch(q Queue, a *loop.Attachment, take func(frame []byte)) *Watch {
	w := &Watch{queue: q, attached: a, take: take}
	w.wait()
	return w
}

func (w *Watch) wait() {
	for _, fd := range w.queue.Descriptors() {
		_ = w.attached.Add(fd, 0, loop.Readable)
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

// Ready takes the frames that have arrived.
func (w *Watch) Ready() {
	n, now := w.queue.Receive(w.take), w.attached.Now()
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
