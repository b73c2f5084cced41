package connect

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

// floodActivity reads each connection's answer, and closes.
type floodActivity struct {
	*part
	waiting *loop.Queue // for the answer
	names   names
	buf     [2 * (reply.MaxLength + 1)]byte
}

func newFloodActivity(p *part) activity {
	return &floodActivity{part: p, waiting: loop.NewQueue(int64(p.job.plan.ConnectTimeout)), names: names{}}
}

func (f *floodActivity) established(key uint32, now int64, events loop.Events, errno syscall.Errno) {
	f.waiting.Push(key, now)
	switch {
	case f.udp:
		f.send(key, now)
	case f.job.skipReply:
		f.complete(key, now, "")
	case errno != socket.OK, events&(loop.Readable|loop.HungUp) != 0:
		f.read(key, errno)
	}
}

func (f *floodActivity) ready(key uint32, _ loop.Events) { f.read(key, socket.OK) }

func (f *floodActivity) tick(now int64) (wake int64) {
	seen := f.place.Seen()
	for key, ok := f.waiting.Expired(seen); ok; key, ok = f.waiting.Expired(seen) {
		f.lose(key, now, ClassNoReply, f.causes.of("read: connected, but no answer in time", socket.OK))
	}
	_, wake, _ = f.waiting.First()
	return wake
}

func (f *floodActivity) timeUp(now int64) { f.stop(now, ClassNoReply) }

func (f *floodActivity) stop(now int64, class Class) {
	for key, _, ok := f.waiting.First(); ok; key, _, ok = f.waiting.First() {
		f.lose(key, now, class, f.causes.of("read: the call was stopped, or its time (option timeout) was up, first", socket.OK))
	}
}

// send sends the datagram of a UDP flow. A connected UDP socket that is writable takes one.
func (f *floodActivity) send(key uint32, now int64) {
	c := f.conns.at(key)
	n, errno := socket.Write(int(c.fd), f.job.plan.Payload)
	if errno != socket.OK {
		f.lose(key, now, classifyErrno(errno), f.causes.of("send", errno))
		return
	}
	c.sent = int64(n)
	if f.job.skipReply {
		f.complete(key, now, "")
	}
}

// read takes the answer. pending is an error that the socket has already reported; data may have come before it.
func (f *floodActivity) read(key uint32, pending syscall.Errno) {
	c := f.conns.at(key)
	now := f.place.Now()
	if now == c.connect {
		now = loop.Now() // the answer came with the handshake's end: this is as early as it can be known
	}
	n, errno := socket.Read(int(c.fd), f.buf[:])
	if errno == socket.OK && n == 0 || errno == unix.EAGAIN {
		if pending == socket.OK && errno == unix.EAGAIN {
			return
		}
		errno = pending
	}
	c.received = int64(n)
	switch {
	case errno != socket.OK:
		f.lose(key, now, classifyErrno(errno), f.causes.of("read", errno))
	case n == 0 && !f.udp:
		f.lose(key, now, ClassClosed, f.causes.of("read: the peer closed before it answered", socket.OK))
	default:
		f.judge(key, now, f.buf[:n])
	}
}

func (f *floodActivity) judge(key uint32, now int64, answer []byte) {
	host, ok := reply.Parse(answer)
	if !ok {
		f.lose(key, now, ClassBadReply, f.causes.of("read: the answer is not 1 to 255 bytes of printable UTF-8", socket.OK))
		return
	}
	f.complete(key, now, f.names.intern(host))
}

func (f *floodActivity) complete(key uint32, now int64, host string) {
	f.waiting.Remove(key)
	o := f.end(key, now)
	o.Host = host
	o.Reply = o.Elapsed() - o.Connect
	f.steps.completed++
}

func (f *floodActivity) lose(key uint32, now int64, class Class, err error) {
	f.waiting.Remove(key)
	f.fail(key, now, class, err)
}
