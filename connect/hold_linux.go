package connect

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

// holdActivity keeps connections open, notices when the peer closes them, and asks for signs of life if wanted.
type holdActivity struct {
	*part
	keepalives *loop.Queue // of all established connections; they never expire without keepalive
	buf        [16 << 10]byte
}

func newHoldActivity(p *part) activity {
	interval := p.job.keepalive
	if interval == 0 {
		interval = never
	}
	return &holdActivity{part: p, keepalives: loop.NewQueue(int64(interval))}
}

func (h *holdActivity) established(key uint32, now int64, _ loop.Events, errno syscall.Errno) {
	c := h.conns.at(key)
	h.leaveLane(c)
	h.keepalives.Push(key, now)
	o := h.report(c, now)
	o.Event = Established
	if errno != socket.OK {
		h.lose(key, now, errno)
		return
	}
	// From here on events are reported for as long as they last, so that a peer that never stops sending gets no more than one
	// read a turn.
	if err := h.place.Modify(int(c.fd), key, loop.Readable|loop.PeerDone); err != nil {
		h.keepalives.Remove(key)
		h.fail(key, now, ClassOther, err)
	}
}

func (h *holdActivity) ready(key uint32, _ loop.Events) {
	c := h.conns.at(key)
	now := h.place.Now()
	n, errno := socket.Read(int(c.fd), h.buf[:])
	switch {
	case errno == unix.EAGAIN:
	case errno != socket.OK:
		h.lose(key, now, errno)
	case n == 0 && !h.udp:
		h.lose(key, now, socket.OK)
	default:
		h.took(c, now, int64(n))
	}
}

// took counts what has arrived.
func (h *holdActivity) took(c *conn, now, n int64) {
	first := c.received == 0
	c.received += n
	if first && n > 0 {
		h.report(c, now).Event = Spoke
	}
	h.answered(c, now)
}

// answered takes note of the answer to a keepalive, if one is waited for.
func (h *holdActivity) answered(c *conn, now int64) {
	if c.pinged == 0 {
		return
	}
	o := h.report(c, now)
	o.Event, o.Reply = Echoed, time.Duration(now-c.pinged)
	c.pinged = 0
}

func (h *holdActivity) tick(now int64) (wake int64) {
	seen := h.place.Seen()
	for key, ok := h.keepalives.Expired(seen); ok; key, ok = h.keepalives.Expired(seen) {
		h.keepalives.Remove(key)
		h.ping(key, now)
	}
	if h.job.keepalive == 0 {
		return loop.Never
	}
	_, wake, _ = h.keepalives.First()
	return wake
}

// ping asks a connection for a sign of life, unless it still owes one: then it is dead.
func (h *holdActivity) ping(key uint32, now int64) {
	c := h.conns.at(key)
	if c.pinged != 0 {
		h.fail(key, now, ClassNoReply, h.causes.of("keepalive: no answer within the interval", socket.OK))
		return
	}
	h.keepalives.Push(key, now)
	n, errno := socket.Write(int(c.fd), h.job.plan.Payload)
	switch errno {
	case socket.OK, unix.EAGAIN: // a peer that does not read will not answer either
		c.pinged = now
		c.sent += int64(n)
	default:
		h.lose(key, now, errno)
	}
}

// lose ends a connection that the peer has closed (no error, or a reset), or that has failed otherwise.
func (h *holdActivity) lose(key uint32, now int64, errno syscall.Errno) {
	h.keepalives.Remove(key)
	class := classifyErrno(errno)
	if errno != socket.OK && class != ClassReset {
		h.fail(key, now, class, h.causes.of("read", errno))
		return
	}
	o := h.end(key, now)
	o.Closed = true
	if class == ClassReset {
		o.Class, o.Err = class, h.causes.of("read", errno)
	}
	h.steps.closed++
}

// timeUp changes nothing for those that are established: the time is for dialling.
func (h *holdActivity) timeUp(int64) {}

func (h *holdActivity) stop(now int64, class Class) {
	for key, _, ok := h.keepalives.First(); ok; key, _, ok = h.keepalives.First() {
		h.keepalives.Remove(key)
		if class != ClassNone {
			h.fail(key, now, class, h.causes.of("hold: ended from outside", socket.OK))
			continue
		}
		h.end(key, now)
		h.steps.completed++
	}
}
