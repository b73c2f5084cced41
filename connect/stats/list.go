package stats

import (
	"slices"
	"time"
)

// list collects durations in pieces: what is there is not copied each time that it grows. The first piece is small, for there may be a
// list for each of many hosts.
type list struct {
	full [][]time.Duration
	last []time.Duration
	n    int
}

func listOf(values []time.Duration) list { return list{last: values, n: len(values)} }

const (
	firstPiece = 16
	lastPiece  = 1 << 12
)

func (l *list) add(d time.Duration) {
	if len(l.last) == cap(l.last) {
		if len(l.last) > 0 {
			l.full = append(l.full, l.last)
		}
		l.last = make([]time.Duration, 0, min(max(2*cap(l.last), firstPiece), lastPiece))
	}
	l.last = append(l.last, d)
	l.n++
}

// all makes the list one piece, and returns it.
func (l *list) all() []time.Duration {
	if len(l.full) > 0 {
		l.last, l.full = slices.Concat(append(l.full, l.last)...), nil
	}
	return l.last
}
