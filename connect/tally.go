package connect

import (
	"maps"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// failures adds up what all calls have in common: how long connects took, and what failed.
type failures struct {
	plan                *Plan
	connect, error, rtt stats.Times
	synRetransmits      int64
	retried             int64         // connections that took more than one SYN
	making              time.Duration // until the last connection was established, or, if it was not, begun; since the start
	failedConnects      int64
	connectClasses      [class.Count]int64 // of failed connects alone
	classes             [class.Count]int64
	first               map[Class]Failure
	drops               limits.Drops // of this host, until the start
}

func newFailures(plan *Plan) failures {
	return failures{plan: plan, first: map[Class]Failure{}, drops: limits.DropsUntil()}
}

// newEndlessFailures is newFailures for calls that dial again what is lost, for as long as they last.
func newEndlessFailures(plan *Plan) failures { return newBoundedFailures(plan, stats.MaxTimes) }

// mostExactTimes is up to how many connections of a call have exact percentiles. Those of more are precise to a thousandth, or 1 µs.
const mostExactTimes = 100_000

func newBoundedFailures(plan *Plan, most int) failures {
	f := newFailures(plan)
	f.connect.Limit, f.error.Limit, f.rtt.Limit = most, most, most
	return f
}

// dialEnded takes note of the end of a dial, good or bad.
func (f *failures) dialEnded(o *Outcome) {
	f.synRetransmits += o.SYNRetransmits
	if o.SYNRetransmits > 0 {
		f.retried++
	}
	if o.Connected {
		f.connect.Add(o.Connect)
		f.making = max(f.making, o.Planned+o.Connect)
	} else {
		f.failedConnects++
		f.making = max(f.making, o.Planned)
	}
	if o.RTT > 0 {
		f.rtt.Add(o.RTT)
	}
}

// fail takes note of an error.
func (f *failures) fail(o *Outcome) {
	f.error.Add(o.Elapsed())
	f.classes[o.Class]++
	if !o.Connected {
		f.connectClasses[o.Class]++
	}
	if _, known := f.first[o.Class]; !known {
		f.first[o.Class] = f.plan.failure(o)
	}
}

// firsts are the first failures of each class, with what this host itself has dropped.
func (f *failures) firsts() map[Class]Failure {
	first := maps.Clone(f.first)
	explainDrops(first, f.drops, f.byClass())
	return first
}

// explainDrops adds to failures what this host itself has dropped since there were so many drops, where packets were missing, or reset in their place.
func explainDrops(first map[Class]Failure, until limits.Drops, errors map[Class]int64) {
	var since *limits.Drops
	for _, class := range []Class{ClassTimeout, ClassNoReply, ClassRefused, ClassReset} {
		failure, known := first[class]
		if !known {
			continue
		}
		if since == nil {
			drops := until.Since()
			since = &drops
		}
		if failure.Dropped = since.Explain(errors[class]); class == ClassRefused || class == ClassReset {
			failure.Dropped = limits.Drops{Unsent: since.Unsent}.Explain(errors[class])
		}
		first[class] = failure
	}
}

// droppedSYNs says how this host's drops account for the connects that took more than one SYN, "" if they do not.
func (f *failures) droppedSYNs() string {
	if f.retried == 0 {
		return ""
	}
	return f.drops.Since().Explain(f.retried)
}

func (f *failures) byClass() map[Class]int64 { return counts(&f.classes) }

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
