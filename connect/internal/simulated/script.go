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
	Segment int   // at most so many bytes are sent at once; 0 is all
	Drain   int64 // ns until more can be sent
	Full    int   // one datagram in so many is not taken by this host; 0 is none

	Idle    int64 // ns of silence after which something on the way forgets the connection; 0 is never
	IdleEnd IdleEnd
	Bye     []byte // what the peer says before a connection that is forgotten ends by itself

	// Judge, if set, says whether what was heard is an answer from its beginning to its end, and if so, which host it names, and whether
	// it is right. Without it, any read is an answer.
	Judge func(heard []byte) Verdict
	// Unasked means that the first answer is waited for without being asked for.
	Unasked bool
}

// Verdict is what an answer is.
type Verdict struct {
	Complete, Right bool
	Host            string
	Source          string // that it tells
}

// IdleEnd is what becomes of a connection that is forgotten.
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
	Wrong    []byte // likewise, from packet WrongAt on
	WrongAt  int    // 0 is never
	Moved    []byte // likewise, from another host, once the connection is forgotten
	Delay    int64  // ns
	Early    bool   // without Echo: an answer on a stream comes to the first part of a packet, not to all of it
	Pieces   int    // an answer on a stream comes in so many parts
	Jitter   int64  // ns; of datagrams, which it reorders
	Lose     int    // one datagram in so many; 0 is none
	Twice    int    // likewise
	Stray    int    // one datagram in so many comes with others that are no echoes
	Until    int    // says nothing more after so many packets; 0 goes on
	CloseAt  int    // ends the connection after so many packets; 0 does not
	Too      int    // from this packet on, says more than it was told; 0 is never
	Late     int    // one datagram in so many is delayed by up to LateBy; 0 is none
	LateBy   int64  // ns
	Corrupt  int    // spoils the echo of this packet; 0 of none
	MoveAt   int    // datagrams: from this packet on, another host answers in turn; 0 is never
	NoFIN    bool   // does not close when this side has shut down
	Retrans  uint32 // segments that are sent again
	SendFail class.Class
}

// arrival is something that comes in on a connection.
type arrival struct {
	data    []byte
	kind    engine.Kind
	fault   class.Class
	spoilt  bool // an echo that is not what was sent
	moved   bool // an echo from another host
	noEcho  bool // a datagram that only looks like an echo
	inherit bool // of an earlier connection with the same port
}
