package connect

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/class"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// failures adds up what all calls have in common: how long connects took, and what failed.
type failures struct {
	plan                *Plan
	connect, error, rtt times
	synRetransmits      int64
	failedConnects      int64
	classes             [class.Count]int64
	first               map[Class]string
}

func newFailures(plan *Plan) failures {
	return failures{plan: plan, first: map[Class]string{}}
}

// newEndlessFailures is newFailures for calls that dial again what is lost, for as long as they last.
func newEndlessFailures(plan *Plan) failures {
	f := newFailures(plan)
	f.connect.limit, f.error.limit, f.rtt.limit = maxTimes, maxTimes, maxTimes
	return f
}

// dialled takes note of the end of dialling, good or bad.
func (f *failures) dialled(o *Outcome) {
	f.synRetransmits += o.SYNRetransmits
	if o.Connected {
		f.connect.add(o.Connect)
	} else {
		f.failedConnects++
	}
	if o.RTT > 0 {
		f.rtt.add(o.RTT)
	}
}

// fail takes note of an error.
func (f *failures) fail(o *Outcome) {
	f.error.add(o.Elapsed())
	f.classes[o.Class]++
	if _, known := f.first[o.Class]; !known {
		f.first[o.Class] = f.plan.explain(o)
	}
}

func (f *failures) byClass() map[Class]int64 {
	errors := map[Class]int64{}
	for class, n := range f.classes {
		if n > 0 {
			errors[Class(class)] = n // #nosec G115 -- an index below class.Count
		}
	}
	return errors
}

// sourceText leaves out what the system chooses.
func sourceText(from netip.AddrPort) string {
	switch {
	case !from.Addr().IsValid():
		return fmt.Sprintf("port %d", from.Port())
	case from.Port() == 0:
		return from.Addr().String()
	}
	return from.String()
}

// explain says what a failed connection tried, why it failed, and what can be done.
func (p *Plan) explain(o *Outcome) string {
	target := &p.Targets[o.Number%int64(len(p.Targets))]
	text := fmt.Sprintf("%s %s", p.Network, target.Name)
	if p.Sources.Chosen() {
		text += " from " + sourceText(p.Sources.At(uint64(o.Number))) // #nosec G115 -- connections count from 0
	}
	text += fmt.Sprintf(": %s after %s: %v", o.Class, o.Elapsed().Round(time.Microsecond), o.Err)
	if o.Class == ClassFDLimit {
		text += fmt.Sprintf("; this process may open %d files", limits.Descriptors())
	}
	if advice := p.advice(o); advice != "" {
		text += "; " + advice
	}
	return text
}
