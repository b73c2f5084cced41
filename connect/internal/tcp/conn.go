package tcp

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"

// State is a connection's (RFC 9293, section 3.3.2).
type State uint8

// The states of connections that are opened actively.
const (
	Closed State = iota
	SynSent
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

var stateNames = [...]string{
	"CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
}

// String is the RFC's name of the state.
func (s State) String() string { return stateNames[s] }

// flags are what a connection owes the peer, and what it remembers of its last segment.
type flags uint8

const (
	oweSyn   flags = 1 << iota // SYN has not been sent, or is to be sent again
	oweAck                     // the peer is to be told RCV.NXT
	oweAgain                   // what is at SND.UNA is to be sent again
	oweFin                     // no more data comes: FIN follows the last byte
	oweProbe                   // the peer is to be asked for its window
	sentFin                    // FIN is part of what SND.NXT counts
	timerOn                    // the retransmission timer runs
	timed                      // the segment at SND.UNA was sent once: its ACK tells the round trip (Karn)
)

// Conn is a connection: the TCB of RFC 9293, section 3.3.1, in 32 bytes. What has been sent and not been acknowledged is kept by the
// caller, who passes it to [Conn.Next]. The zero value is CLOSED.
type Conn struct {
	una         seq    // SND.UNA
	rcv         seq    // RCV.NXT
	sent        uint32 // when the timer was started, in µs
	srtt        uint32 // µs; 0 before the first measurement
	rttvar      uint32 // µs
	flight      uint16 // SND.NXT - SND.UNA: a segment at most
	wnd         uint16 // SND.WND
	mss         uint16 // of the peer, or of the link if that is less
	retransmits uint16
	state       State
	flags       flags
	tries       uint8 // timeouts in a row
}

// nxt is SND.NXT.
func (c *Conn) nxt() seq { return c.una + seq(c.flight) }

// State returns the connection's state.
func (c *Conn) State() State { return c.state }

// Retransmits returns how many segments were sent again.
func (c *Conn) Retransmits() uint32 { return uint32(c.retransmits) }

// RTT returns the smoothed round-trip time in µs, 0 before the first measurement.
func (c *Conn) RTT() uint32 { return c.srtt }

// Open begins a connection with an initial sequence number, on a link that carries segments of so many bytes.
func (c *Conn) Open(iss uint32, mss uint16) {
	*c = Conn{una: seq(iss), mss: mss, state: SynSent, flags: oweSyn}
}

// Shut ends the sending side: FIN follows the data that has been given.
func (c *Conn) Shut() {
	switch c.state {
	case Established:
		c.state = FinWait1
	case CloseWait:
		c.state = LastAck
	default:
		return
	}
	c.flags |= oweFin
}

// Abort ends the connection, and returns the RST that says so; ok is false if the peer does not know of the connection.
func (c *Conn) Abort() (rst wire.TCP, ok bool) {
	known := c.state != Closed && c.state != SynSent && c.state != TimeWait
	c.state, c.flags = Closed, 0
	return wire.TCP{Seq: uint32(c.nxt()), Ack: uint32(c.rcv), Flags: wire.RST | wire.ACK}, known
}

// Accept makes the connection one that is established without a handshake, as flows of datagrams are.
func (c *Conn) Accept() { c.state = Established }

// InFlight reports whether a sequence number is of what has been sent and not been acknowledged.
func (c *Conn) InFlight(number uint32) bool { return seq(number).within(c.una, uint32(c.flight)) }

// Room returns how many bytes more the caller may keep to be sent, if it keeps so many now: a segment, of which the peer takes some.
func (c *Conn) Room(kept int) int {
	if c.state != Established && c.state != CloseWait || c.wnd == 0 {
		return 0
	}
	return max(0, min(int(c.mss), int(c.wnd))-kept)
}

// Starve asks the peer for its window, again and again, since it has none: its news of a larger one may have been lost (RFC 9293,
// section 3.8.6.1).
func (c *Conn) Starve(now int64) {
	if c.wnd == 0 && c.flags&timerOn == 0 {
		c.startTimer(now)
	}
}

// Lingers reports whether the peer has still to do something for the connection to end.
func (c *Conn) Lingers() bool {
	switch c.state {
	case FinWait1, FinWait2, Closing, LastAck:
		return true
	default:
		return false
	}
}
