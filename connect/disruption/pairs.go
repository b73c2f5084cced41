package disruption

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// tuple is what tells flows of one protocol apart. A source address left to the operating system is invalid: the system
// chooses the same one for the same target, as long as nobody changes its routes.
type tuple struct{ source, target netip.AddrPort }

// all yields the connections that were answered, each with the place of its host.
func (f *Flows) all() iter.Seq2[tuple, uint16] {
	return func(yield func(tuple, uint16) bool) {
		for i, place := range f.answers {
			if place == 0 {
				continue
			}
			t := tuple{source: f.sources.At(uint64(i)), target: f.targets[i%len(f.targets)]} // #nosec G115 -- an index
			if !yield(t, place) {
				return
			}
		}
	}
}

// pairs yields the 5-tuples that were answered in one of two calls or in both, as the places of the hosts that did; 0 is no
// answer.
func pairs(before, after *Flows) iter.Seq2[uint16, uint16] {
	if before.dialsAs(after) {
		return pairsByNumber(before.answers, after.answers)
	}
	return pairsByTuple(before, after)
}

// dialsAs reports whether connections of the same number have the same 5-tuple, and others don't.
func (f *Flows) dialsAs(g *Flows) bool {
	s, size := &f.sources, uint64(1)
	if s.Pool != nil {
		size = s.Pool.Size()
	}
	last := uint64(max(len(f.answers), len(g.answers), 1) - 1) // #nosec G115 -- not negative
	repeats := s.Random || last/max(s.Ports.Count(), 1) >= size
	return !repeats && s.Same(&g.sources) && slices.Equal(f.targets, g.targets)
}

// pairsByNumber is a matter of milliseconds for a million connections, where pairsByTuple takes a second.
func pairsByNumber(before, after []uint16) iter.Seq2[uint16, uint16] {
	return func(yield func(uint16, uint16) bool) {
		for i := range max(len(before), len(after)) {
			var was, is uint16
			if i < len(before) {
				was = before[i]
			}
			if i < len(after) {
				is = after[i]
			}
			if was|is != 0 && !yield(was, is) {
				return
			}
		}
	}
}

func pairsByTuple(before, after *Flows) iter.Seq2[uint16, uint16] {
	return func(yield func(uint16, uint16) bool) {
		then, now := before.byTuple(), after.byTuple()
		for t, was := range then {
			if !yield(was, now[t]) {
				return
			}
		}
		for t, is := range now {
			if then[t] == 0 && !yield(0, is) {
				return
			}
		}
	}
}

// byTuple is who answered each 5-tuple. One that was dialed more than once counts once, as its last connection was answered.
func (f *Flows) byTuple() map[tuple]uint16 { return maps.Collect(f.all()) }
