package connect

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// holdTally adds up the outcomes of a hold. It can be read while it grows.
type holdTally struct {
	mu sync.Mutex
	failures
	lifetime  []time.Duration
	echo      times // more with every interval
	received  int64
	completed int64 // connections that were closed from here
	served    int64 // connections on which something has arrived, and which have not ended
}

func newHoldTally(plan *Plan) *holdTally {
	return &holdTally{failures: newFailures(plan), echo: times{limit: maxTimes}}
}

func (t *holdTally) add(batch []Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range batch {
		o := &batch[i]
		switch o.Event {
		case Established:
			t.dialled(o)
		case Spoke:
			t.served++
		case Echoed:
			t.echo.add(o.Reply)
		case Ended:
			t.ended(o)
		}
	}
}

func (t *holdTally) ended(o *Outcome) {
	t.received += o.Received
	if o.Received > 0 {
		t.served--
	}
	switch {
	case !o.Connected:
		t.dialled(o)
		t.fail(o)
	case o.Closed:
		t.lifetime = append(t.lifetime, o.Lifetime())
	case o.Class != ClassNone:
		t.fail(o)
	default:
		t.completed++
	}
}

// states sorts the connections by what has been collected of them. notInitiated is counted elsewhere, and may be behind or ahead.
func (t *holdTally) states(notInitiated, connects int64) States {
	dialled := t.connect.count() + t.failedConnects
	s := States{Completed: t.completed, Closed: int64(len(t.lifetime)), Error: t.error.count()}
	s.Established = dialled - s.Completed - s.Closed - s.Error
	s.NotInitiated = min(notInitiated, connects-dialled)
	s.Dialing = connects - dialled - s.NotInitiated
	return s
}

// snapshot returns a copy whose values can be sorted.
func (t *holdTally) snapshot() *holdTally {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &holdTally{failures: t.failures, lifetime: slices.Clone(t.lifetime), echo: t.echo.clone(), received: t.received, completed: t.completed, served: t.served}
	s.connect, s.error, s.rtt = t.connect.clone(), t.error.clone(), t.rtt.clone()
	s.first = maps.Clone(t.first)
	return s
}
