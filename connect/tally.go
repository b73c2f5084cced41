package connect

import (
	"maps"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// tally adds up what all calls have in common: how long connects took, and what failed.
type tally struct {
	plan                *Plan
	connect, error, rtt stats.Times
	synRetransmits      int64
	retried             int64         // connections that took more than one SYN
	making              time.Duration // since the start, until the last connection was established, or begun if it failed
	failedConnects      int64
	connectClasses      [class.Count]int64 // of failed connects alone
	classes             [class.Count]int64
	first               map[Class]Failure
	drops               *limits.Drops // of this host, until the start; nil if the connections pass its kernel by
	places              places        // of failures
}

// newTally returns a tally that keeps up to so many durations of each kind exactly; 0 is all of them. Calls that redial without end keep
// [stats.MaxTimes].
func newTally(plan *Plan, exact int) tally {
	t := tally{plan: plan, first: map[Class]Failure{}}
	if !plan.KernelBypass {
		t.drops = new(limits.DropsUntil())
	}
	t.connect.Limit, t.error.Limit, t.rtt.Limit = exact, exact, exact
	return t
}

// mostExactTimes is up to how many connections the percentiles of a call that dials each once are exact. Above, they are precise to a
// thousandth, or 1 µs.
const mostExactTimes = 100_000

// dialEnded takes note of the end of a dial, good or bad.
func (t *tally) dialEnded(o *Outcome) {
	t.synRetransmits += o.SYNRetransmits
	if o.SYNRetransmits > 0 {
		t.retried++
	}
	if o.Connected {
		t.connect.Add(o.Connect)
		t.making = max(t.making, o.Planned+o.Connect)
	} else {
		t.failedConnects++
		t.making = max(t.making, o.Planned)
	}
	if o.RTT > 0 {
		t.rtt.Add(o.RTT)
	}
}

// fail takes note of an error.
func (t *tally) fail(o *Outcome) {
	t.error.Add(o.Elapsed())
	t.classes[o.Class]++
	if !o.Connected {
		t.connectClasses[o.Class]++
	}
	if _, known := t.first[o.Class]; !known {
		t.first[o.Class] = t.plan.failure(o)
	}
	t.places.add(t.plan, o)
}

func (t *tally) failedAt() FailedAt {
	return t.places.failedAt(t.plan, min(t.dials(), t.plan.Connections))
}

// dials is how many have ended, good or bad.
func (t *tally) dials() int64 { return t.connect.Count() + t.failedConnects }

// firsts are the first failures of each class, with what this host itself has dropped.
func (t *tally) firsts() map[Class]Failure {
	first := maps.Clone(t.first)
	explainDrops(first, t.drops, t.byClass())
	t.explainStrays(first)
	return first
}

// explainDrops adds to failures what this host itself has dropped. until are its drops up to the start of the call. A failure counts if packets
// were missing, or if a reset came in their place.
func explainDrops(first map[Class]Failure, until *limits.Drops, errors map[Class]int64) {
	if until == nil {
		return
	}
	var since *limits.Drops
	for _, class := range []Class{ClassTimeout, ClassNoReply, ClassRefused, ClassReset} {
		failure, known := first[class]
		if !known {
			continue
		}
		if since == nil {
			since = new(until.Since())
		}
		drops := *since
		if class == ClassRefused || class == ClassReset {
			drops = limits.Drops{Unsent: since.Unsent}
		}
		failure.Dropped = drops.Explain(errors[class])
		first[class] = failure
	}
}

// explainStrays adds to failures for lack of an answer that this host has rejected answers. It leaves out failures that drops explain already. A
// TCP connection that was established may have ended with such a reset of this host's, so these connections count, too.
func (t *tally) explainStrays(first map[Class]Failure) {
	datagrams := t.plan.Protocol() == "udp"
	lacking, others := ClassTimeout, t.connect.Count()
	if datagrams {
		lacking, others = ClassNoReply, 0
	}
	if failure, known := first[lacking]; known && t.drops != nil && failure.Dropped == "" {
		failure.Dropped = t.drops.Since().ExplainStrays(datagrams, t.classes[lacking]+others)
		first[lacking] = failure
	}
}

// droppedSYNs says how this host's drops account for the connects that took more than one SYN, "" if they do not.
func (t *tally) droppedSYNs() string {
	if t.drops == nil || t.retried == 0 {
		return ""
	}
	return t.drops.Since().Explain(t.retried)
}

func (t *tally) byClass() map[Class]int64 { return counts(&t.classes) }

// counts leaves out the classes that did not occur.
func counts(classes *[class.Count]int64) map[Class]int64 {
	errors := map[Class]int64{}
	for class, n := range classes {
		if n > 0 {
			errors[Class(class)] = n // #nosec G115 -- an index below class.Count
		}
	}
	return errors
}
