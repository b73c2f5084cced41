package rules

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Exchange is a request and what counts as its answer.
type Exchange struct {
	Payload []byte // what is sent; nil is nothing
	Want    reply.Want
	Any     bool // whatever comes is an answer, and Want is not looked at
}

// exchanges carries an exchange out on the connections of a core.
type exchanges struct {
	*Exchange
	core     *engine.Core
	datagram bool
	names    engine.Names
	parts    map[uint32][]byte // of answers that came in more than one read
}

func newExchanges(c *engine.Core, x *Exchange) exchanges {
	return exchanges{Exchange: x, core: c, datagram: c.Job().Plan.Protocol == "udp", names: engine.Names{}, parts: map[uint32][]byte{}}
}

// send sends the payload. It returns the instant when it was sent, as far as it was.
func (x *exchanges) send(key uint32) (at int64, fault engine.Fault) {
	x.core.Conn(key).Left = uint32(len(x.Payload)) // #nosec G115 -- payloads are short
	return x.goOn(key)
}

// goOn sends what is left of the payload.
func (x *exchanges) goOn(key uint32) (at int64, fault engine.Fault) {
	conn := x.core.Conn(key)
	n, at, fault := x.core.Send(key, x.Payload[len(x.Payload)-int(conn.Left):])
	if x.datagram && n == 0 && fault.Class == class.None {
		fault = engine.Fault{Class: class.Other, Err: engine.ReasonNotSent}
	}
	conn.Left -= uint32(n) // #nosec G115 -- at most what is left
	return at, fault
}

// take takes what has arrived. done says that the answer is complete; a fault, that it is wrong.
func (x *exchanges) take(key uint32, data []byte) (host string, done bool, fault engine.Fault) {
	if x.Any {
		return "", true, engine.Fault{}
	}
	before, hasBefore := x.parts[key]
	if hasBefore {
		data = append(before, data...)
		x.parts[key] = data
	}
	answer, ok := x.Want.Cut(data)
	switch {
	case len(answer) > reply.MaxAnswer:
		return "", true, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooLong}
	case !ok:
		if !hasBefore {
			x.parts[key] = append([]byte(nil), data...)
		}
		return "", false, engine.Fault{}
	}
	return x.judge(answer)
}

func (x *exchanges) judge(answer []byte) (host string, done bool, fault engine.Fault) {
	name, ok := x.Want.Judge(answer)
	switch {
	case !ok && x.Want.Any():
		return "", true, engine.Fault{Class: class.BadReply, Err: engine.ReasonNoName}
	case !ok:
		return "", true, engine.Fault{Class: class.BadReply, Err: engine.ReasonNoMatch}
	case len(name) == 0:
		return engine.UnknownHost, true, engine.Fault{}
	}
	return x.names.Intern(name), true, engine.Fault{}
}

// forget drops what has arrived of an answer.
func (x *exchanges) forget(key uint32) {
	if len(x.parts) > 0 {
		delete(x.parts, key)
	}
}
