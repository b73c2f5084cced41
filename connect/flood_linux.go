package connect

import (
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

// loopFlood runs a job on event loops, each of which makes a part of the connections.
type loopFlood struct {
	job    *job
	engine *Engine
	parts  []*part
	active atomic.Int32 // parts that are not finished
	ended  chan struct{}
}

func (f *loopFlood) start() error {
	lanes := int(min(int64(f.job.plan.Concurrency), f.job.plan.Connections))
	loops, err := f.engine.loops.acquire((lanes + lanesPerLoop - 1) / lanesPerLoop)
	if err != nil {
		return err
	}
	f.active.Store(int32(len(loops))) // #nosec G115 -- at most maxLoops
	for i, l := range loops {
		share := lanes / (len(loops) - i)
		lanes -= share
		p := newPart(f, l, share)
		f.parts = append(f.parts, p)
		l.Do(func() { p.place = l.Attach(p) })
	}
	return nil
}

// leave is called by each part when it is finished.
func (f *loopFlood) leave() {
	if f.active.Add(-1) == 0 {
		close(f.ended)
	}
}

func (f *loopFlood) done() <-chan struct{} { return f.ended }

func (f *loopFlood) abort() {
	for _, p := range f.parts {
		p.loop.Do(p.abort)
	}
}

func (f *loopFlood) close() { f.engine.loops.release() }

// lanesPerLoop is the concurrency that one loop serves before another one takes part.
const lanesPerLoop = 16

const (
	// dialsPerTurn bounds how long new dials can keep the loop from seeing, and timing, what has happened meanwhile.
	dialsPerTurn = 16
	// flushNs is how long an outcome waits at most for others to travel with.
	flushNs = 100e6
	// retryNs is the pause before a descriptor is asked for again when there was none.
	retryNs = 1e6
)

// part is one loop's share of a flood.
type part struct {
	flood   *loopFlood
	job     *job
	loop    *loop.Loop
	place   *loop.Source
	targets []endpoint
	udp     bool

	conns      []conn   // slab; a connection's key is its index
	free       []uint32 // keys of conns that are not in use
	connecting *loop.Queue
	waiting    *loop.Queue // for the answer

	steps   steps
	batch   []Outcome
	flushAt int64
	names   names
	causes  map[cause]error
	buf     [2 * (reply.MaxLength + 1)]byte

	starved claim // waits for a descriptor, if isStarved
	isStarved,
	stopped, exhausted bool
}

// endpoint is a target as the kernel wants it.
type endpoint struct {
	addr   socket.Addr
	family int
}

// conn is a connection from its socket to its end.
type conn struct {
	claim
	fd        int32
	connected bool
	connect   int64 // loop time when it was established
	info      socket.Info
	sent      int32
}

// cause is what went wrong: a call and its error number.
type cause struct {
	op    string
	errno syscall.Errno
}

// Error implements error.
func (c cause) Error() string {
	if c.errno == socket.OK {
		return c.op
	}
	return c.op + ": " + c.errno.Error()
}

// Unwrap gives errors.Is the error number.
func (c cause) Unwrap() error { return c.errno }

func newPart(f *loopFlood, l *loop.Loop, lanes int) *part {
	plan := &f.job.plan
	proto, _ := plan.protocol()
	p := &part{
		flood:      f,
		job:        f.job,
		loop:       l,
		udp:        proto == "udp",
		targets:    make([]endpoint, len(plan.Targets)),
		conns:      make([]conn, lanes),
		free:       make([]uint32, 0, lanes),
		connecting: loop.NewQueue(int64(plan.ConnectTimeout)),
		waiting:    loop.NewQueue(int64(plan.ConnectTimeout)),
		names:      names{},
		causes:     map[cause]error{},
		flushAt:    loop.Never,
	}
	for i := range plan.Targets {
		addr := socket.NewAddr(plan.Targets[i].Addr)
		p.targets[i] = endpoint{addr: addr, family: addr.Family()}
	}
	for key := range lanes {
		p.free = append(p.free, uint32(key)) // #nosec G115 -- lanes is an int32 at most
	}
	return p
}

// Tick implements loop.Handler: whatever time or the last events have made due.
func (p *part) Tick(now int64) int64 {
	p.expire(now)
	if now >= p.job.deadline && !p.stopped {
		p.stop(ClassTimeout, ClassNoReply)
	}
	wake := p.dialDue()
	p.job.count(&p.steps)
	if p.finished() {
		p.flush()
		p.place.Detach()
		p.flood.leave()
		return loop.Never
	}
	if now >= p.flushAt {
		p.flush()
	}
	for _, q := range []*loop.Queue{p.connecting, p.waiting} {
		_, deadline, _ := q.First()
		wake = min(wake, deadline)
	}
	return min(wake, p.flushAt, p.job.deadline)
}

func (p *part) finished() bool {
	return (p.stopped || p.exhausted) && !p.isStarved && p.inFlight() == 0
}

func (p *part) inFlight() int { return len(p.conns) - len(p.free) }

func (p *part) expire(now int64) {
	for key, ok := p.connecting.Expired(now); ok; key, ok = p.connecting.Expired(now) {
		p.fail(key, now, ClassTimeout, cause{op: "connect: no answer in time"})
	}
	for key, ok := p.waiting.Expired(now); ok; key, ok = p.waiting.Expired(now) {
		p.fail(key, now, ClassNoReply, cause{op: "read: connected, but no answer in time"})
	}
}

// stop dials no more and ends what is in flight.
func (p *part) stop(connecting, waiting Class) {
	p.stopped, p.isStarved = true, false
	now := loop.Now()
	for key, _, ok := p.connecting.First(); ok; key, _, ok = p.connecting.First() {
		p.fail(key, now, connecting, cause{op: "connect: the call ended first"})
	}
	for key, _, ok := p.waiting.First(); ok; key, _, ok = p.waiting.First() {
		p.fail(key, now, waiting, cause{op: "read: the call ended first"})
	}
}

func (p *part) abort() {
	if p.finished() {
		return
	}
	p.stop(ClassAborted, ClassAborted)
	p.place.Wake()
}

// dialDue starts the connections that are due, and says when it wants to be called again.
func (p *part) dialDue() (wake int64) {
	for range dialsPerTurn {
		if p.stopped || len(p.free) == 0 {
			return loop.Never
		}
		now := loop.Now()
		c, wait, ok := p.nextClaim(now)
		if !ok {
			p.exhausted = wait == loop.Never
			return wait
		}
		if !p.dial(c, now) {
			p.starved, p.isStarved = c, true
			return now + retryNs
		}
	}
	return p.place.Now() // more may be due: come back as soon as the events that wait are seen
}

func (p *part) nextClaim(now int64) (c claim, wait int64, ok bool) {
	if p.isStarved {
		p.isStarved = false
		return p.starved, 0, true
	}
	return p.job.claim(now)
}

// dial starts a connection. It returns false if there was no descriptor for it, but will be.
func (p *part) dial(c claim, now int64) bool {
	at := p.job.target(c.number)
	if t := &p.job.plan.Targets[at]; t.Err != nil {
		p.steps.started++
		p.reject(c, now, t.Class, t.Err)
		return true
	}
	to := &p.targets[at]
	kind := unix.SOCK_STREAM
	if p.udp {
		kind = unix.SOCK_DGRAM
	}
	fd, errno := socket.Open(to.family, kind)
	if errno != socket.OK && classifyErrno(errno) == ClassFDLimit && p.othersInFlight() {
		return false
	}
	p.steps.started++
	if errno != socket.OK {
		p.reject(c, now, classifyErrno(errno), p.cause("socket", errno))
		return true
	}
	if op, errno := p.launch(fd, c, to); errno != socket.OK {
		socket.Close(fd)
		p.reject(c, loop.Now(), classifyErrno(errno), p.cause(op, errno))
		return true
	}
	key := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.conns[key] = conn{claim: c, fd: int32(fd)} // #nosec G115 -- descriptors are 32 bits wide
	p.connecting.Push(key, now)
	if err := p.place.Add(fd, key, loop.Readable|loop.Writable|loop.Edge); err != nil {
		p.fail(key, loop.Now(), ClassOther, err)
	}
	return true
}

// othersInFlight reports whether connections of this job are open, whose end frees descriptors.
func (p *part) othersInFlight() bool {
	p.job.count(&p.steps)
	s := p.job.counters.States()
	return s.Dialing+s.Established > 0
}

// launch binds the socket if a source is wanted and starts the connect.
func (p *part) launch(fd int, c claim, to *endpoint) (op string, errno syscall.Errno) {
	if sources := &p.job.plan.Sources; sources.Chosen() {
		from := sources.At(uint64(c.number)) // #nosec G115 -- connections count from 0
		if errno := socket.BindSource(fd, to.family, from); errno != socket.OK {
			return "bind", errno
		}
	}
	if errno := socket.Connect(fd, &to.addr); errno != socket.OK && errno != unix.EINPROGRESS {
		return "connect", errno
	}
	return "", socket.OK
}

// Ready implements loop.Handler.
func (p *part) Ready(key uint32, events loop.Events) {
	c := &p.conns[key]
	if c.connected {
		p.read(key, socket.OK)
		return
	}
	var errno syscall.Errno
	if events&(loop.Failed|loop.HungUp) != 0 {
		errno = socket.Error(int(c.fd))
	}
	switch {
	case errno == unix.ECONNRESET || errno == unix.EPIPE:
		// An attempt to connect is refused, never reset: this connection was established, and has been reset since.
		p.established(key, events, errno)
	case errno != socket.OK:
		p.fail(key, p.place.Now(), classifyErrno(errno), p.cause("connect", errno))
	case p.udp:
		p.send(key, events)
	case events&(loop.Writable|loop.HungUp) != 0:
		p.established(key, events, socket.OK)
	}
}

func (p *part) established(key uint32, events loop.Events, errno syscall.Errno) {
	c := &p.conns[key]
	now := p.place.Now()
	c.connected, c.connect = true, now
	p.steps.connected++
	if !p.udp {
		c.info = socket.TCPInfo(int(c.fd))
	}
	p.connecting.Remove(key)
	p.waiting.Push(key, now)
	switch {
	case p.job.plan.SkipReply:
		p.complete(key, now, "", 0)
	case errno != socket.OK, events&(loop.Readable|loop.HungUp) != 0:
		p.read(key, errno)
	}
}

// send sends the datagram of a UDP flow, which counts as established from then on.
func (p *part) send(key uint32, events loop.Events) {
	c := &p.conns[key]
	n, errno := socket.Write(int(c.fd), p.job.plan.Payload)
	switch {
	case errno == unix.EAGAIN:
	case errno != socket.OK:
		p.fail(key, p.place.Now(), classifyErrno(errno), p.cause("send", errno))
	default:
		c.sent = int32(n) // #nosec G115 -- a datagram is at most 64 KiB
		p.established(key, events&^loop.Readable, socket.OK)
	}
}

// read takes the answer. errno is an error that the socket has already reported; data may have come before it.
func (p *part) read(key uint32, errno syscall.Errno) {
	c := &p.conns[key]
	now := p.place.Now()
	if now == c.connect {
		now = loop.Now() // the answer came with the handshake's end: this is as early as it can be known
	}
	n, readErrno := socket.Read(int(c.fd), p.buf[:])
	if readErrno == unix.EAGAIN && errno == socket.OK {
		return
	}
	if errno == socket.OK || readErrno != socket.OK && readErrno != unix.EAGAIN {
		errno = readErrno
	}
	if n == 0 && errno != socket.OK {
		p.fail(key, now, classifyErrno(errno), p.cause("read", errno))
		return
	}
	if n == 0 && !p.udp {
		p.fail(key, now, ClassClosed, p.cause("read: the peer closed before it answered", socket.OK))
		return
	}
	host, ok := reply.Parse(p.buf[:n])
	if !ok {
		p.failReceived(key, now, n)
		return
	}
	p.complete(key, now, p.names.intern(host), n)
}

func (p *part) failReceived(key uint32, now int64, received int) {
	o := p.end(key, now)
	o.Class, o.Err, o.Received = ClassBadReply, p.cause("read: the answer is not 1 to 255 bytes of printable UTF-8", socket.OK), int64(received)
	p.steps.errors++
}

func (p *part) complete(key uint32, now int64, host string, received int) {
	o := p.end(key, now)
	o.Host, o.Received = host, int64(received)
	o.Reply = o.Ended - o.Planned - o.Connect
	p.steps.completed++
}

func (p *part) fail(key uint32, now int64, class Class, err error) {
	if c := &p.conns[key]; !c.connected && !p.udp {
		c.info = socket.TCPInfo(int(c.fd)) // for the SYNs that were sent in vain
		c.info.RTT = 0
	}
	o := p.end(key, now)
	o.Class, o.Err = class, err
	if o.Connected {
		p.steps.errors++
	} else {
		p.steps.dialErrors++
	}
}

// reject ends a connection that never had a socket in flight.
func (p *part) reject(c claim, now int64, class Class, err error) {
	o := p.record(c, now)
	o.Class, o.Err = class, err
	p.steps.dialErrors++
}

// end closes a connection and returns its record, to be filled in at once.
func (p *part) end(key uint32, now int64) *Outcome {
	c := &p.conns[key]
	if c.connected {
		p.waiting.Remove(key)
		if p.job.plan.Reset && !p.udp {
			socket.ResetOnClose(int(c.fd))
		}
	} else {
		p.connecting.Remove(key)
	}
	socket.Close(int(c.fd))
	p.free = append(p.free, key)

	o := p.record(c.claim, now)
	o.Connected = c.connected
	if c.connected {
		o.Connect = time.Duration(c.connect - c.planned)
	}
	o.RTT = time.Duration(c.info.RTT) * time.Microsecond
	o.SYNRetransmits = int64(c.info.Retransmits)
	o.Sent = int64(c.sent)
	return o
}

// record makes room for an outcome in the batch.
func (p *part) record(c claim, now int64) *Outcome {
	if len(p.batch) == cap(p.batch) {
		p.renewBatch()
	}
	if p.flushAt == loop.Never {
		p.flushAt = now + flushNs
	}
	p.batch = append(p.batch, p.job.outcome(c, now))
	return &p.batch[len(p.batch)-1]
}

func (p *part) renewBatch() {
	p.flush()
	if cap(p.batch) == 0 {
		p.batch = make([]Outcome, 0, min(batchSize, p.job.plan.Connections))
	}
}

func (p *part) flush() {
	if len(p.batch) > 0 {
		p.batch = p.job.deliver(p.batch)
	}
	p.flushAt = loop.Never
}

// cause returns an error that is made only once, since many connections may fail in the same way.
func (p *part) cause(op string, errno syscall.Errno) error {
	c := cause{op, errno}
	if p.causes[c] == nil {
		p.causes[c] = c
	}
	return p.causes[c]
}
