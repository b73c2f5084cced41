package connect

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// holdTally adds up the outcomes of a hold. It can be read while it grows.
type holdTally struct {
	mu sync.Mutex
	holdSums
}

// holdSums are what the outcomes of a hold add up to.
type holdSums struct {
	tally
	interval  time.Duration // between keepalives
	lifetime  []time.Duration
	echo      stats.Times   // more with every interval
	slowest   time.Duration // of these
	received  int64
	completed int64 // connections that were closed from here
	owing     int64 // of these, those that owed an answer
	owed      time.Duration
	greeted   int64         // connections on which the peer has spoken first, where it is not asked
	greeting  time.Duration // the longest that took
	ungreeted int64         // of those that were closed from here, those that waited for far longer
	hosts     Hosts         // of connections, by the name that was told first
	losses    Losses
	series    holdSeries
}

func newHoldTally(plan *Plan) *holdTally {
	return &holdTally{holdSums: holdSums{
		tally: newTally(plan, mostExactTimes), echo: stats.Times{Limit: stats.MaxTimes}, hosts: Hosts{}, losses: Losses{final: true},
	}}
}

func (t *holdTally) add(batch []Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range batch {
		o := &batch[i]
		switch o.Event {
		case Established:
			t.dialEnded(o)
			t.series.established(o.At)
		case Spoke:
			t.spoke(o)
			if o.Host != "" {
				t.hosts.Add(o.Host, 1)
			}
		case Named:
			t.hosts.Add(o.Host, 1)
		case Echoed:
			t.echo.Add(o.Reply)
			t.slowest = max(t.slowest, o.Reply)
		case Moved:
			l := t.loss(o)
			l.Moved = true
			t.losses.add(l)
		case Ended:
			t.ended(o)
		}
	}
}

func (t *holdSums) ended(o *Outcome) {
	t.received += o.Received
	switch {
	case !o.Connected:
		t.dialEnded(o)
		t.fail(o)
		return
	case o.Closed:
		t.lifetime = append(t.lifetime, o.Lifetime())
		t.places.add(t.plan, o)
		t.losses.add(Loss{Number: o.Number, At: o.At, Host: o.Host, Class: cmp.Or(o.Class, ClassClosed)})
	case o.Class != ClassNone:
		t.fail(o)
		t.losses.add(t.loss(o))
	default:
		t.completed++
		if o.Reply > 0 {
			t.owing++
			t.owed = max(t.owed, o.Reply)
			if isFarLonger(o.Reply, t.slowest) {
				l := t.loss(o)
				l.Class = ClassNoReply
				t.losses.add(l)
			}
		}
		if t.greeted > 0 && o.Received == 0 && isFarLonger(o.Lifetime(), t.greeting) {
			t.ungreeted++
		}
	}
	t.series.ended(o.At, o.Closed || o.Class != ClassNone)
}

// spoke takes note of a greeting: what comes first where nothing is asked.
func (t *holdSums) spoke(o *Outcome) {
	if t.interval == 0 {
		t.greeted++
		t.greeting = max(t.greeting, o.Lifetime())
	}
}

// isFarLonger reports whether a connection has been silent for so long that it is as good as lost: for far longer than the slowest of the others took,
// and than a segment that got lost would have.
func isFarLonger(silent, slowest time.Duration) bool {
	const least, times = time.Second, 10
	return silent >= max(least, times*slowest)
}

// loss is that of a connection that failed, or was silent when it was cut short. One that fell silent had answered, or begun, within the interval
// before the keepalive that has no answer.
func (t *holdSums) loss(o *Outcome) Loss {
	l := Loss{Number: o.Number, At: o.At, Host: o.Host, Class: o.Class}
	if o.Class == ClassNoReply || o.Reply > 0 {
		l.Missed = o.At - o.Reply
		l.At = max(l.Missed-t.interval, o.Planned+o.Connect)
	}
	return l
}

// states sorts the connections by what has been collected of them. notInitiated is counted elsewhere, and may be behind or ahead.
func (t *holdSums) states(notInitiated, connects int64) States {
	dialed := t.dials()
	s := States{Completed: t.completed, Closed: int64(len(t.lifetime)), Error: t.error.Count()}
	s.Established = dialed - s.Completed - s.Closed - s.Error
	s.NotInitiated = min(notInitiated, connects-dialed)
	s.Dialing = connects - dialed - s.NotInitiated
	return s
}

// snapshot returns a copy whose values can be sorted.
func (t *holdTally) snapshot() *holdSums {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.holdSums
	s.connect, s.error, s.rtt, s.echo = t.connect.Clone(), t.error.Clone(), t.rtt.Clone(), t.echo.Clone()
	s.first, s.hosts, s.lifetime = t.firsts(), maps.Clone(t.hosts), slices.Clone(t.lifetime)
	s.losses.List, s.losses.beyond = slices.Clone(t.losses.List), maps.Clone(t.losses.beyond)
	s.series.bins = slices.Clone(t.series.bins)
	return &s
}
