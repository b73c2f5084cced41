package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// search looks for the longest silence that connections survive, with many of them at once: it says how long each is to be silent until it
// is used again. Since a silence of s costs the time s whatever comes of it, all are silent at the same time, and the shortest ones come
// first.
type search struct {
	evidence
	precision int64 // 0 is a part of the result
	reserve   int   // connections that are silent for as long as is asked for at once
}

// relativePrecision is the precision that is a part of the result.
const relativePrecision = 0.05

// precisionAt is how closely a timeout of this size is to be known.
func (s *search) precisionAt(silence int64) int64 {
	if s.precision > 0 {
		return s.precision
	}
	return int64(relativePrecision * float64(silence))
}

const (
	// narrowPart is the part of the precision up to which the most likely place is narrowed; then it is only confirmed.
	narrowPart = 0.6
	// stepPart is the part of the precision by which silences differ at least.
	stepPart = 0.5
	// slackPart is the part of the precision to which an end that comes by itself is taken for exact; minSlack is its least value, in ns.
	slackPart = 0.25
	minSlack  = 2e6
	// confirmers is how many connections are used at once to confirm that silences as long as theirs are too long. If they are not, the
	// other connections have not been disturbed.
	confirmers = 2
	// stride is the factor between one silence of a single connection and the next.
	stride = 4
)

func (s *search) slack(silence int64) int64 {
	return max(int64(slackPart*float64(s.precisionAt(silence))), minSlack)
}

// isFound reports whether enough is known.
func (s *search) isFound() bool {
	l := s.likely
	switch {
	case l.above >= s.to:
		return true
	case !l.isBounded():
		return false
	case l.above < s.from && l.upTo <= s.from+s.slack(s.from):
		return true // shorter silences are not asked for
	}
	return l.upTo-l.above <= s.precisionAt((l.above+l.upTo)/2)
}

// waiter is a connection that is silent, and waits to be used.
type waiter struct {
	since int64 // when it was used last
	use   int64 // when it is to be used; engine.Never is not yet
	spent bool  // has been silent for too long, so that nothing can be learned from it
}

// silent is for how long it has been.
func (w *waiter) silent(now int64) int64 { return now - w.since }

// plan says when the silent connections are to be used. inUse are silences of those that are being used.
func (s *search) plan(waiting []*waiter, inUse []int64, now int64) {
	slices.SortStableFunc(waiting, func(a, b *waiter) int { return cmp.Compare(a.since, b.since) })
	for _, w := range waiting {
		w.spent = false
	}
	if s.best.isBounded() {
		s.narrow(waiting, inUse, now)
	} else {
		s.explore(waiting)
	}
}

// explore plans while no silence seems too long. A few connections wait for the longest silence, the others for shorter ones, each a little longer
// than the one before. Those that have been silent longest come first.
func (s *search) explore(waiting []*waiter) {
	reserved := min(s.reserve, len(waiting))
	for _, w := range waiting[:reserved] {
		w.use = w.since + s.to
	}
	if s.reserve == 0 && s.best.above >= s.from { // there is but one connection
		for _, w := range waiting {
			w.use = w.since + min(stride*s.best.above, s.to)
		}
		return
	}
	s.spread(waiting[reserved:], s.best.above, s.to)
}

// spread gives connections ascending silences between two that have been tried, at equal ratios.
func (s *search) spread(waiting []*waiter, above, upTo int64) {
	shortest, parts := above, float64(len(waiting)+1)
	if above < s.from {
		shortest, parts = s.from, float64(len(waiting))
	}
	ratio := math.Pow(float64(upTo)/float64(shortest), 1/parts)
	step := int64(stepPart * float64(s.precisionAt(shortest)))
	last := above
	for i, w := range waiting {
		at := float64(i + 1)
		if above < s.from {
			at--
		}
		silence := int64(float64(shortest) * math.Pow(ratio, at))
		if last >= s.from {
			silence = max(silence, last+step)
		}
		last = min(silence, upTo)
		w.use = w.since + last
	}
}

// narrow is for when some silence seems too long.
func (s *search) narrow(waiting []*waiter, inUse []int64, now int64) {
	upTo := s.best.upTo
	confirming := 0
	for _, silence := range inUse {
		if silence >= upTo {
			confirming++
		}
	}
	past := 0
	for past < len(waiting) && waiting[past].silent(now) >= upTo {
		w := waiting[past]
		past++
		w.use = engine.Never
		switch {
		case w.silent(now) >= s.likely.upTo && !s.endsBySelf():
			w.spent = true
		case confirming < confirmers:
			confirming++
			w.use = now
		}
	}
	waiting = waiting[past:]
	lowest := max(s.best.above, s.from)
	if lowest >= upTo || float64(upTo-s.best.above) <= narrowPart*float64(s.precisionAt(upTo)) {
		s.confirm(waiting)
		return
	}
	for len(waiting) > 0 {
		group := s.together(waiting, lowest, now)
		s.spread(waiting[:group], s.best.above, upTo)
		waiting = waiting[group:]
	}
}

// together is how many of the connections must be planned together. The next connection belongs to them if it can be used before it is known what
// comes of the first.
func (s *search) together(waiting []*waiter, lowest, now int64) int {
	until := s.best.upTo - waiting[0].silent(now) // when the first has been used
	n := 1
	for n < len(waiting) && lowest-waiting[n].silent(now) <= until {
		n++
	}
	return n
}

// confirm uses connections at the borders of the most likely place, until all others are implausible.
func (s *search) confirm(waiting []*waiter) {
	wantAlive := s.likely.above < s.best.above && s.best.above >= s.from
	wantDead := s.likely.upTo > s.best.upTo || !wantAlive
	for i, w := range waiting {
		if wantAlive && (!wantDead || i%2 == 0) {
			w.use = w.since + s.best.above
		} else {
			w.use = w.since + s.best.upTo
		}
	}
}
