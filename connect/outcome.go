package connect

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/rules"
)

// What the engine tells of connections.
type (
	// Target is where connections go.
	Target = engine.Target
	// States counts connections by the state each of them is in. Every connection is in exactly one.
	States = engine.States
	// Counters counts connections through their lives, for any number of calls at once.
	Counters = engine.Counters
	// Outcome is what became of one connection, or something that happened to it.
	Outcome = engine.Outcome
	// Event says what an outcome reports.
	Event = engine.News
	// Echo is a packet of traffic that came back.
	Echo = rules.Echo
	// SizeCount is what has become of the packets of one size.
	SizeCount = rules.SizeCount
	// SourceSeen counts answers by whether the source that they tell is the one that was used.
	SourceSeen = rules.SourceSeen
)

// The events in the life of a connection. A flood reports only the end.
const (
	Ended       = engine.NewsEnded       // the connection is over
	Established = engine.NewsEstablished // it is connected, and stays so
	Spoke       = engine.NewsSpoke       // the first bytes have arrived on it
	Echoed      = engine.NewsEchoed      // it has answered a keepalive
	Named       = engine.NewsNamed       // an answer to a keepalive has told, for the first time, which host it is to
	Moved       = engine.NewsMoved       // another host than before has answered on it
	Waited      = engine.NewsWaited      // the peer has had its time to speak first, or to answer
)

// UnknownHost stands for servers that have not told their names, where a name is needed.
const UnknownHost = engine.UnknownHost

// Hosts counts answers by host name. It keeps at most 10,000 different names; Add counts the rest under "(other)".
type Hosts map[string]int64

// Add counts n answers of a host.
func (h Hosts) Add(name string, n int64) {
	names := len(h)
	if _, hasOther := h[engine.OtherHosts]; hasOther {
		names--
	}
	if _, known := h[name]; !known && names >= engine.MaxHosts {
		name = engine.OtherHosts
	}
	h[name] += n
}

// Total is how many answers there were, of all hosts.
func (h Hosts) Total() (n int64) {
	for _, of := range h {
		n += of
	}
	return n
}

// Class says why a connection failed. The zero value means that it did not.
type Class = class.Class

// The classes of failure, as package class explains them.
const (
	ClassNone             = class.None
	ClassRefused          = class.Refused
	ClassTimeout          = class.Timeout
	ClassReset            = class.Reset
	ClassClosed           = class.Closed
	ClassHostUnreachable  = class.HostUnreachable
	ClassNetUnreachable   = class.NetUnreachable
	ClassAddrInUse        = class.AddrInUse
	ClassAddrNotAvailable = class.AddrNotAvailable
	ClassFDLimit          = class.FDLimit
	ClassNoReply          = class.NoReply
	ClassBadReply         = class.BadReply
	ClassDNS              = class.DNS
	ClassBlocked          = class.Blocked
	ClassTLS              = class.TLS
	ClassAborted          = class.Aborted
	ClassOther            = class.Other
)
