package packets

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/frames"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// claims are 5-tuples, by their hashes, that a contested call and the calls around it must not both have: the call's connections are at the
// first end of a link, though the hash names another end, where other calls' connections are that may have the same 5-tuple. Each claims a
// 5-tuple before it takes it. What is in TIME-WAIT is still claimed.
//
// Only calls that were there before the contested one are around it: one that comes later, and may want the same 5-tuples, has its connections
// at the first end, too.
type claims struct {
	mu sync.Mutex
	of map[uint64]struct{}
}

// add returns false if the 5-tuple is claimed already.
func (c *claims) add(hash uint64) (added bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.of[hash]; there {
		return false
	}
	if c.of == nil {
		c.of = map[uint64]struct{}{}
	}
	c.of[hash] = struct{}{}
	return true
}

func (c *claims) remove(hash uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, hash)
}

// claim makes sure that no connection at another end has, or will have, a 5-tuple that no connection at this end has.
func (d *driver) claim(here *end, t *tuple) (ok bool) {
	if d.contested {
		return t.owner(len(here.ends)) == here.at || d.claims.add(t.hash)
	}
	rivals := d.rivals(here)
	for i, c := range rivals {
		if c.mayHave(t) && !c.claims.add(t.hash) {
			for _, before := range rivals[:i] {
				before.claims.remove(t.hash)
			}
			return false
		}
	}
	return true
}

// giveUp takes a claim back.
func (d *driver) giveUp(here *end, hash uint64) {
	if d.contested {
		d.claims.remove(hash)
		return
	}
	for _, c := range d.rivals(here) {
		c.claims.remove(hash)
	}
}

// rivals are the contested calls whose claims a driver that is none of theirs has to heed.
func (d *driver) rivals(here *end) (calls []*call) {
	if here.at == 0 { // where theirs are, too, and are found
		return nil
	}
	for _, c := range here.odd.all() {
		if c.contested && c.datagram == d.datagram {
			calls = append(calls, c)
		}
	}
	return calls
}

// claimFor claims what the connections at an end have that were there before a contested call.
func (e *end) claimFor(c *call) {
	for _, d := range e.drivers {
		if d.datagram != c.datagram || d.contested {
			continue
		}
		d.flows.each(func(id connID) {
			to := d.to(id)
			if t := tupleOf(d.localTo(id, to), to.addr); to.link == e.link && c.mayHave(&t) {
				c.claims.add(t.hash)
			}
		})
	}
}

// meets reports whether two calls may want the same 5-tuple.
func (c *call) meets(other *call) bool {
	return c.datagram == other.datagram &&
		some(c.filter.Ports, other.filter.Ports, func(a, b source.Ports) bool { return a.First <= b.Last && b.First <= a.Last }) &&
		some(c.filter.Locals, other.filter.Locals, func(a, b frames.Local) bool { return a.Prefix.Overlaps(b.Prefix) }) &&
		some(c.filter.Remotes, other.filter.Remotes, func(a, b netip.AddrPort) bool { return a == b })
}

// some reports whether a pair of one of each matches.
func some[T any](these, those []T, match func(T, T) bool) bool {
	return slices.ContainsFunc(these, func(a T) bool {
		return slices.ContainsFunc(those, func(b T) bool { return match(a, b) })
	})
}
