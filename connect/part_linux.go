package connect

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

const (
	// dialsPerTurn bounds how long new dials can keep the loop from seeing, and timing, what has happened meanwhile.
	dialsPerTurn = 16
	// flushNs is how long an outcome waits at most for others to travel with.
	flushNs = 100e6
)

// part is one loop's share of a job. It dials; what happens to established connections is its activity's business.
type part struct {
	runner   *loopRunner
	job      *job
	loop     *loop.Loop
	place    *loop.Source
	activity activity

	targets    []endpoint
	udp        bool
	conns      slab
	lanes      int // connections that may be begun before others leave their lane
	connecting *loop.Queue

	steps   steps
	batch   []Outcome
	flushAt int64
	causes  causes

	starved claim   // waits for a descriptor, if isStarved
	redials redials // of connections that are to be made again
	isStarved,
	stopped, // dials no more, because it was told so
	exhausted, // dials no more, because nothing is left
	hasSettled bool
}

// activity is what a part does with established connections. Its methods are called on the loop's goroutine.
type activity interface {
	// established takes over a connection. errno is an error that the socket has reported since; data may have come before it.
	established(key uint32, now int64, events loop.Events, errno syscall.Errno)
	// ready is told what an established connection is ready for.
	ready(key uint32, events loop.Events)
	// failed is told of a connection that could not be established.
	failed(c claim, now int64)
	// tick does what is due, and returns when it wants to be called again at the latest.
	tick(now int64) (wake int64)
	// timeUp is called once if the call's time is over.
	timeUp(now int64)
	// stop ends all established connections with the class given, or as completed if that is ClassNone.
	stop(now int64, class Class)
}

// endpoint is a target as the kernel wants it.
type endpoint struct {
	addr   socket.Addr
	family int
	local  netip.AddrPort // as a socket's own that is connected to itself
}

func newPart(r *loopRunner, l *loop.Loop, lanes int) *part {
	plan := &r.job.plan
	p := &part{
		runner:     r,
		job:        r.job,
		loop:       l,
		udp:        plan.Protocol() == "udp",
		targets:    make([]endpoint, len(plan.Targets)),
		lanes:      lanes,
		connecting: loop.NewQueue(int64(plan.ConnectTimeout)),
		causes:     causes{},
		flushAt:    loop.Never,
	}
	for i := range plan.Targets {
		to := plan.Targets[i].Addr
		addr := socket.NewAddr(to)
		p.targets[i] = endpoint{addr, addr.Family(), netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())}
	}
	p.activity = r.newActivity(p)
	return p
}

// Tick implements loop.Handler: whatever time or the last events have made due.
func (p *part) Tick(now int64) int64 {
	seen := p.place.Seen()
	for key, ok := p.connecting.Expired(seen); ok; key, ok = p.connecting.Expired(seen) {
		p.fail(key, now, ClassTimeout, p.causes.of("connect: no answer in time", socket.OK))
	}
	if seen >= p.job.deadline && !p.stopped {
		p.stopDialling(now, ClassTimeout)
		p.activity.timeUp(now)
	}
	wake := min(p.activity.tick(now), p.dialDue())
	p.job.count(&p.steps)
	p.settle()
	if p.finished() {
		p.flush()
		p.place.Detach()
		p.job.end(now)
		countDown(&p.runner.open, p.runner.allDone)
		return loop.Never
	}
	if now >= p.flushAt {
		p.flush()
	}
	_, deadline, _ := p.connecting.First()
	if !p.stopped {
		wake = min(wake, p.job.deadline)
	}
	return min(wake, deadline, p.flushAt)
}

func (p *part) settle() {
	_, _, dialling := p.connecting.First()
	if !p.hasSettled && !dialling && p.dialledAll() {
		p.hasSettled = true
		p.flush()
		countDown(&p.runner.dialling, p.runner.allSettled)
	}
}

func (p *part) dialledAll() bool {
	return (p.stopped || p.exhausted && len(p.redials) == 0) && !p.isStarved
}

func (p *part) finished() bool { return p.dialledAll() && p.conns.open() == 0 }

// stop is runner's stop for this part.
func (p *part) stop(dialling, established Class) {
	if p.finished() {
		return
	}
	now := loop.Now()
	p.stopDialling(now, dialling)
	p.activity.stop(now, established)
	p.place.Wake()
}

func (p *part) stopDialling(now int64, class Class) {
	p.stopped, p.isStarved, p.redials = true, false, nil
	why := p.causes.of("connect: the call was stopped first", socket.OK)
	if class == ClassTimeout {
		why = errTimeUp
	}
	for key, _, ok := p.connecting.First(); ok; key, _, ok = p.connecting.First() {
		p.fail(key, now, class, why)
	}
}

// dialDue starts the connections that are due, and says when it wants to be called again.
func (p *part) dialDue() (wake int64) {
	for range dialsPerTurn {
		if p.stopped || p.lanes == 0 {
			return loop.Never
		}
		now := loop.Now()
		c, wait, ok := p.nextClaim(now)
		if !ok {
			p.exhausted = wait == loop.Never
			return min(wait, p.redials.first())
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
	if p.redials.first() <= now {
		p.steps.planned++
		return p.redials.pop(), 0, true
	}
	return p.job.claim(now)
}

// redial makes a connection again, when c is planned. After a stop it does nothing.
func (p *part) redial(c claim) {
	if !p.stopped {
		p.redials.push(c)
	}
}

// failed implements activity for those that don't mind.
func (p *part) failed(claim, int64) {}

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
	if errno != socket.OK && classifyErrno(errno) == ClassFDLimit && p.descriptorsWillBeFreed() {
		return false
	}
	p.steps.started++
	if errno != socket.OK {
		p.reject(c, now, classifyErrno(errno), p.causes.of("socket", errno))
		return true
	}
	if op, errno := p.launch(fd, c, to); errno != socket.OK {
		socket.Close(fd)
		p.reject(c, loop.Now(), p.launchClass(op, errno), p.causes.of(op, errno))
		return true
	}
	key := p.conns.put(conn{claim: c, fd: int32(fd), inLane: true}) // #nosec G115 -- descriptors are 32 bits wide
	p.lanes--
	p.connecting.Push(key, loop.Now()) // after the SYN: this process may pause before
	if err := p.place.Add(fd, key, loop.Readable|loop.Writable|loop.Edge); err != nil {
		p.fail(key, loop.Now(), ClassOther, err)
	}
	return true
}

// descriptorsWillBeFreed reports whether connections of this job are open that end by themselves.
func (p *part) descriptorsWillBeFreed() bool {
	p.job.count(&p.steps)
	s := p.job.counters.States()
	return !p.job.keeps && s.Dialing+s.Established > 0
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

// launchClass classifies a failed launch. That a connect finds no address means that the port it may use is taken, if
// that port is fixed: another connection has the same 5-tuple.
func (p *part) launchClass(op string, errno syscall.Errno) Class {
	if op == "connect" && errno == unix.EADDRNOTAVAIL && p.job.plan.Sources.Ports.Count() > 0 {
		return ClassAddrInUse
	}
	return class.OfCall(op, errno)
}

// Ready implements loop.Handler.
func (p *part) Ready(key uint32, events loop.Events) {
	c := p.conns.at(key)
	if c.connected {
		p.activity.ready(key, events)
		return
	}
	var errno syscall.Errno
	if events&(loop.Failed|loop.HungUp) != 0 {
		errno = socket.Error(int(c.fd))
	}
	switch {
	case errno == unix.ECONNRESET || errno == unix.EPIPE:
		// An attempt to connect is refused, never reset: this connection was established, and has been reset since.
		p.establish(key, events, errno)
	case errno != socket.OK:
		p.fail(key, p.place.Now(), classifyErrno(errno), p.causes.of("connect", errno))
	case events&(loop.Writable|loop.HungUp) == 0:
	case socket.Local(int(c.fd)) == p.targets[p.job.target(c.number)].local:
		_ = socket.ResetOnClose(int(c.fd)) // the port is free at once
		p.fail(key, p.place.Now(), ClassRefused, errItself)
	default:
		p.establish(key, events, socket.OK)
	}
}

func (p *part) establish(key uint32, events loop.Events, errno syscall.Errno) {
	c := p.conns.at(key)
	now := p.place.Now()
	c.connected, c.connect = true, now
	p.steps.connected++
	if !p.udp {
		c.info = socket.TCPInfo(int(c.fd))
	}
	p.connecting.Remove(key)
	p.activity.established(key, now, events, errno)
}

// fail ends a connection as an error, and returns its record.
func (p *part) fail(key uint32, now int64, class Class, err error) *Outcome {
	if c := p.conns.at(key); !c.connected && !p.udp {
		c.info = socket.TCPInfo(int(c.fd)) // for the SYNs that were sent in vain
		c.info.RTT = 0
	}
	o := p.end(key, now)
	o.Class, o.Err = class, err
	if o.Connected {
		p.steps.errors++
		return o
	}
	p.steps.dialErrors++
	p.activity.failed(claim{number: o.Number, planned: p.job.start + int64(o.Planned)}, now)
	return o
}

// reject ends a connection that never had a socket in flight.
func (p *part) reject(c claim, now int64, class Class, err error) {
	o := p.record(c, now)
	o.Class, o.Err = class, err
	p.steps.dialErrors++
	p.activity.failed(c, now)
}

// end closes a connection and returns its record, to be filled in at once.
func (p *part) end(key uint32, now int64) *Outcome {
	c := p.conns.at(key)
	if !c.connected {
		p.connecting.Remove(key)
	} else if p.job.plan.Reset && !p.udp {
		_ = socket.ResetOnClose(int(c.fd))
	}
	p.place.Close(int(c.fd))
	p.leaveLane(c)
	p.conns.remove(key)
	return p.report(c, now)
}

// leaveLane makes room for another connection to be dialled.
func (p *part) leaveLane(c *conn) {
	if c.inLane {
		c.inLane = false
		p.lanes++
	}
}

// report makes a record of what is known of a connection.
func (p *part) report(c *conn, now int64) *Outcome {
	o := p.record(c.claim, now)
	o.Connected = c.connected
	if c.connected {
		o.Connect = time.Duration(c.connect - c.planned)
	}
	o.RTT = time.Duration(c.info.RTT) * time.Microsecond
	o.SYNRetransmits = int64(c.info.Retransmits)
	o.Sent, o.Received = c.sent, c.received
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
		p.batch = p.job.outcomes.deliver(p.batch)
	}
	p.flushAt = loop.Never
}
