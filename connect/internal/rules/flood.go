package rules

import (
	"bytes"
	"net/netip"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// Flood sends the payload if there is one, reads the answer, and closes.
type Flood struct {
	Exchange
	SkipReply  bool               // close without waiting for an answer
	TellSource bool               // compare the source that an answer tells with the one that was used
	Expected   map[string]float64 // names that hosts are expected to have

	mu    sync.Mutex
	seen  SourceSeen
	hosts map[string]bool // that have answered on any core
}

// SourceSeen counts answers by whether the source that they tell is the one that was used.
type SourceSeen struct {
	Same, Other, Untold int64
	Told, Used          netip.Addr // of the first other one
}

// Seen returns what sources the answers have told.
func (f *Flood) Seen() SourceSeen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// compare takes note of the source that an answer tells.
func (f *Flood) compare(answer []byte, used netip.Addr) {
	told, ok := reply.Source(answer)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !ok:
		f.seen.Untold++
	case told.Addr().Unmap() == used.Unmap().WithZone(""):
		f.seen.Same++
	default:
		if f.seen.Other++; f.seen.Other == 1 {
			f.seen.Told, f.seen.Used = told.Addr(), used
		}
	}
}

// meet takes note of a host that is new to a core. times is how often the host's real name is in the name that it told. More than once means that
// the server has answered twice: our payload, and something that was sent before it, such as a header of the PROXY protocol. A long name that comes
// twice needs no other evidence if speaks is set, since our server, when it is spoken to, answers twice.
func (f *Flood) meet(host string, speaks bool) (times int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if times := repeats(host, f.Expected, func(name string) bool { return f.hosts[name] }); times > 1 {
		return times
	}
	if _, expected := f.Expected[host]; speaks && !expected && len(host) >= 2*longName && 2*len(leastOf(host)) == len(host) {
		return 2
	}
	if f.hosts == nil {
		f.hosts = map[string]bool{}
	}
	if len(f.hosts) < engine.MaxHosts {
		f.hosts[host] = true
	}
	return 1
}

// New returns the rules of one core.
func (f *Flood) New(c *engine.Core) engine.Rules {
	return &flood{shared: f, exchanges: newExchanges(c, &f.Exchange), skip: f.SkipReply, patience: int64(c.Job().Plan.ConnectTimeout)}
}

type flood struct {
	passive
	exchanges
	shared   *Flood
	skip     bool
	patience int64 // ns, until the answer must have come
}

// Connected implements engine.Rules.
func (f *flood) Connected(key uint32, now int64) {
	f.core.Deadline(key, now+f.patience)
	at, fault := f.send(key, now)
	f.sent(key, at, fault)
}

// Writable implements engine.Rules.
func (f *flood) Writable(key uint32, now int64) {
	at, fault := f.goOn(key, now)
	f.sent(key, at, fault)
}

// TooLarge implements engine.Resender.
func (f *flood) TooLarge(key uint32, now int64) {
	at, fault := f.send(key, now)
	f.sent(key, at, fault)
}

// sent goes on with a connection on which the payload was sent, as far as it was.
func (f *flood) sent(key uint32, at int64, fault engine.Fault) {
	switch {
	case fault.Class != class.None:
		f.fail(key, at, fault)
	case f.skip && f.core.Outgoing(key).Left == 0:
		f.complete(key, at, "")
	}
}

// Data implements engine.Rules.
func (f *flood) Data(key uint32, data []byte, now int64) {
	if f.skip {
		return
	}
	known := len(f.names)
	host, done, fault := f.take(key, data)
	switch {
	case !done || fault.Class != class.None || !f.wantsAny():
	case tellings(data) > 1 && !f.speaks(), tellings(data) > 2: // our server answers the payload, too
		fault = engine.Fault{Class: class.BadReply, Err: engine.ReasonTwice}
	}
	if done && len(f.names) > known {
		switch times := f.shared.meet(host, f.speaks()); {
		case times == 2 && f.speaks():
			delete(f.names, host) // to be looked at again
			host = f.names.Intern([]byte(HalfOf(host)))
		case times > 1:
			delete(f.names, host)
			fault = engine.Fault{Class: class.BadReply, Err: engine.ReasonTwice}
		}
	}
	switch {
	case fault.Class != class.None:
		f.fail(key, now, fault)
	case done:
		if f.shared.TellSource {
			f.shared.compare(f.first(data, host), f.core.Local(key).Addr())
		}
		f.complete(key, now, host)
	}
}

// speaks reports whether a payload is sent on a stream. Our server answers it with its name once more, and the two may come together.
func (f *flood) speaks() bool { return f.Payload != nil && !f.datagram }

// first returns the first of two answers that have come together.
func (f *flood) first(answers []byte, host string) []byte {
	if f.speaks() && len(answers) > 0 {
		if next := bytes.Index(answers[1:], append([]byte(host), reply.Separator)); next >= 0 {
			return answers[:next+1]
		}
	}
	return answers
}

// Ended implements engine.Rules.
func (f *flood) Ended(key uint32, fault engine.Fault, now int64) {
	if fault.Class == class.None {
		fault = engine.Fault{Class: class.Closed, Err: engine.ReasonClosedUnanswered}
	}
	f.fail(key, now, fault)
}

// Expired implements engine.Rules.
func (f *flood) Expired(key uint32, seen int64) {
	f.fail(key, seen, f.late(key, engine.ReasonNoAnswer))
}

// Stop implements engine.Rules.
func (f *flood) Stop(now int64, class class.Class) {
	f.core.Each(func(key uint32) { f.fail(key, now, engine.Fault{Class: class, Err: engine.ReasonStoppedUnanswered}) })
}

// TimeUp implements engine.Rules.
func (f *flood) TimeUp(now int64) {
	f.core.Each(func(key uint32) { f.fail(key, now, f.late(key, engine.ReasonTimeUpUnanswered)) })
}

func (f *flood) complete(key uint32, now int64, host string) {
	o := f.core.Complete(key, now)
	o.Host = host
	o.Reply = o.Elapsed() - o.Connect
}

func (f *flood) fail(key uint32, now int64, fault engine.Fault) {
	f.forget(key)
	f.core.Fail(key, now, fault)
}
