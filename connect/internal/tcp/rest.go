package tcp

import "math"

// Rest is an established connection with nothing on its way, and no timer: a [Conn] in 12 bytes, beside its [Window].
type Rest struct {
	una, rcv    seq
	srtt        uint8 // of restUnit, rounded up; 0 if there was no measurement
	retransmits uint8
	Port        uint16 // for the caller, who knows the rest of the 5-tuple
}

// Window is how much a peer takes. Many connections have the same.
type Window struct {
	wnd uint16 // SND.WND
	mss uint16
}

// restUnit is fine enough: no timeout is below 50 of it.
const restUnit = 4000 // µs

// Rests reports whether the connection is at rest, and fits into a [Rest].
func (c *Conn) Rests() bool {
	return c.state == Established && c.flags == 0 && c.flight == 0 && c.retransmits <= math.MaxUint8
}

// Window returns how much the peer takes.
func (c *Conn) Window() Window { return Window{c.wnd, c.mss} }

// Rest returns the connection, which rests.
func (c *Conn) Rest(port uint16) Rest {
	return Rest{
		una: c.una, rcv: c.rcv, Port: port,
		srtt:        uint8(min((uint64(c.srtt)+restUnit-1)/restUnit, math.MaxUint8)), // #nosec G115 -- it fits
		retransmits: uint8(c.retransmits),                                            // #nosec G115 -- it fits
	}
}

// Conn returns the connection as it was, but for its round-trip time, which is taken for a first measurement (RFC 6298, section 2.2).
func (r *Rest) Conn(w Window) Conn {
	srtt := uint32(r.srtt) * restUnit
	return Conn{
		una: r.una, rcv: r.rcv, wnd: w.wnd, mss: w.mss, srtt: srtt, rttvar: srtt / 2, retransmits: uint16(r.retransmits), state: Established,
	}
}
