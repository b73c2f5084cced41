package server

import (
	"math"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sys"
)

const (
	listenerKey = math.MaxUint32
	// One event of the listener accepts so many at most, so that connections are answered between two batches.
	acceptBatch = 64
	// At the end the backlog is emptied, since closing the listener would reset who waits there.
	lastBatch = 4096
	readSize  = 64 << 10
	// How long accepting rests when the system is out of descriptors or memory: the listener stays readable.
	restNs = 50e6
)

// tcpLoop serves the connections that one event loop has accepted. All methods but do run on the loop's goroutine.
type tcpLoop struct {
	server *Server
	count  *counters
	loop   *loop.Loop
	source *loop.Attachment

	listener  int
	accepting bool  // until the server drains
	resume    int64 // when accepting goes on after a shortage; else loop.Never
	spare     int   // given up to accept one more when descriptors are used up

	talk   talk
	heads  *heads // nil unless connections begin with PROXY headers
	conns  slab
	idle   *loop.Queue
	buffer []byte // what one client has sent, until the next one is heard
}

func startTCPLoop(s *Server, p port, listener int) (*tcpLoop, error) {
	l, err := loop.Start()
	if err != nil {
		return nil, err //nolint:wrapcheck // says what was started
	}
	t := &tcpLoop{
		server: s, count: p.tally.newPart(), loop: l, listener: listener, accepting: true, resume: loop.Never,
		spare: -1, idle: loop.NewQueue(int64(s.options.IdleTimeout)), buffer: make([]byte, readSize),
	}
	t.talk = p.role.talkOn(t)
	if s.options.ProxyProtocol {
		t.heads = newHeads(t)
	}
	t.do(func() {
		t.source = l.Attach(t)
		t.keepSpare()
		err = t.listen()
	})
	if err != nil {
		t.do(t.end)
		l.Stop()
		return nil, err
	}
	return t, nil
}

// do runs task on the loop and waits for its end.
func (t *tcpLoop) do(task func()) {
	done := make(chan struct{})
	if t.loop.Do(func() { defer close(done); task() }) {
		<-done
	}
}

func (t *tcpLoop) listen() error {
	return t.source.Add(t.listener, listenerKey, loop.Readable|loop.Exclusive)
}

// Ready implements loop.Handler.
func (t *tcpLoop) Ready(key uint32, events loop.Events) {
	if key == listenerKey {
		t.accept(acceptBatch)
		return
	}
	var open bool
	if t.heads.awaits(key) {
		open = t.heads.ready(key, events)
	} else {
		open = t.talk.ready(key, events)
	}
	if !open {
		t.hangUp(key)
	}
}

// Tick implements loop.Handler: it closes idle connections, and goes on accepting after a shortage.
func (t *tcpLoop) Tick(now int64) (wake int64) {
	if t.accepting && t.resume <= now {
		t.resume = loop.Never
		t.keepSpare()
		if err := t.listen(); err != nil {
			t.server.short(err)
			t.resume = now + restNs
		}
	}
	for {
		key, ok := t.idle.Expired(now)
		if !ok {
			break
		}
		t.count.timedOut.Add(1)
		t.hangUp(key)
	}
	_, deadline, _ := t.idle.First()
	return min(deadline, t.resume, t.heads.tick())
}

func (t *tcpLoop) accept(most int) {
	for range most {
		fd, client, errno := t.next()
		switch errno {
		case sys.OK:
			t.welcome(fd, client)
		case unix.EAGAIN:
			return
		case unix.EMFILE, unix.ENFILE:
			// Also said when nobody waits: accept(2) wants the descriptor first.
			if more := t.shed(); !more {
				return
			}
		case unix.ECONNABORTED, unix.EPROTO, unix.ENOPROTOOPT, unix.EOPNOTSUPP, unix.EINTR,
			unix.ENETDOWN, unix.EHOSTDOWN, unix.ENONET, unix.EHOSTUNREACH, unix.ENETUNREACH:
			// Only this connection has failed, before it was accepted: accept(2).
		default:
			t.server.short(errno)
			t.rest()
			return
		}
	}
}

// next takes a connection from the backlog. The client's address costs, so it is valid only if something needs it.
func (t *tcpLoop) next() (fd int, client netip.AddrPort, errno syscall.Errno) {
	if o := &t.server.options; o.OnAccept != nil || o.TellSource || o.ProxyProtocol {
		return sys.AcceptFrom(t.listener)
	}
	fd, errno = sys.Accept(t.listener)
	return fd, client, errno
}

func (t *tcpLoop) welcome(fd int, client netip.AddrPort) {
	s := t.server
	if !s.enter() {
		s.refused(t.count)
		sys.Close(fd)
		return
	}
	t.count.accepted.Add(1)
	key := t.conns.take(fd)
	if t.heads != nil {
		t.heads.await(key, client)
	} else {
		t.begin(key, client)
	}
	if err := t.source.Add(fd, key, loop.Readable); err != nil {
		s.short(err)
		t.hangUp(key)
	}
}

// begin serves a client whose address is known, if anybody asks for it.
func (t *tcpLoop) begin(key uint32, client netip.AddrPort) {
	if t.server.options.OnAccept != nil {
		t.server.options.OnAccept(client)
	}
	t.talk.welcome(key, client)
	t.idle.Push(key, t.source.Now())
}

// hear reads at most so many bytes of what a client has sent; they are good until the next call. It returns false when
// the connection is over.
func (t *tcpLoop) hear(key uint32, events loop.Events, most int) (data []byte, open bool) {
	data, open = t.read(key, events, most)
	if len(data) > 0 {
		t.count.received.Add(int64(len(data)))
		t.idle.Remove(key)
		t.idle.Push(key, t.source.Now())
	}
	return data, open
}

// read is hear without the account of who has been heard.
func (t *tcpLoop) read(key uint32, events loop.Events, most int) (data []byte, open bool) {
	n, errno := sys.Read(t.conns.fd(key), t.buffer[:most])
	if errno == unix.EAGAIN && events&(loop.Failed|loop.HungUp) == 0 {
		return nil, true
	}
	return t.buffer[:n], n > 0 // 0 is its end, or an error
}

// watch changes what a client is watched for. It returns false when that is not possible, and the connection over.
func (t *tcpLoop) watch(key uint32, events loop.Events) (open bool) {
	return t.source.Modify(t.conns.fd(key), key, events) == nil
}

func (t *tcpLoop) hangUp(key uint32) {
	t.source.Close(t.conns.fd(key))
	if t.heads.awaits(key) {
		t.heads.forget(key)
	} else {
		t.idle.Remove(key)
		t.talk.forget(key)
	}
	t.conns.give(key)
	t.server.gate.leave()
	t.count.left.Add(1)
}

// shed accepts a connection just to close it, with the spare descriptor, so that its client need not wait in vain.
// It returns false when there is no more to be done for now.
func (t *tcpLoop) shed() (more bool) {
	if t.spare >= 0 {
		sys.Close(t.spare)
		t.spare = -1
	}
	fd, errno := sys.Accept(t.listener)
	if errno == sys.OK {
		t.count.refused.Add(1)
		sys.Close(fd)
	}
	t.keepSpare()
	if errno == unix.EAGAIN {
		return false
	}
	t.server.short(unix.EMFILE)
	if errno != sys.OK || t.spare < 0 {
		t.rest()
		return false
	}
	return true
}

func (t *tcpLoop) keepSpare() {
	if t.spare >= 0 {
		return
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return // the next shortage finds no spare, and rests
	}
	t.spare = fd
}

// rest stops accepting for a while: other loops, or descriptors freed meanwhile, may do better.
func (t *tcpLoop) rest() {
	_ = t.source.Remove(t.listener)
	t.resume = t.source.Now() + restNs
}

func (t *tcpLoop) stopAccepting() {
	if !t.accepting {
		return
	}
	t.accept(lastBatch)
	t.accepting = false
	t.resume = loop.Never
	_ = t.source.Remove(t.listener)
}

// end closes everything that the loop has.
func (t *tcpLoop) end() {
	if t.accepting {
		t.accepting = false
		_ = t.source.Remove(t.listener)
	}
	for key, _, ok := t.idle.First(); ok; key, _, ok = t.idle.First() {
		t.hangUp(key)
	}
	t.heads.end()
	if t.spare >= 0 {
		sys.Close(t.spare)
	}
	t.source.Detach()
}
