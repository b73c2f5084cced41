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
	lifetime, echo []time.Duration
	received       int64
	completed      int64 // connections that were closed from here
	served         int64 // connections on which something has arrived, and which have not ended
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
			t.echo = append(t.echo, o.Reply)
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

// states sorts the connections by what has been collected of them.
func (t *holdTally) states(notInitiated, connects int64) States {
	failed := int64(len(t.error))
	s := States{NotInitiated: notInitiated, Completed: t.completed, Closed: int64(len(t.lifetime)), Error: failed}
	s.Established = int64(len(t.connect)) + t.failedConnects - s.Completed - s.Closed - s.Error
	s.Dialing = connects - s.NotInitiated - s.Established - s.Completed - s.Closed - s.Error
	return s
}

// snapshot returns a copy whose values can be sorted.
func (t *holdTally) snapshot() *holdTally {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &holdTally{failures: t.failures, lifetime: slices.Clone(t.lifetime), echo: slices.Clone(t.echo), received: t.received, completed: t.completed, served: t.served}
	s.connect, s.error, s.rtt = slices.Clone(t.connect), slices.Clone(t.error), slices.Clone(t.rtt)
	s.first = maps.Clone(t.first)
	return s
}
