package packets

import (
	"math/bits"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// never is an instant that does not come.
const never = engine.Never

const (
	tickNs  = 1 << 23 // 8 ms: no timer of TCP needs to be more precise
	horizon = 1 << 7  // ticks
)

// alarms is a timing wheel, which tells when a connection's timer may have run out. An entry is never moved. When an entry comes before its
// timer has run out, since the timer was set later or is beyond the wheel's horizon, the connection gets a new entry. A timer that is set
// earlier gets a new entry at once, and the old one is void.
type alarms struct {
	slots [horizon][]connID
	taken [horizon / 64]uint64 // slots that have entries
	done  int64                // the last tick whose entries have all come
	count int
}

// tick is when an entry comes, modulo 2^8: the ticks of all entries differ by less. It tells a connection's entry from void ones.
type tick uint8

func tickOf(at int64) int64 { return (at + tickNs - 1) / tickNs }

// clamp returns the tick at which an entry for an instant comes.
func (a *alarms) clamp(at int64) int64 {
	return min(max(tickOf(at), a.done+1), a.done+horizon-1)
}

// next is when the first entry comes.
func (a *alarms) next() int64 {
	if a.count == 0 {
		return never
	}
	first := uint64(a.done+1) % horizon // #nosec G115 -- not negative
	for i := range uint64(len(a.taken) + 1) {
		word := (first/64 + i) % uint64(len(a.taken))
		filled := a.taken[word]
		if i == 0 {
			filled &= ^uint64(0) << (first % 64)
		}
		if filled != 0 {
			slot := word*64 + uint64(bits.TrailingZeros64(filled))     // #nosec G115 -- not negative
			return (a.done + 1 + int64((slot-first)%horizon)) * tickNs // #nosec G115 -- below horizon
		}
	}
	return never
}

// add adds an entry, and returns its tick.
func (a *alarms) add(id connID, at int64) tick {
	t := a.clamp(at)
	slot := t % horizon
	a.slots[slot] = append(a.slots[slot], id)
	a.taken[slot/64] |= 1 << (slot % 64)
	a.count++
	return tick(t) // #nosec G115 -- some of the bits
}

// isBefore reports whether an entry for an instant would come before another one.
func (a *alarms) isBefore(at int64, other tick) bool {
	return int8(tick(a.clamp(at))-other) < 0 // #nosec G115 -- a difference modulo 2^8
}

// pop returns an entry that has come by now, and its tick.
func (a *alarms) pop(now int64) (id connID, t tick, ok bool) {
	last := now / tickNs
	for a.count > 0 && a.done < last {
		slot := (a.done + 1) % horizon
		left := len(a.slots[slot]) - 1
		if left < 0 {
			a.done++
			continue
		}
		if left == 0 {
			a.taken[slot/64] &^= 1 << (slot % 64)
		}
		id, a.slots[slot] = a.slots[slot][left], a.slots[slot][:left]
		a.count--
		return id, tick(a.done + 1), true // #nosec G115 -- some of the bits
	}
	a.done = max(a.done, last)
	return 0, 0, false
}
