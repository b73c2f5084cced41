package rules

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// How says what becomes of a connection that is silent for too long.
type How string

// The ways. A FIN or RST may come by itself, or when the connection is used again.
const (
	HowUnknown  How = ""
	HowFIN      How = "fin"
	HowRST      How = "rst"
	HowSilently How = "silent" // what is sent is swallowed, or another host answers it
	HowNever    How = "none"   // it is alive after the longest silence that was asked for
)

// Probabilities, as logarithms, by which contradicting observations are weighed.
var (
	// lostByChance is that a connection fails although its silence was short: an answer got lost, or the peer had another reason.
	lostByChance = math.Log(0.01)
	// keptByChance is that a connection works although its silence was too long. One answer is as good as a proof.
	keptByChance = math.Log(0.0005)
	// implausible is the likelihood, in relation to that of the most probable place, below which an explanation is given up: two failures refute what one
	// leaves open.
	implausible = math.Log(0.001)
)

// span is a range of silences: longer than above, and no longer than upTo.
type span struct{ above, upTo int64 }

func (s span) isBounded() bool { return s.upTo != engine.Never }

// sighting is a connection that was silent for so long, and what became of it.
type sighting struct {
	silence int64
	how     How // HowNever is alive
}

func (s *sighting) alive() bool { return s.how == HowNever }

// evidence is what has been seen of silent connections, and what follows from it for the timeout: a search by halves among answers some of
// which are wrong (R. L. Rivest et al., Coping with errors in binary search procedures, 1980), by likelihood.
type evidence struct {
	seen []sighting // sorted by silence
	vain []int64    // silences of those that were used in vain
	ends []sighting // those that ended by themselves, when they did
	kept float64    // keptByChance, or more where a forgotten connection may work all the same

	from, to int64 // silences that are tried

	best   span // the most probable place of the timeout
	likely span // all places that are plausible, and the most probable one
}

func newEvidence(from, to int64) evidence {
	all := span{0, engine.Never}
	return evidence{kept: keptByChance, from: from, to: to, best: all, likely: all}
}

// prior is how probable it is, before anything has been seen, that the timeout is in a place, as a logarithm: each order of magnitude is as
// probable as another. So a gap between two observations that happens to fit all others is not taken for the answer because there are
// so many of them.
func (e *evidence) prior(s span) float64 {
	const least = 1e-9
	lowest, highest := float64(max(s.above, min(e.from, s.upTo)/2, 1)), float64(min(s.upTo, 2*e.to))
	return math.Log(max(math.Log(highest/lowest), least))
}

// used takes note of a connection that was used after a silence.
func (e *evidence) used(silence int64, how How) {
	if how != HowNever {
		e.vain = append(e.vain, silence)
	}
	e.saw(silence, how)
}

func (e *evidence) saw(silence int64, how How) {
	at, _ := slices.BinarySearchFunc(e.seen, silence, func(s sighting, silence int64) int { return cmp.Compare(s.silence, silence) })
	e.seen = slices.Insert(e.seen, at, sighting{silence, how})
}

// ended takes note of a connection that ended by itself, at a time that is known to within some slack.
func (e *evidence) ended(silence, slack int64, how How) {
	e.ends = append(e.ends, sighting{silence, how})
	e.saw(max(silence-slack, 0), HowNever)
	e.saw(silence+slack, how)
}

// endsBySelf reports whether connections that are silent for too long are known to end by themselves only: then those that do not end
// speak against it.
func (e *evidence) endsBySelf() bool {
	return !slices.ContainsFunc(e.vain, func(silence int64) bool { return silence >= e.likely.above })
}

// place is where the timeout may be: between two observations that follow each other.
type place struct {
	span
	likelihood float64 // as a logarithm
}

// weigh finds out where the timeout may be.
func (e *evidence) weigh() {
	places := e.places()
	best := slices.MaxFunc(places, func(a, b place) int { return cmp.Compare(a.likelihood+e.prior(a.span), b.likelihood+e.prior(b.span)) })
	e.best, e.likely = best.span, best.span
	for _, p := range places {
		if p.likelihood >= best.likelihood+implausible {
			e.likely.above, e.likely.upTo = min(e.likely.above, p.above), max(e.likely.upTo, p.upTo)
		}
	}
}

// places are all that there are. If the timeout is in one of them, all failures at shorter silences and all answers after longer ones are
// by chance.
func (e *evidence) places() []place {
	here := place{span{0, engine.Never}, 0}
	for i := range e.seen {
		if e.seen[i].alive() {
			here.likelihood += e.kept
		}
	}
	places := make([]place, 0, len(e.seen)+1)
	for i := range e.seen {
		s := &e.seen[i]
		if s.silence > here.above {
			places = append(places, place{span{here.above, s.silence}, here.likelihood})
			here.above = s.silence
		}
		if s.alive() {
			here.likelihood -= e.kept
		} else {
			here.likelihood += lostByChance
		}
	}
	return append(places, here)
}

// Early are connections that were forgotten although others were well after clearly longer silences.
type Early struct {
	Silence time.Duration // the shortest such
	Failed  int           // connections; 0 if they are too few to tell them from chance
	Of      int           // that were silent for so long, but for those whose silence was longer than any that was well
}

// early returns the connections that were forgotten early: places knows of one timeout only, for which each answer speaks, but one backend or path of
// several may have a shorter one.
func (e *evidence) early() (early Early) {
	const (
		hardlyEver = 0.001
		clearly    = 0.8 // of a silence that was well: a device may look only now and then for what it is to forget
	)
	for i := range e.seen {
		switch s := &e.seen[i]; {
		case s.alive() && early.Failed > 0:
			early.Of++
		case !s.alive() && float64(s.silence) <= clearly*float64(e.likely.above):
			if early.Failed == 0 {
				early.Silence = time.Duration(s.silence)
			}
			early.Failed++
			early.Of++
		}
	}
	if stats.AtLeast(early.Failed, early.Of, math.Exp(lostByChance)) >= hardlyEver {
		return Early{}
	}
	return early
}

// how is in which way most of the connections ended that were silent for too long.
func (e *evidence) how() How {
	counts := map[How]int{}
	for i := range e.seen {
		if s := &e.seen[i]; !s.alive() && s.silence >= e.best.upTo {
			counts[s.how]++
		}
	}
	most := HowUnknown
	for _, how := range []How{HowFIN, HowRST, HowSilently} {
		if counts[how] > counts[most] {
			most = how
		}
	}
	return most
}

// exact returns the first and the last time at which connections ended by themselves, among those that the evidence does not call chance. It is
// not ok if more did not, but failed when they were used.
func (e *evidence) exact() (first, last int64, ok bool) {
	first = engine.Never
	bySelf := 0
	for _, end := range e.ends {
		if e.likely.above <= end.silence && end.silence <= e.likely.upTo {
			first, last = min(first, end.silence), max(last, end.silence)
			bySelf++
		}
	}
	for _, silence := range e.vain {
		if silence >= e.likely.above {
			bySelf--
		}
	}
	return first, last, bySelf > 0
}
