package engine

import (
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// News says what an outcome reports.
type News uint8

// What outcomes report. Some calls report only the end of a connection, others more of its life.
const (
	NewsEnded       News = iota // the connection is over
	NewsEstablished             // it is established, and stays so
	NewsSpoke                   // the first bytes have arrived on it
	NewsEchoed                  // it has answered a keepalive
	NewsNamed                   // an answer to a keepalive has told, for the first time, which host it is to
	NewsMoved                   // another host than before has answered on it
	NewsWaited                  // the peer has had its time to speak first, or to answer
)

// Outcome is what became of one connection, or something that happened to it.
type Outcome struct {
	Event   News
	Number  int64         // of the connection within its call, from 0
	Planned time.Duration // when it was due, since the call's start: durations count from here
	At      time.Duration // when the event happened, since the call's start

	Class     class.Class // why it failed, class.None if it did not
	Err       error       // what failed, nil if nothing did
	Connected bool        // whether it was established before it ended
	Closed    bool        // kept, and closed by the peer: no failure, though Class tells a reset from a close
	Host      string      // the name that the peer answered with

	Connect        time.Duration // until it was established; with TLS, handshake included
	Reply          time.Duration // from there until the answer; if Echoed, or if it fell silent or owes an answer, from the keepalive until then
	RTT            time.Duration // the kernel's measure of the handshake's round trip; 0 where it has none
	SYNRetransmits int64
	Sent, Received int64 // bytes of payload

	Packets *Packets // of a connection that carried packets, and is over
}

// Packets is what is known of the packets that a connection has carried.
type Packets struct {
	Sent, Received, Dropped int64
	Retransmits             int64         // TCP segments that the kernel sent again
	Corrupted               int64         // packets that came back with other bytes
	Answered                time.Duration // when the first echo came, since the call's start; 0 if none has
	LastEcho                time.Duration // when the last one came
	Missed                  time.Duration // if it fell silent, when the packet was sent whose echo never came; else 0
	Unheard                 int64         // if it lasted: datagrams at its end that have no echo, though there was time for it
	Awaited                 time.Duration // if it lasted: for how long it had waited for an echo when it was cut off; else 0
	Stuck, Passed           int           // bytes of packets that do not come back, and of the largest that do; 0 if size makes no difference
	Worked                  bool          // packets of size Stuck had come back before
	Local                   netip.AddrPort
	Host                    string
}

// Lifetime is how long an established connection has lasted.
func (o *Outcome) Lifetime() time.Duration { return o.Elapsed() - o.Connect }

// Elapsed is how long the connection took, from the planned instant to its end.
func (o *Outcome) Elapsed() time.Duration { return o.At - o.Planned }
