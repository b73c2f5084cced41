package simulated

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Script is what the network and the peer do to a connection.
type Script struct {
	Launch     class.Class // the dial fails at once
	Handshake  int64       // ns until it is known what comes of the dial; Never is never
	Refused    class.Class // what comes of it; None is a connection
	SYNRetries uint32
	RTT        uint32 // µs

	Greeting []Said // by itself, once established
	Host     string // what it names itself, if it does
	End      int64  // ns from the establishment until the peer ends the connection; Never is never
	EndClass class.Class

	Answers Answers
	Segment int // at most so many bytes are sent at once; 0 is all

	Idle    int64 // ns of silence after which the connection is forgotten; 0 is never
	IdleEnd IdleEnd
	Bye     []byte // what the peer says before it ends the connection by itself
}

// IdleEnd is what happens to a connection that is forgotten.
type IdleEnd uint8

// The ways to forget a connection: by itself, or when something is sent on it.
const (
	IdleCloses IdleEnd = iota
	IdleResets
	IdleRejects  // what is sent is answered with a RST
	IdleSwallows // what is sent gets lost
	IdleMoves    // datagrams: another host answers
)

// Said is something that a peer says.
type Said struct {
	After int64 // ns
	Data  []byte
}

// Answers is what a peer does with what it is sent.
type Answers struct {
	Echo     bool
	Any      []byte // without Echo: what is said to each packet; nil is nothing
	Delay    int64  // ns
	Pieces   int    // an echo of a stream comes in so many parts
	Jitter   int64  // ns; of datagrams, which it reorders
	Lose     int    // one datagram in so many; 0 is none
	Twice    int    // likewise
	Until    int    // says nothing more after so many packets; 0 goes on
	CloseAt  int    // ends the connection after so many packets; 0 does not
	Too      bool   // says more than it was told
	Corrupt  int    // spoils the echo of this packet; 0 of none
	MoveAt   int    // datagrams: from this packet on, another host answers
	NoFIN    bool   // does not close when this side has shut down
	Retrans  uint32 // segments that are sent again
	SendFail class.Class
}

// Arrival is something that comes in on a connection.
type Arrival struct {
	Kind  engine.Kind
	Fault engine.Fault
	Data  []byte
}
