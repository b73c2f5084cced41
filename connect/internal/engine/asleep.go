package engine

import (
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/blocks"
)

// asleep is a block of connections that are kept: 16 bytes for each of them, which has 32 awake.
type asleep struct {
	planned int64  // the earliest
	number  uint32 // the least
	some    uint64 // bits of those that there are
	conns   [blocks.Size]kept
}

// kept is an established [Conn]. Connections to which more has happened than fits stay awake.
type kept struct {
	planned uint32 // ns after the block's
	connect uint32 // ns from there until it was established
	news    uint32 // of the handshake, and what has come since; see packNews
	number  uint16 // after the block's
	tag     uint16
}

const (
	rttBits      = 20 // of µs: a second
	receivedBits = 8  // of bytes: a host's name
	resentBits   = 32 - rttBits - receivedBits
)

func packNews(c *Conn) (news uint32, ok bool) {
	ok = c.rtt>>rttBits == 0 && c.received>>receivedBits == 0 && c.retransmits>>resentBits == 0
	return c.rtt<<(receivedBits+resentBits) | c.received<<resentBits | uint32(c.retransmits), ok
}

func (c *Conn) unpackNews(news uint32) {
	c.rtt = news >> (receivedBits + resentBits)
	c.received = news >> resentBits & (1<<receivedBits - 1)
	c.retransmits = uint8(news & (1<<resentBits - 1)) // #nosec G115 -- it fits
}

// sleep implements blocks.Kind.
func sleep(awake *blocks.Awake[Conn], a *asleep) (used, ok bool) {
	a.planned, a.number, a.some = math.MaxInt64, math.MaxUint32, 0
	for i := range awake {
		switch c := &awake[i]; c.phase {
		case established:
			a.planned, a.number, a.some = min(a.planned, c.Planned), min(a.number, c.Number), a.some|1<<i
		case dialing, settling:
			return false, false
		case unused:
		}
	}
	for i := range awake {
		if c := &awake[i]; a.has(uint32(i)) { // #nosec G115 -- it fits
			if a.conns[i], ok = a.keep(c); !ok {
				return false, false
			}
		}
	}
	return a.some != 0, true
}

func (a *asleep) keep(c *Conn) (k kept, ok bool) {
	planned, connect, number := uint64(c.Planned-a.planned), uint64(c.Since-c.Planned), c.Number-a.number // #nosec G115 -- modulo 2^64
	news, ok := packNews(c)
	k = kept{planned: uint32(planned), connect: uint32(connect), news: news, number: uint16(number), tag: c.Tag} // #nosec G115 -- checked
	return k, ok && max(planned, connect) <= math.MaxUint32 && number <= math.MaxUint16
}

func (a *asleep) has(i uint32) bool { return a.some&(1<<i) != 0 }

// wake implements blocks.Kind.
func wake(a *asleep, awake *blocks.Awake[Conn]) {
	for i := range awake {
		if !a.has(uint32(i)) { // #nosec G115 -- it fits
			continue
		}
		k, c := &a.conns[i], &awake[i]
		planned := a.planned + int64(k.planned)
		*c = Conn{Planned: planned, Since: planned + int64(k.connect), Number: a.number + uint32(k.number), Tag: k.tag, phase: established}
		c.unpackNews(k.news)
	}
}
