package rules

import (
	"bytes"

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

// send sends the payload, or what is left of the one before: that may have been answered before it was sent in full. at is the instant when it had
// been sent, as far as the driver took it.
func (x *exchanges) send(key uint32, now int64) (at int64, fault engine.Fault) {
	if out := x.core.Outgoing(key); out.Left == 0 {
		out.Left = uint32(len(x.Payload)) // #nosec G115 -- payloads are short
	}
	return x.goOn(key, now)
}

// goOn sends what is left of the payload, if anything is.
func (x *exchanges) goOn(key uint32, now int64) (at int64, fault engine.Fault) {
	out := x.core.Outgoing(key)
	if out.Left == 0 {
		return now, engine.Fault{}
	}
	n, at, fault := x.core.Send(key, x.Payload[len(x.Payload)-int(out.Left):])
	if x.datagram && n == 0 && fault.Class == class.None {
		fault = engine.Fault{Class: class.Other, Err: engine.ReasonNotSent}
	}
	out.Left -= uint32(n) // #nosec G115 -- at most what is left
	return at, fault
}

// isFailed reports whether something that was sent has failed. A datagram that this host does not take is as good as lost.
func isFailed(fault engine.Fault) bool {
	return fault.Class != class.None && fault.Err != engine.ReasonNotSent //nolint:errorlint // a value, not a chain
}

// isTold reports whether a class is that of a rejected datagram, by ICMP or by this host itself. The next datagram may get through.
func isTold(of class.Class) bool {
	switch of {
	case class.Refused, class.HostUnreachable, class.NetUnreachable, class.Blocked:
		return true
	default:
		return false
	}
}

// wantsAny reports whether the user has not said what an answer is, so that a host's name may come.
func (x *exchanges) wantsAny() bool { return x.Any || x.Want.Any() }

// take takes what has arrived. done says that the answer is complete; a fault, that it is wrong.
func (x *exchanges) take(key uint32, data []byte) (host string, done bool, fault engine.Fault) {
	if x.Any {
		if reply.IsProxyHeader(data) {
			return "", true, wrong(engine.ReasonProxyHeader, data)
		}
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
		x.forget(key)
		return "", true, engine.Fault{Class: class.BadReply, Err: engine.ReasonTooLong}
	case !ok:
		if !hasBefore {
			x.parts[key] = bytes.Clone(data)
		}
		return "", false, engine.Fault{}
	}
	x.forget(key)
	return x.judge(answer)
}

func (x *exchanges) judge(answer []byte) (host string, done bool, fault engine.Fault) {
	name, ok := x.Want.Judge(answer)
	switch {
	case x.Want.Any() && reply.IsProxyHeader(answer):
		return "", true, wrong(engine.ReasonProxyHeader, answer)
	case !ok && x.Want.Any():
		return "", true, wrong(engine.ReasonNoName, answer)
	case !ok:
		return "", true, wrong(engine.ReasonNoMatch, answer)
	case len(name) == 0:
		return engine.UnknownHost, true, engine.Fault{}
	}
	return x.names.Intern(name), true, engine.Fault{}
}

func wrong(reason engine.Reason, answer []byte) engine.Fault {
	return engine.Fault{Class: class.BadReply, Err: engine.WrongAnswer(reason, answer)}
}

// late is the fault of an answer that is late: that a part of it has arrived, or else nothing.
func (x *exchanges) late(key uint32, nothing engine.Reason) engine.Fault {
	if begun, some := x.parts[key]; some {
		return engine.Fault{Class: class.NoReply, Err: engine.WrongAnswer(engine.ReasonUnfinished, begun)}
	}
	return engine.Fault{Class: class.NoReply, Err: nothing}
}

// forget drops what has arrived of an answer.
func (x *exchanges) forget(key uint32) {
	if len(x.parts) > 0 {
		delete(x.parts, key)
	}
}
