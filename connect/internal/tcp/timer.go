package tcp

import "math"

const (
	microsecond = 1000 // ns

	// The retransmission timeout (RFC 6298), in µs. The RFC wants no less than 1 s; kernels take 200 ms, since delayed ACKs are
	// faster than that now, and so does this one.
	firstTimeout = 1_000_000
	leastTimeout = 200_000
	mostTimeout  = 60_000_000
	granularity  = 1000 // of the caller's clock, as it looks at the timer

	// A connection stays in TIME-WAIT until the peer has sent its last FIN again for want of an ACK, or would have: as long as Linux waits
	// before it uses a port anew (tcp_tw_reuse in ip-sysctl). In FIN-WAIT-2 a peer has as long to close its side as Linux gives it.
	timeWait   = 1_000_000
	finTimeout = 60_000_000

	// mostTries is after how many timeouts in a row an established connection is given up (RFC 9293, section 3.8.3, R2: at least 100 s).
	mostTries = 10
)

// Never is a deadline that does not come.
const Never = math.MaxInt64

// clock is an instant in µs. It wraps after 71 minutes, which no timer runs for.
func clock(now int64) uint32 { return uint32(now / microsecond) } // #nosec G115 -- modulo 2^32

func (c *Conn) startTimer(now int64) {
	c.sent = clock(now)
	c.flags |= timerOn
}

// hurry makes a dial's first timeout a short one, and never puts it off: whoever asks for it again and again would else silence the dial.
func (c *Conn) hurry(now int64) {
	if c.Deadline(now) > now+granularity*microsecond {
		c.sent = clock(now) - firstTimeout + granularity
	}
}

func (c *Conn) stopTimer() {
	c.flags &^= timerOn | timed
	c.tries = 0
}

// timeout is how long the timer runs: RTO, doubled with each timeout (RFC 6298, section 5.5). The first one of an established connection is a
// tail loss probe, after which RTO is what it was (RFC 8985, section 7).
func (c *Conn) timeout() uint32 {
	switch c.state {
	case TimeWait:
		return timeWait
	case FinWait2:
		return finTimeout
	}
	rto := uint64(firstTimeout)
	if c.srtt > 0 {
		rto = max(leastTimeout, uint64(c.srtt)+max(granularity, 4*uint64(c.rttvar)))
	}
	doublings := c.tries
	if c.state != SynSent && doublings > 0 {
		doublings--
	}
	return uint32(min(rto<<doublings, mostTimeout)) // #nosec G115 -- below the bound
}

// Deadline is when Expire is due: an instant not before now, Never if the timer does not run.
func (c *Conn) Deadline(now int64) int64 {
	if c.flags&timerOn == 0 {
		return Never
	}
	left := int32(c.sent + c.timeout() - clock(now)) // #nosec G115 -- a difference modulo 2^32
	return now + int64(max(left, 0))*microsecond
}

// Expire does what the timer is for, if it has run out. It returns false if the connection is over: given up, or long enough in TIME-WAIT
// or FIN-WAIT-2. Dials go on: their timeout is the caller's.
func (c *Conn) Expire(now int64) (alive bool) {
	if c.Deadline(now) > now {
		return true
	}
	if c.state == TimeWait || c.state == FinWait2 || c.tries >= mostTries && c.state != SynSent {
		c.state, c.flags = Closed, 0
		return false
	}
	if c.tries < mostTries {
		c.tries++
	}
	c.flags &^= timed // Karn: an ACK may be that of either
	switch {
	case c.state == SynSent:
		c.flags |= oweSyn
		c.countRetransmit()
	case c.flight > 0:
		c.flags |= oweAgain
		c.countRetransmit()
	default:
		c.flags |= oweProbe
		c.tries = min(c.tries, mostTries-1) // a peer may keep its window shut as long as it answers (section 3.8.6.1)
	}
	c.startTimer(now)
	return true
}

func (c *Conn) countRetransmit() {
	if c.retransmits < math.MaxUint16 {
		c.retransmits++
	}
}

// measure takes the round trip of the segment at SND.UNA, unless that was sent more than once (RFC 6298, sections 2 and 3).
func (c *Conn) measure(now int64) {
	if c.flags&timed == 0 {
		return
	}
	rtt := max(clock(now)-c.sent, 1)
	if c.srtt == 0 {
		c.srtt, c.rttvar = rtt, rtt/2
		return
	}
	off := max(c.srtt, rtt) - min(c.srtt, rtt)
	c.rttvar = c.rttvar - c.rttvar/4 + off/4
	c.srtt = c.srtt - c.srtt/8 + rtt/8
}
