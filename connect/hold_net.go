package connect

import (
	"context"
	"errors"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/loop"
)

// holding keeps each connection on a goroutine of its own, and lets its lane go on.
type holding struct{}

func (holding) established(r *netRunner, c netConn) {
	o := r.report(&c)
	o.Event = Established
	r.deliver(o)
	h := &netHeld{runner: r, conn: c}
	r.open.Go(h.hold)
}

func (holding) failed(*netRunner, claim) {}

func (holding) reset(r *netRunner, c netConn) {
	o := r.report(&c)
	o.Event = Established
	r.deliver(o)
	o.Event, o.Closed, o.Class, o.Err = Ended, true, ClassReset, c.lost
	r.job.count(&steps{closed: 1})
	r.deliver(o)
}

// netHeld is a connection that is kept open.
type netHeld struct {
	runner         *netRunner
	conn           netConn
	sent, received int64
	pinged         int64 // loop time when an answer was asked for that has not come; 0 if there is none
}

// hold reads until the connection ends, and reports how.
func (h *netHeld) hold() {
	r := h.runner
	defer r.hangUp(&h.conn)
	unhook := context.AfterFunc(r.holding, func() { _ = h.conn.SetDeadline(time.Now()) })
	defer unhook()
	err := h.talk()

	o := r.report(&h.conn)
	o.Sent, o.Received = h.sent, h.received
	var stop stopped
	switch class := classify(err); {
	case errors.As(context.Cause(r.holding), &stop):
		o.Class = stop.established
	case class == ClassClosed:
		o.Closed = true
	case class == ClassReset:
		o.Closed, o.Class, o.Err = true, class, err
	case class == ClassTimeout:
		o.Class, o.Err = ClassNoReply, errors.New("keepalive: no answer within the interval")
	default:
		o.Class, o.Err = class, err
	}
	switch {
	case o.Closed:
		r.job.count(&steps{closed: 1})
	case o.Class == ClassNone:
		r.job.count(&steps{completed: 1})
	default:
		r.job.count(&steps{errors: 1})
	}
	r.deliver(o)
}

// lastLook is how long is read on when a peer is late: after a pause of this process, its answer may have been there in time.
const lastLook = 10 * time.Millisecond

// talk counts what arrives and sends keepalives. It returns why it can't go on: io.EOF if the peer closed, a timeout if
// it owes an answer.
func (h *netHeld) talk() error {
	interval := h.runner.job.keepalive
	due := time.Now().Add(interval)
	var buf [4 << 10]byte
	for {
		if err := h.until(due); err != nil {
			return err
		}
		n, err := h.conn.Read(buf[:])
		if classify(err) == ClassTimeout && h.pinged != 0 && h.until(time.Now().Add(lastLook)) == nil {
			n, err = h.conn.Read(buf[:])
		}
		h.took(n)
		if classify(err) == ClassTimeout && interval > 0 && h.pinged == 0 {
			due = time.Now().Add(interval)
			err = h.ping(due)
		}
		if err != nil {
			return err
		}
	}
}

func (h *netHeld) took(n int) {
	if n == 0 {
		return
	}
	if h.received == 0 {
		o := h.runner.report(&h.conn)
		o.Event = Spoke
		h.runner.deliver(o)
	}
	h.received += int64(n)
	if h.pinged != 0 {
		o := h.runner.report(&h.conn)
		o.Event, o.Reply = Echoed, time.Duration(loop.Now()-h.pinged)
		h.runner.deliver(o)
		h.pinged = 0
	}
}

// until bounds what is done next, if there are keepalives. It returns why that is not to be done, if the hold has been stopped.
func (h *netHeld) until(due time.Time) error {
	if h.runner.job.keepalive > 0 {
		_ = h.conn.SetDeadline(due)
	}
	return context.Cause(h.runner.holding) // after the deadline, which may just have overwritten the stop's own
}

// ping asks for a sign of life. A peer that does not read may make it wait, but no longer than for the answer.
func (h *netHeld) ping(due time.Time) error {
	if err := h.until(due); err != nil {
		return err
	}
	h.pinged = loop.Now()
	n, err := h.conn.Write(h.runner.job.plan.Payload)
	h.sent += int64(n)
	return err
}
