package tcp

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/wire"

// Next tells which segment is to be sent now; ok is false if none is. kept is what the caller keeps: the bytes from SND.UNA on. The caller
// fills in the ports and its window, and calls again until nothing is left.
func (c *Conn) Next(kept []byte, now int64) (s wire.TCP, ok bool) {
	switch {
	case c.state == Closed:
		return s, false
	case c.state == SynSent:
		return c.nextSyn(now)
	case c.flags&oweAgain != 0:
		c.flags &^= oweAgain
		return c.segment(c.una, kept, now), true
	}
	if s, ok = c.nextText(kept, now); ok {
		return s, true
	}
	switch {
	case c.flags&oweProbe != 0: // a byte before the window, which the peer answers with what it wants
		c.flags &^= oweProbe | oweAck
		return wire.TCP{Seq: uint32(c.una - 1), Ack: uint32(c.rcv), Flags: wire.ACK}, true
	case c.flags&oweAck != 0:
		c.flags &^= oweAck
		return wire.TCP{Seq: uint32(c.nxt()), Ack: uint32(c.rcv), Flags: wire.ACK}, true
	}
	return s, false
}

func (c *Conn) nextSyn(now int64) (s wire.TCP, ok bool) {
	if c.flags&oweSyn == 0 {
		return s, false
	}
	c.flags &^= oweSyn
	if c.tries == 0 {
		c.flags |= timed
	}
	c.flight = 1
	c.startTimer(now)
	return wire.TCP{Seq: uint32(c.una), Flags: wire.SYN, MSS: c.mss}, true
}

// nextText returns the next segment with new text, a FIN, or both.
func (c *Conn) nextText(kept []byte, now int64) (s wire.TCP, ok bool) {
	if c.flags&sentFin != 0 || c.state == FinWait2 || c.state == TimeWait {
		return s, false
	}
	sent := int(c.flight)
	if sent == len(kept) && c.flags&oweFin == 0 {
		return s, false
	}
	if sent == 0 {
		c.flags |= timed
	}
	return c.segment(c.nxt(), kept[sent:], now), true
}

// segment returns the segment that begins at a sequence number with so much text, and with FIN if that is due.
func (c *Conn) segment(at seq, text []byte, now int64) wire.TCP {
	s := wire.TCP{Seq: uint32(at), Ack: uint32(c.rcv), Flags: wire.ACK, Payload: text[:min(len(text), int(c.mss))]}
	if len(s.Payload) > 0 {
		s.Flags |= wire.PSH
	}
	if len(s.Payload) == len(text) && c.flags&(oweFin|sentFin) != 0 {
		s.Flags |= wire.FIN
		c.flags = c.flags&^oweFin | sentFin
	}
	c.flight = max(c.flight, uint16(at-c.una)+uint16(s.Length())) // #nosec G115 -- a segment, and FIN
	c.flags &^= oweAck
	if at == c.una || c.flags&timerOn == 0 {
		c.startTimer(now)
	}
	return s
}
