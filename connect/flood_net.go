package connect

import (
	"context"
	"errors"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// answering reads each connection's answer, and closes, while its lane waits.
type answering struct{}

var errBadReply = errors.New("the answer is not 1 to 255 bytes of printable UTF-8")

func (answering) established(r *netRunner, c netConn) {
	defer r.hangUp(&c)
	// A stop must not wait for the deadline of a read.
	_ = c.SetDeadline(time.Now().Add(r.job.plan.ConnectTimeout))
	unhook := context.AfterFunc(r.dialing, func() { _ = c.SetDeadline(time.Now()) })
	defer unhook()

	host, sent, received, err := ask(r, &c)
	o := r.report(&c)
	o.Reply = o.Elapsed() - o.Connect
	o.Host, o.Sent, o.Received = host, int64(sent), int64(received)
	switch {
	case err == nil:
		r.job.count(&steps{completed: 1})
	case errors.Is(err, errBadReply):
		o.Class, o.Err = ClassBadReply, err
		r.job.count(&steps{errors: 1})
	default:
		o.Class, o.Err = r.classOf(err, ClassNoReply), err
		r.job.count(&steps{errors: 1})
	}
	r.deliver(o)
}

func (answering) failed(*netRunner, claim) {}

func (answering) reset(r *netRunner, c netConn) {
	o := r.report(&c)
	o.Class, o.Err = ClassReset, c.lost
	r.job.count(&steps{errors: 1})
	r.deliver(o)
}

// ask sends the payload of UDP, and returns the name that the peer answers with.
func ask(r *netRunner, c *netConn) (host string, sent, received int, err error) {
	if r.proto == "udp" {
		if sent, err = c.Write(r.job.plan.Payload); err != nil {
			return "", sent, 0, err
		}
	}
	if r.job.skipReply {
		return "", sent, 0, nil
	}
	var buf [2 * (reply.MaxLength + 1)]byte
	if received, err = c.Read(buf[:]); err != nil && received == 0 {
		return "", sent, 0, err
	}
	name, ok := reply.Parse(buf[:received])
	if !ok {
		return "", sent, received, errBadReply
	}
	return string(name), sent, received, nil
}
