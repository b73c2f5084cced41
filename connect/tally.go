package connect

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

// failures adds up what all calls have in common: how long connects took, and what failed.
type failures struct {
	plan                *Plan
	connect, error, rtt stats.Times
	synRetransmits      int64
	retried             int64 // connections that took more than one SYN
	failedConnects      int64
	connectClasses      [class.Count]int64 // of failed connects alone
	classes             [class.Count]int64
	first               map[Class]Failure
}

func newFailures(plan *Plan) failures {
	return failures{plan: plan, first: map[Class]Failure{}}
}

// newEndlessFailures is newFailures for calls that dial again what is lost, for as long as they last.
func newEndlessFailures(plan *Plan) failures {
	f := newFailures(plan)
	f.connect.Limit, f.error.Limit, f.rtt.Limit = stats.MaxTimes, stats.MaxTimes, stats.MaxTimes
	return f
}

// dialled takes note of the end of a dial, good or bad.
func (f *failures) dialled(o *Outcome) {
	f.synRetransmits += o.SYNRetransmits
	if o.SYNRetransmits > 0 {
		f.retried++
	}
	if o.Connected {
		f.connect.Add(o.Connect)
	} else {
		f.failedConnects++
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
