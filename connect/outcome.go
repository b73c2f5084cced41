package connect

import "time"

// Event says what an outcome reports.
type Event uint8

// The events in the life of a connection. A flood reports only the end; a hold reports all.
const (
	Ended       Event = iota // the connection is over
	Established              // it is connected, and stays so
	Spoke                    // the first bytes have arrived on it
	Echoed                   // it has answered a keepalive
)

// Outcome is what became of one connection: in a flood how it ended, in a hold each event of its life.
type Outcome struct {
	Event   Event
	Number  int64         // of the connection within its call, from 0
	Planned time.Duration // when it was due, since the call's start: durations count from here
	At      time.Duration // when the event happened, since the call's start

	Class     Class  // why it failed, ClassNone if it did not
	Err       error  // what failed, nil if nothing did
	Connected bool   // whether it was established before it ended
	Closed    bool   // held, and closed by the peer: no failure, though Class tells a reset from a close
	Host      string // the name that the peer answered with

	Connect        time.Duration // until it was established; with TLS, handshake included
	Reply          time.Duration // from there until the answer; if Echoed, from the keepalive until its answer
	RTT            time.Duration // the kernel's measure of the handshake's round trip; 0 where it has none
	SYNRetransmits int64
	Sent, Received int64 // bytes of payload

	Record *TrafficRecord // of a traffic call's connection that has ended, and was established: its packets and addresses
}

// Echo is a packet of traffic that came back.
type Echo struct {
	Number    int64         // of the connection within its call, from 0
	At        time.Duration // when it came, since the call's start
	RoundTrip time.Duration // from the instant when the packet was due
}

// Lifetime is how long an established connection has lasted.
func (o *Outcome) Lifetime() time.Duration { return o.Elapsed() - o.Connect }

// Elapsed is how long the connection took, from the planned instant to its end.
func (o *Outcome) Elapsed() time.Duration { return o.At - o.Planned }
