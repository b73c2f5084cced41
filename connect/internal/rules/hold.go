package rules

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Hold keeps connections open, notices when the peer closes them, and asks for signs of life if there is an interval for that.
type Hold struct {
	Exchange               // the keepalive and its answer
	Interval time.Duration // between keepalives; 0 sends none
	Patience time.Duration // until a keepalive must have been answered; 0 means Interval
}

// New returns the rules of one core.
func (h *Hold) New(c *engine.Core) engine.Rules {
	patience := h.Patience
	if patience == 0 {
		patience = h.Interval
	}
	return &hold{exchanges: newExchanges(c, &h.Exchange), core: c, interval: int64(h.Interval), patience: int64(patience), hosts: []string{""}}
}

// hold has in a connection's Mark when the keepalive was sent whose answer is waited for, or 0, and in Tag its host.
type hold struct {
	exchanges
	core               *engine.Core
	interval, patience int64
	hosts              []string
	hostOf             map[string]uint32 // index in hosts
}

// Connected implements engine.Rules.
func (h *hold) Connected(key uint32, now int64) {
	h.core.LeaveLane(key)
	h.nextKeepalive(key, now)
	h.core.Report(key, now, engine.NewsEstablished)
}

func (h *hold) nextKeepalive(key uint32, from int64) {
	if h.interval > 0 {
		h.core.Deadline(key, from+h.interval)
	}
}

// Data implements engine.Rules.
func (h *hold) Data(key uint32, data []byte, now int64) {
	conn := h.core.Conn(key)
	if len(data) > 0 && conn.Received == int64(len(data)) {
		if name, ok := reply.Parse(data); ok && (h.Any || h.Want.Any()) { // else an answer names the host, not a greeting
			conn.Tag = h.indexOf(h.names.Intern(name))
		}
		h.report(key, now, engine.NewsSpoke)
	}
	if conn.Mark != 0 {
		h.answered(key, conn, data, now)
	}
}

// answered takes what has come since a keepalive was sent.
func (h *hold) answered(key uint32, conn *engine.Conn, data []byte, now int64) {
	host, done, fault := h.take(key, data)
	switch {
	case fault.Class != class.None:
		h.fail(key, now, fault)
		return
	case !done:
		return
	case host != "" && host != engine.UnknownHost:
		before := conn.Tag
		if conn.Tag = h.indexOf(host); before == 0 {
			h.report(key, now, engine.NewsNamed)
		}
	}
	h.forget(key)
	h.report(key, now, engine.NewsEchoed).Reply = time.Duration(now - conn.Mark)
	h.nextKeepalive(key, max(conn.Mark, now-h.interval))
	conn.Mark = 0
}

// Expired implements engine.Rules: a connection is asked for a sign of life, unless it still owes one. Then it is dead.
func (h *hold) Expired(key uint32, seen int64) {
	conn := h.core.Conn(key)
	if conn.Mark != 0 {
		silent := time.Duration(seen - conn.Mark)
		h.fail(key, seen, engine.Fault{Class: class.NoReply, Err: engine.ReasonKeepalive}).Reply = silent
		return
	}
	at, fault := h.send(key)
	if fault.Class != class.None && fault.Err != engine.ReasonNotSent { //nolint:errorlint // a value, not a chain
		h.Ended(key, fault, at)
		return
	}
	conn.Mark = at
	h.core.Deadline(key, at+h.patience)
}

// Writable implements engine.Rules.
func (h *hold) Writable(key uint32, _ int64) {
	if h.core.Conn(key).Left == 0 {
		return
	}
	if at, fault := h.goOn(key); fault.Class != class.None {
		h.Ended(key, fault, at)
	}
}

// Ended implements engine.Rules. A peer that closes or resets does not fail.
func (h *hold) Ended(key uint32, fault engine.Fault, now int64) {
	if fault.Class != class.None && fault.Class != class.Reset {
		h.fail(key, now, fault)
		return
	}
	h.forget(key)
	host := h.host(key)
	h.core.PeerClosed(key, now, fault).Host = host
}

// Failed implements engine.Rules.
func (h *hold) Failed(engine.Claim, int64) {}

// TimeUp implements engine.Rules. It changes nothing for established connections: the time is for dialing.
func (h *hold) TimeUp(int64) {}

// Stop implements engine.Rules.
func (h *hold) Stop(now int64, end class.Class) {
	h.core.Each(func(key uint32) {
		if end != class.None {
			h.fail(key, now, engine.Fault{Class: end, Err: engine.ReasonHoldStopped})
			return
		}
		h.forget(key)
		host := h.host(key)
		h.core.Complete(key, now).Host = host
	})
}

// Turn implements engine.Rules.
func (h *hold) Turn(int64) (wake int64) { return engine.Never }

func (h *hold) fail(key uint32, now int64, fault engine.Fault) *engine.Outcome {
	h.forget(key)
	host := h.host(key)
	o := h.core.Fail(key, now, fault)
	o.Host = host
	return o
}

func (h *hold) report(key uint32, now int64, news engine.News) *engine.Outcome {
	o := h.core.Report(key, now, news)
	o.Host = h.host(key)
	return o
}

func (h *hold) host(key uint32) string { return h.hosts[h.core.Conn(key).Tag] }

func (h *hold) indexOf(host string) uint32 {
	if h.hostOf == nil {
		h.hostOf = map[string]uint32{}
	}
	at, known := h.hostOf[host]
	if !known {
		at = uint32(len(h.hosts)) // #nosec G115 -- at most engine.MaxHosts
		h.hosts = append(h.hosts, host)
		h.hostOf[host] = at
	}
	return at
}
