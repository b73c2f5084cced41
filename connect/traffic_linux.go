package connect

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/socket"
)

const (
	// sendsPerTurn bounds how long packets that are due can keep the loop from seeing, and timing, those that have come back.
	sendsPerTurn = 64
	// echoBatch is how many echoes travel together to the collector.
	echoBatch = 1 << 10
	// readSize is what one read takes of a stream.
	readSize = 64 << 10
)

// loopFlow is a flow on an event loop.
type loopFlow struct {
	flow
	key    uint32 // of its connection, if it is up
	up     bool
	place  int  // among the slots; -1 if it is not there
	toSend int  // bytes of the packet that the kernel has not taken yet
	timed  bool // among the unheard
}

// trafficActivity sends packets on established connections, and waits for their echoes.
type trafficActivity struct {
	*part
	pace
	flows    []*loopFlow
	byNumber map[int64]uint32 // place in flows

	slots    slots       // flows whose next packet has its time
	unechoed *loop.Queue // connections that wait for an echo, until they are lost
	unheard  *loop.Queue // UDP flows without a pace, until they give up the packet on its way; nil for others
	draining bool        // sends no more, and waits for what is on its way

	counts  trafficSteps
	echoes  []Echo
	echoDue int64 // when echoes are delivered at the latest
	packet  []byte
	buf     []byte
}

func newTrafficActivity(p *part) activity {
	plan := &p.job.traffic.TrafficPlan
	t := &trafficActivity{
		part: p, pace: newPace(p.job), byNumber: map[int64]uint32{},
		unechoed: loop.NewQueue(int64(plan.LossTimeout)),
		packet:   make([]byte, plan.PacketSize), buf: make([]byte, max(readSize, plan.PacketSize+1)),
		echoDue: loop.Never,
	}
	if t.interval == 0 && p.udp {
		t.unheard = loop.NewQueue(int64(plan.LossTimeout) / unheardPart)
	}
	return t
}

func (t *trafficActivity) flowOf(number int64) (at uint32, f *loopFlow) {
	at, known := t.byNumber[number]
	if !known {
		at = uint32(len(t.flows)) // #nosec G115 -- at most MaxConnections
		t.byNumber[number] = at
		t.flows = append(t.flows, &loopFlow{flow: flow{number: number}, place: -1})
	}
	return at, t.flows[at]
}

func (t *trafficActivity) established(key uint32, now int64, _ loop.Events, errno syscall.Errno) {
	c := t.conns.at(key)
	t.leaveLane(c)
	at, f := t.flowOf(c.number)
	c.flow = at
	f.begin(socket.Local(int(c.fd)))
	f.key, f.up, f.toSend, f.timed = key, true, 0, false
	t.counts.connected++
	if f.lives > 1 {
		t.counts.reconnected++
	}
	t.report(c, now).Event = Established
	if errno != socket.OK {
		t.lose(f, now, classifyErrno(errno), t.causes.of("read", errno))
		return
	}
	events := loop.Readable | loop.Writable | loop.PeerDone | loop.Edge
	if t.udp {
		events = loop.Readable
	} else {
		_ = socket.SetInt(int(c.fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // a packet's end must not wait for the peer's delayed ACK
	}
	if err := t.place.Modify(int(c.fd), key, events); err != nil {
		t.lose(f, now, ClassOther, err)
		return
	}
	if t.interval == 0 {
		t.send(f, now)
		return
	}
	f.slot = t.firstSlot(&f.flow, now)
	t.slots.add(f)
}

func (t *trafficActivity) failed(c claim, now int64) {
	_, f := t.flowOf(c.number)
	f.failed++
	t.again(f, now)
}

// again dials a flow anew, after a while, if that is wanted.
func (t *trafficActivity) again(f *loopFlow, now int64) {
	if t.job.traffic.NoReconnect {
		t.job.traffic.counters.gaveUp.Add(1)
		return
	}
	t.redial(claim{number: f.number, planned: now + int64(f.backoff())})
}

func (t *trafficActivity) ready(key uint32, events loop.Events) {
	f := t.flows[t.conns.at(key).flow]
	if t.udp {
		t.readDatagram(f)
		return
	}
	if f.toSend > 0 && events&loop.Writable != 0 && !t.write(f) {
		return
	}
	t.readStream(f, events&(loop.PeerDone|loop.HungUp|loop.Failed) != 0)
}

// send sends a packet that was due at planned. The time for its echo begins when it has been sent: this process may pause before.
func (t *trafficActivity) send(f *loopFlow, planned int64) {
	if t.udp {
		t.sendDatagram(f, planned)
		return
	}
	n, errno := socket.Write(int(t.conns.at(f.key).fd), t.packet)
	now := loop.Now()
	t.sending(&f.flow, planned, now)
	t.counts.sent++
	t.unechoed.Push(f.key, now)
	f.toSend = t.size
	t.written(f, n, errno)
}

// write gives the kernel what is left of a packet. It returns false if that was the end of the connection.
func (t *trafficActivity) write(f *loopFlow) bool {
	n, errno := socket.Write(int(t.conns.at(f.key).fd), t.packet[:f.toSend])
	return t.written(f, n, errno)
}

func (t *trafficActivity) written(f *loopFlow, n int, errno syscall.Errno) bool {
	if errno != socket.OK && errno != unix.EAGAIN {
		t.lose(f, t.place.Now(), classifyErrno(errno), t.causes.of("write", errno))
		return false
	}
	f.toSend -= n
	return true
}

func (t *trafficActivity) sendDatagram(f *loopFlow, planned int64) {
	t.stamp(t.packet, planned)
	_, errno := socket.Write(int(t.conns.at(f.key).fd), t.packet)
	now := loop.Now()
	switch errno {
	case socket.OK:
		if f.waiting == 0 {
			t.unechoed.Push(f.key, now)
		}
		t.sending(&f.flow, planned, now)
		t.counts.sent++
	case unix.EAGAIN, unix.ENOBUFS:
		f.dropped++
		t.counts.dropped++
	default:
		t.lose(f, now, classifyErrno(errno), t.causes.of("send", errno))
		return
	}
	if t.unheard != nil && !f.timed {
		t.unheard.Push(f.key, now)
		f.timed = true
	}
}

func (t *trafficActivity) leaveUnheard(f *loopFlow) {
	if f.timed {
		t.unheard.Remove(f.key)
		f.timed = false
	}
}

// readStream takes what has come. Events are told only once, so if the peer has closed, it reads on until it finds out how.
func (t *trafficActivity) readStream(f *loopFlow, closed bool) {
	fd := int(t.conns.at(f.key).fd)
	for f.up {
		n, errno := socket.Read(fd, t.buf)
		now := t.place.Now()
		switch {
		case errno == unix.EAGAIN:
			return
		case errno != socket.OK:
			t.lose(f, now, classifyErrno(errno), t.causes.of("read", errno))
			return
		case n == 0:
			t.lose(f, now, ClassClosed, t.causes.of("read: the peer closed", socket.OK))
			return
		}
		planned, ok := t.tookStream(&f.flow, t.buf[:n], now)
		if !ok {
			t.lose(f, now, ClassBadReply, t.causes.of("read: more came back than was sent", socket.OK))
			return
		}
		if planned != 0 {
			t.unechoed.Remove(f.key)
			t.echoed(f, planned, now)
		}
		if n < len(t.buf) && !closed {
			return
		}
	}
}

// readDatagram takes one datagram; the loop tells of further ones.
func (t *trafficActivity) readDatagram(f *loopFlow) {
	now := t.place.Now()
	n, errno := socket.Read(int(t.conns.at(f.key).fd), t.buf)
	if errno != socket.OK {
		if errno != unix.EAGAIN {
			t.lose(f, now, classifyErrno(errno), t.causes.of("read", errno))
		}
		return
	}
	planned, moved := t.tookDatagram(&f.flow, t.buf[:n], now)
	if planned == 0 {
		return
	}
	if moved {
		t.counts.moved++
	}
	t.unechoed.Remove(f.key)
	if f.waiting != 0 {
		t.unechoed.Push(f.key, now)
	} else {
		t.leaveUnheard(f)
	}
	t.echoed(f, planned, now)
}

// echoed takes note of a packet that came back, and goes on with the flow.
func (t *trafficActivity) echoed(f *loopFlow, planned, now int64) {
	t.counts.received++
	if t.echoes == nil {
		t.echoes = make([]Echo, 0, echoBatch)
	}
	if t.echoDue == loop.Never {
		t.echoDue = now + flushNs
	}
	t.echoes = append(t.echoes, Echo{Number: f.number, At: time.Duration(now - t.start), RoundTrip: time.Duration(now - planned)})
	if len(t.echoes) == cap(t.echoes) {
		t.deliverEchoes()
	}
	switch {
	case t.draining && f.waiting == 0:
		t.complete(f, now)
	case t.interval == 0 && f.waiting == 0:
		t.send(f, loop.Now())
	}
}

func (t *trafficActivity) deliverEchoes() {
	if len(t.echoes) > 0 {
		t.echoes = t.job.traffic.echoes.deliver(t.echoes)
	}
	t.echoDue = loop.Never
}

func (t *trafficActivity) tick(now int64) (wake int64) {
	seen := t.place.Seen()
	for key, ok := t.unechoed.Expired(seen); ok; key, ok = t.unechoed.Expired(seen) {
		t.late(t.flows[t.conns.at(key).flow], now)
	}
	t.giveUpPackets(now)
	for n := 0; n < sendsPerTurn && t.slots.first() <= now; n++ {
		t.useSlot(t.slots.flows[0], now)
	}
	wake = t.slots.first()
	if wake <= now {
		wake = t.place.Now() // more are due: come back as soon as the events that wait are seen
	}
	t.job.traffic.counters.count(&t.counts)
	if now >= t.echoDue || t.conns.open() == 0 {
		t.deliverEchoes()
	}
	_, overdue, _ := t.unechoed.First()
	return min(wake, overdue, t.echoDue, t.nextUnheard())
}

// late ends a flow that has waited for an echo in vain.
func (t *trafficActivity) late(f *loopFlow, now int64) {
	if t.draining && t.lacksLast(&f.flow) {
		t.complete(f, now)
		return
	}
	t.lose(f, now, ClassNoReply, t.causes.of("read: no echo in time (option lossTimeout)", socket.OK))
}

func (t *trafficActivity) useSlot(f *loopFlow, now int64) {
	planned, dropped, ok := t.takeSlots(&f.flow, now)
	t.counts.dropped += dropped
	t.slots.moved()
	if ok {
		t.send(f, planned)
	}
}

// giveUpPackets sends the next packet of UDP flows that have no pace, and whose last one seems to be lost.
func (t *trafficActivity) giveUpPackets(now int64) {
	if t.unheard == nil {
		return
	}
	for key, ok := t.unheard.Expired(now); ok; key, ok = t.unheard.Expired(now) {
		f := t.flows[t.conns.at(key).flow]
		t.leaveUnheard(f)
		if !t.draining {
			t.send(f, now)
		}
	}
}

func (t *trafficActivity) nextUnheard() int64 {
	if t.unheard == nil {
		return loop.Never
	}
	_, next, _ := t.unheard.First()
	return next
}

// lose ends a connection that has failed, and dials anew.
func (t *trafficActivity) lose(f *loopFlow, now int64, class Class, err error) {
	record := t.leave(f)
	f.lost()
	t.fail(f.key, now, class, err).Record = record
	t.counts.lost++
	t.again(f, now)
}

// complete ends a connection that lasted to the end.
func (t *trafficActivity) complete(f *loopFlow, now int64) {
	record := t.leave(f)
	t.end(f.key, now).Record = record
	t.steps.completed++
}

// leave takes a flow out of all queues.
func (t *trafficActivity) leave(f *loopFlow) *TrafficRecord {
	c := t.conns.at(f.key)
	if f.waiting != 0 {
		t.unechoed.Remove(f.key)
	}
	t.leaveUnheard(f)
	t.slots.remove(f)
	f.up = false
	var retransmits int64
	if !t.udp {
		retransmits = int64(socket.TCPInfo(int(c.fd)).Retransmits - c.info.Retransmits)
	}
	return t.recordOf(&f.flow, retransmits)
}

func (t *trafficActivity) timeUp(now int64) { t.stop(now, ClassAborted) }

// stop lets what is on its way come back, unless it is a stop from outside. Either way the connections have lasted.
func (t *trafficActivity) stop(now int64, class Class) {
	t.draining = true
	for _, f := range t.flows {
		t.slots.remove(f)
		if f.up && (f.waiting == 0 || class != ClassNone) {
			t.complete(f, now)
		}
	}
}
