package tcp

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"

// What is what has happened to a connection.
type What uint8

// What has happened. Several things may happen at once.
const (
	Connected What = 1 << iota // the handshake is done
	Refused                    // the peer has rejected the handshake
	Reset                      // the peer has reset the connection
	PeerDone                   // the peer has sent its FIN
	Opened                     // what had been sent was acknowledged, or the window has grown: there may be Room
	Ended                      // both sides are done: TIME-WAIT, or CLOSED
)

// News is what a segment has brought.
type News struct {
	What  What
	Data  []byte    // in order, and new
	Acked int       // bytes that the caller need not keep any more
	Reply *wire.TCP // what is to be answered besides Next: a RST
}

// Has reports whether something has happened.
func (n *News) Has(w What) bool { return n.What&w != 0 }

// Receive takes a segment that has arrived (RFC 9293, section 3.10.7). window is what this side offers.
func (c *Conn) Receive(s *wire.TCP, window uint16, now int64) (n News) {
	switch c.state {
	case Closed:
		n.Reply = Refuse(s)
		return n
	case SynSent:
		return c.receiveHandshake(s, now)
	}
	if !c.acceptable(s, window) {
		if !s.Has(wire.RST) {
			c.flags |= oweAck
		}
		if c.state == TimeWait && s.Has(wire.FIN) { // once more, since our ACK has been lost: it may be again
			c.startTimer(now)
		}
		return n
	}
	switch {
	case s.Has(wire.RST) && seq(s.Seq) == c.rcv:
		n.What = Reset
		if c.state == TimeWait {
			n.What = Ended
		}
		c.state, c.flags = Closed, 0
		return n
	case s.Has(wire.RST), s.Has(wire.SYN): // RFC 5961, sections 3.2 and 4.2: a challenge ACK
		c.flags |= oweAck
		return n
	case !s.Has(wire.ACK):
		return n
	}
	if !c.acknowledge(s, now, &n) {
		return n
	}
	c.take(s, now, &n)
	return n
}

// receiveHandshake takes a segment in SYN-SENT (section 3.10.7.3).
func (c *Conn) receiveHandshake(s *wire.TCP, now int64) (n News) {
	acceptable := s.Has(wire.ACK) && seq(s.Ack) == c.nxt() && c.flight > 0
	switch {
	case s.Has(wire.ACK) && !acceptable:
		n.Reply = Refuse(s) // nil for a RST
		if n.Reply != nil && c.tries == 0 {
			c.hurry(now) // the peer had another connection, until it gets this reply
		}
	case !acceptable:
		// An unacceptable RST, or a SYN without an ACK: a simultaneous open, which does not happen to clients.
	case s.Has(wire.RST):
		c.state, c.flags = Closed, 0
		n.What = Refused
	case s.Has(wire.SYN):
		c.una, c.flight, c.rcv, c.wnd = seq(s.Ack), 0, seq(s.Seq)+1, s.Window
		c.mss = min(c.mss, mssOf(s))
		c.measure(now)
		c.state, c.flags, c.tries = Established, oweAck, 0
		n.What = Connected
	}
	return n
}

// leastMSS keeps a peer from asking for segments that are all header.
const leastMSS = 64

func mssOf(s *wire.TCP) uint16 {
	if s.MSS == 0 {
		return wire.DefaultMSS
	}
	return max(s.MSS, leastMSS)
}

// acceptable checks the sequence number: a part of the segment must be in the window (section 3.10.7.4, first).
func (c *Conn) acceptable(s *wire.TCP, window uint16) bool {
	first, length, wnd := seq(s.Seq), s.Length(), uint32(window)
	if length == 0 {
		return first == c.rcv || first.within(c.rcv, wnd)
	}
	return first.within(c.rcv, wnd) || (first+seq(length)-1).within(c.rcv, wnd)
}

// Resume takes a segment that has come before its turn: what it acknowledges is known from then.
func (c *Conn) Resume(s *wire.TCP, now int64) (n News) {
	c.take(s, now, &n)
	return n
}

// Misses reports whether a segment is to be taken once others have come that are missing before it (see [Conn.Resume]). [Conn.Receive] asks
// for those again.
func (c *Conn) Misses(s *wire.TCP, window uint16) bool {
	switch c.state {
	case Established, FinWait1, FinWait2:
		return s.Has(wire.ACK) && !s.Has(wire.RST) && !s.Has(wire.SYN) && s.Length() > 0 && c.rcv.before(seq(s.Seq)) &&
			c.acceptable(s, window) && c.mayAcknowledge(seq(s.Ack))
	}
	return false
}

// mayAcknowledge reports whether the peer may have sent an ACK field: what it acknowledges was sent, and not longer ago than a window. An
// attacker who can't see the connection must guess that besides the sequence number (RFC 5961, section 5).
func (c *Conn) mayAcknowledge(ack seq) bool {
	return ack.within(c.una-mostWindow, mostWindow+uint32(c.flight)+1)
}

// mostWindow is the largest window there is without scaling.
const mostWindow = 1<<16 - 1

// acknowledge takes the ACK field (section 3.10.7.4, fifth). It returns false for a segment that is to be dropped.
func (c *Conn) acknowledge(s *wire.TCP, now int64, n *News) (ok bool) {
	ack := seq(s.Ack)
	switch {
	case !c.mayAcknowledge(ack):
		c.flags |= oweAck
		return false
	case ack.before(c.una): // an old duplicate, whose data may be new
		return true
	}
	if (c.wnd == 0) != (s.Window == 0) || c.wnd < s.Window {
		n.What |= Opened
	}
	c.wnd = s.Window
	if c.wnd > 0 && c.flight == 0 { // nothing is waited for: the peer has answered a probe
		c.stopTimer()
	}
	if ack == c.una {
		return true
	}
	n.What |= Opened
	n.Acked = int(ack - c.una)
	c.measure(now)
	c.una, c.flight = ack, c.flight-uint16(ack-c.una) // #nosec G115 -- not more than is in flight
	c.stopTimer()
	switch {
	case c.flight > 0:
		c.startTimer(now)
	case c.flags&sentFin != 0:
		n.Acked-- // FIN
		c.flags &^= sentFin
		c.finAcknowledged(n, now)
	}
	return true
}

// finAcknowledged turns to the state that follows once the peer has this side's FIN.
func (c *Conn) finAcknowledged(n *News, now int64) {
	switch c.state {
	case FinWait1:
		c.state = FinWait2
		c.startTimer(now)
	case Closing:
		c.enterTimeWait(now, n)
	case LastAck:
		c.state = Closed
		n.What |= Ended
	}
}

// take takes the segment's text and FIN, if they are next (section 3.10.7.4, seventh and eighth).
func (c *Conn) take(s *wire.TCP, now int64, n *News) {
	if s.Length() == 0 || c.state == Closed {
		return
	}
	c.flags |= oweAck
	text, first := s.Payload, seq(s.Seq)
	switch {
	case c.rcv.before(first): // some is missing: the ACK asks for it again
		return
	case first.before(c.rcv):
		old := int(c.rcv - first)
		if old > len(text) { // a FIN that is known
			return
		}
		text = text[old:]
	}
	switch c.state {
	case Established, FinWait1, FinWait2:
	default: // the peer has sent its FIN before
		return
	}
	n.Data = text
	c.rcv += seq(len(text)) // #nosec G115 -- a segment
	if s.Has(wire.FIN) {
		c.rcv++
		n.What |= PeerDone
		c.finReceived(n, now)
	}
}

// finReceived turns to the state that follows the peer's FIN.
func (c *Conn) finReceived(n *News, now int64) {
	switch c.state {
	case Established:
		c.state = CloseWait
	case FinWait1:
		c.state = Closing
	case FinWait2:
		c.enterTimeWait(now, n)
	}
}

// enterTimeWait turns to TIME-WAIT.
func (c *Conn) enterTimeWait(now int64, n *News) {
	c.state = TimeWait
	c.startTimer(now)
	n.What |= Ended
}

// Refuse returns the RST that answers a segment to no connection (section 3.10.7.1), nil if that is a RST itself.
func Refuse(s *wire.TCP) *wire.TCP {
	switch {
	case s.Has(wire.RST):
		return nil
	case s.Has(wire.ACK):
		return &wire.TCP{Seq: s.Ack, Flags: wire.RST}
	}
	return &wire.TCP{Ack: s.Seq + s.Length(), Flags: wire.RST | wire.ACK}
}
