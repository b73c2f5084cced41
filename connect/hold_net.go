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
	r.open.Go(func() { hold(r, &c) })
}

func (holding) reset(r *netRunner, o Outcome) {
	begun := o
	begun.Event, begun.Class, begun.Err = Established, ClassNone, nil
	r.deliver(begun)
	o.Closed = true
	r.job.count(&steps{closed: 1})
	r.deliver(o)
}

// hold reads until the connection ends.
func hold(r *netRunner, c *netConn) {
	defer r.hangUp(c)
	unhook := context.AfterFunc(r.holding, func() { _ = c.SetDeadline(time.Now()) })
	defer unhook()
	var sent, received int64
	err := exchange(r, c, &sent, &received)

	o := r.report(c)
	o.Sent, o.Received = sent, received
	var stop stopped
	switch class := classify(err); {
	case errors.As(context.Cause(r.holding), &stop):
		o.Class = stop.class
	case class == ClassClosed, class == ClassReset:
		o.Closed = true
		if class == ClassReset {
			o.Class, o.Err = class, err
		}
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

// exchange counts what arrives and sends keepalives, until an error says why it can't go on: io.EOF if the peer closed.
func exchange(r *netRunner, c *netConn, sent, received *int64) error {
	interval := r.job.keepalive
	var buf [4 << 10]byte
	var pinged int64
	due := time.Now().Add(interval)
	for {
		if interval > 0 {
			_ = c.SetReadDeadline(due)
		}
		if r.holding.Err() != nil {
			return nil // the stop's own deadline may just have been overwritten
		}
		n, err := c.Read(buf[:])
		if *received == 0 && n > 0 {
			o := r.report(c)
			o.Event = Spoke
			r.deliver(o)
		}
		*received += int64(n)
		if n > 0 && pinged != 0 {
			o := r.report(c)
			o.Event, o.Reply = Echoed, time.Duration(loop.Now()-pinged)
			r.deliver(o)
			pinged = 0
		}
		switch class := classify(err); {
		case class == ClassTimeout && interval > 0 && pinged == 0 && r.holding.Err() == nil:
			due = due.Add(interval)
			pinged = loop.Now()
			n, err := c.Write(r.job.plan.Payload)
			*sent += int64(n)
			if err != nil {
				return err
			}
		case class != ClassNone:
			return err
		}
	}
}
