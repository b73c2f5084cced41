package rules

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// passive has the methods of rules that ignore failed dials, the end of the call's time, and turns.
type passive struct{}

// Failed implements engine.Rules.
func (passive) Failed(engine.Claim, int64) {}

// TimeUp implements engine.Rules. It changes nothing for established connections: the time is for dialing.
func (passive) TimeUp(int64) {}

// Turn implements engine.Rules.
func (passive) Turn(int64) (wake int64) { return engine.Never }

// kept is what the rules of connections that stay open have in common. A connection is asked now and then, and must answer. Its Mark is when
// it was asked, or 0 if it owes no answer; its Tag is its host.
type kept struct {
	passive
	exchanges
	hosts  []string          // the first one is unknown
	hostOf map[string]uint16 // index in hosts

	// UDP flows go on when a datagram of theirs is rejected, such as by ICMP. Where told is nil, they do not.
	told  map[uint32]engine.Fault // what has been told about a flow since it owes an answer
	again int64                   // ns until such a flow is asked again, as a datagram may get lost
}

func newKept(c *engine.Core, x *Exchange) kept {
	return kept{exchanges: newExchanges(c, x), hosts: []string{""}, hostOf: map[string]uint16{}}
}

// TooLarge implements engine.Resender.
func (k *kept) TooLarge(key uint32, now int64) {
	if k.core.Outgoing(key).Mark == 0 {
		return
	}
	if at, fault := k.send(key, now); isFailed(fault) {
		k.Ended(key, fault, at)
	}
}

// isFirst reports whether these are the first bytes of a peer.
func (k *kept) isFirst(key uint32, data []byte) bool {
	return len(data) > 0 && k.core.Received(key) == int64(len(data))
}

// greeted returns a fault if the first bytes of a peer show that something on the way has put data of its own before ours. speaks says that this
// side sends something. If it has by then, the bytes show nothing: the peer may have answered together with its greeting.
func (k *kept) greeted(key uint32, data []byte, speaks bool, expected map[string]float64) engine.Fault {
	if k.datagram || !k.wantsAny() || speaks && k.core.Outgoing(key).Sent > 0 {
		return engine.Fault{}
	}
	return misplaced(data, expected, func(name string) bool { return k.hostOf[name] > 0 })
}

// ask sends the payload, which must be answered within patience. A datagram that this host does not take is as good as lost.
func (k *kept) ask(key uint32, now, patience int64) {
	at, fault := k.send(key, now)
	if k.outlasts(key, fault) { // the message was about a datagram before
		at, fault = k.send(key, at)
	}
	switch {
	case k.outlasts(key, fault):
		k.told[key] = fault
	case isFailed(fault):
		k.Ended(key, fault, at)
		return
	}
	out := k.core.Outgoing(key)
	if out.Mark == 0 {
		out.Mark = at
	}
	due := out.Mark + patience
	if k.told != nil {
		due = min(due, at+k.again)
	}
	k.core.Deadline(key, due)
}

// outlasts reports whether a UDP flow goes on although a datagram was rejected. The rejection counts as silence, which ends the flow if no answer
// comes in time. A flow on which nothing has ever come has failed.
func (k *kept) outlasts(key uint32, fault engine.Fault) bool {
	return k.told != nil && isTold(fault.Class) && k.core.Received(key) > 0
}

// answered takes what has come since a connection was asked. done says that this is the answer; a wrong one ends the connection.
func (k *kept) answered(key uint32, data []byte, now int64) (host string, done bool) {
	host, done, fault := k.take(key, data)
	if fault.Class != class.None {
		k.fail(key, now, fault)
		return "", false
	}
	return host, done
}

// echoed reports an answer, with which the connection owes none.
func (k *kept) echoed(key uint32, now int64) {
	out := k.core.Outgoing(key)
	k.report(key, now, engine.NewsEchoed).Reply = time.Duration(now - out.Mark)
	out.Mark = 0
	delete(k.told, key)
}

// Writable implements engine.Rules.
func (k *kept) Writable(key uint32, now int64) {
	if at, fault := k.goOn(key, now); fault.Class != class.None {
		k.Ended(key, fault, at)
	}
}

// Ended implements engine.Rules. A peer that closes or resets does not fail.
func (k *kept) Ended(key uint32, fault engine.Fault, now int64) {
	if k.outlasts(key, fault) {
		if k.core.Outgoing(key).Mark != 0 {
			k.told[key] = fault
		}
		return
	}
	if fault.Class != class.None && fault.Class != class.Reset {
		k.fail(key, now, fault)
		return
	}
	host := k.leave(key)
	k.core.PeerClosed(key, now, fault).Host = host
}

// Stop implements engine.Rules.
func (k *kept) Stop(now int64, end class.Class) {
	k.core.Each(func(key uint32) {
		if end != class.None {
			k.fail(key, now, engine.Fault{Class: end, Err: engine.ReasonHoldStopped})
			return
		}
		k.complete(key, now)
	})
}

// complete ends a connection that has lasted. If it owes an answer, its Reply is since when.
func (k *kept) complete(key uint32, now int64) {
	host, asked := k.leave(key), k.core.Outgoing(key).Mark
	o := k.core.Complete(key, now)
	if o.Host = host; asked != 0 {
		o.Reply = time.Duration(now - asked)
	}
}

func (k *kept) fail(key uint32, now int64, fault engine.Fault) *engine.Outcome {
	host := k.leave(key)
	o := k.core.Fail(key, now, fault)
	o.Host = host
	return o
}

// leave drops what is kept of a connection that is about to end, and returns its host.
func (k *kept) leave(key uint32) (host string) {
	k.forget(key)
	delete(k.told, key)
	return k.host(key)
}

func (k *kept) report(key uint32, now int64, news engine.News) *engine.Outcome {
	o := k.core.Report(key, now, news)
	o.Host = k.host(key)
	return o
}

func (k *kept) host(key uint32) string { return k.hosts[k.core.Conn(key).Tag] }

// name notes which host a connection is to.
func (k *kept) name(conn *engine.Conn, host string) { conn.Tag = k.know(host) }

// know returns the index of a host, which is known from now on.
func (k *kept) know(host string) (at uint16) {
	at, known := k.hostOf[host]
	if !known {
		at = uint16(len(k.hosts)) // #nosec G115 -- at most engine.MaxHosts
		k.hosts = append(k.hosts, host)
		k.hostOf[host] = at
	}
	return at
}
