package engine

import (
	"math"
	"net/netip"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
)

// Never is an instant that does not come. All instants are nanoseconds of the driver's clock.
const Never = math.MaxInt64

// Kind says what an event reports.
type Kind uint8

// The kinds of events. A connection that is dialed has Connected, Ended or Expired next.
const (
	Connected Kind = iota // the connection is established, TLS handshake included
	Data                  // bytes of a stream, or one datagram, have arrived
	Writable              // Send, which took less than it was given, takes more
	Ended                 // the peer has closed the connection, or it has failed
	TooLarge              // the last datagram was too large for the path, and is lost; from now on they are fragmented
	Expired               // the deadline has passed, and all that arrived before it has been reported
)

// Event is what a driver reports of a connection.
type Event struct {
	Key   uint32
	Kind  Kind
	At    int64  // the earliest instant at which the driver could know; of Expired, that up to which everything has been reported
	Fault Fault  // of Ended; class.None means that the peer has closed the connection
	Data  []byte // of Data; the driver's, valid until Handle returns
}

// Fault is why something failed. The zero value is no fault.
type Fault struct {
	Class class.Class
	Err   error
}

// Handshake is the kernel's view of a TCP connection. It is zero where there is none.
type Handshake struct {
	RTT         uint32 // µs; right after the handshake, that of SYN and SYN-ACK
	Retransmits uint32 // segments sent again; before any data, SYNs
}

// Driver carries connections. It is called by a [Core], inside of Handle, Turn or Stop; its methods do not block and do not call back.
type Driver interface {
	// Dial begins connection number of the job, under a key that is free. A fault means that there is no connection; if the driver learns
	// of it later, it reports Ended. at is the instant when the dial had begun.
	Dial(key uint32, number int64) (at int64, fault Fault)
	// Send sends as much of p as can be sent now, all or nothing of a datagram. If it takes less, Writable follows for a stream.
	// at is the instant when it had been sent.
	Send(key uint32, p []byte) (n int, at int64, fault Fault)
	// Shut ends the sending side of a stream, after what Send has taken.
	Shut(key uint32)
	// Deadline sets when the connection is reported as Expired, once. It replaces the deadline that was set before; Never is none.
	Deadline(key uint32, at int64)
	// Handshake returns the kernel's view of the connection as it is now.
	Handshake(key uint32) Handshake
	// Local returns the connection's own address, which is not valid if the driver does not know it.
	Local(key uint32) netip.AddrPort
	// Close ends the connection, with a RST if reset is set. No event of the key follows until it is dialed again.
	Close(key uint32, reset bool)
}

// Resender is implemented by rules that send a datagram which was too large once more. Other rules take it for lost.
type Resender interface {
	// TooLarge is told that the last datagram was too large. Sent again, it arrives in fragments.
	TooLarge(key uint32, now int64)
}

// Rules are what a call does with its connections: events in, calls of the core's methods out. Each core has rules of its own.
type Rules interface {
	// Connected takes over a connection that has been established. It has no deadline.
	Connected(key uint32, now int64)
	// Data takes what has arrived, which is not valid after it returns.
	Data(key uint32, data []byte, now int64)
	// Writable goes on with what was not sent.
	Writable(key uint32, now int64)
	// Ended is told that the peer has closed (class.None), or that an established connection has failed.
	Ended(key uint32, fault Fault, now int64)
	// Expired is told that the deadline which the rules have set has passed; all that arrived before seen has been told.
	Expired(key uint32, seen int64)
	// Failed is told of a connection that could not be established, once it has been counted.
	Failed(c Claim, now int64)
	// Stop ends all established connections with a class. class.None completes them, now or as soon as what is under way has come.
	Stop(now int64, class class.Class)
	// TimeUp is told, once, that the call's time is over; the core dials no more.
	TimeUp(now int64)
	// Turn is called after the events of a turn. It returns when it wants to be called again at the latest.
	Turn(now int64) (wake int64)
}

// NewRules makes the rules of one core.
type NewRules func(*Core) Rules

// Runner makes the connections of a job.
type Runner interface {
	// Start begins, and returns without waiting.
	Start() error
	// Settled is closed when nothing is left to dial and nothing is being dialed.
	Settled() <-chan struct{}
	// Done is closed when, besides, no connection is open.
	Done() <-chan struct{}
	// Stop dials no more, and ends what is being dialed and what is established with the classes given; see [Core.Stop].
	Stop(dialing, established class.Class)
	// Release frees what Start took, once Done is closed.
	Release()
}
