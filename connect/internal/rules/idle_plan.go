package rules

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"

// Turn implements engine.Rules: it makes the plan, and lets the deadlines follow.
func (f *idle) Turn(now int64) (wake int64) {
	if f.changed {
		f.changed = false
		if !f.over {
			f.look(now)
			f.over = f.isDone()
		}
		if !f.over {
			f.plan(now)
		}
		f.follow(now)
		f.publish()
	}
	return f.redial()
}

// isDone reports whether there is nothing left to be found out.
func (f *idle) isDone() bool {
	return f.known && (f.Expect == 0 || f.expected.How != HowUnknown || f.isTooMuch())
}

// isTooMuch reports whether shorter silences than the expected one are known to be too long.
func (f *idle) isTooMuch() bool {
	return f.search.likely.upTo <= int64(f.Expect) && f.search.likely.above < f.search.to
}

// look finds out whether the timeout is known. If connections end by themselves, all that were silent by then must have done so, where they have
// been silent for as long. If even the longest silence seems well, no connection may wait for an answer that could refute it.
func (f *idle) look(now int64) {
	f.known = f.control.Answered && f.search.isFound()
	if !f.known {
		f.seemed = engine.Never
	} else {
		f.seemed = min(f.seemed, now)
	}
	if e := &f.expected; e.How != HowUnknown && e.How != HowNever && f.search.likely.above >= int64(f.Expect) {
		*e = Expected{} // others were well after as long a silence: once more
	}
	never := f.search.likely.above >= f.search.to
	if never || f.search.endsBySelf() {
		f.core.Each(func(key uint32) { f.known = f.known && !f.mayRefute(f.probes[key], never, now) })
	}
}

// mayRefute reports whether a probe may still show that what seems to be the timeout is none.
func (f *idle) mayRefute(p *probe, never bool, now int64) bool {
	above := f.search.likely.above
	switch p.phase {
	case asking:
		return never || p.silence >= above
	case silent:
		return !never && p.since <= f.seemed && p.silent(now) >= above
	default:
		return false
	}
}

// isFinal reports whether the timeout is known, so that all that may be waited for is the connection that is expected to be well.
func (f *idle) isFinal() bool { return f.known && (f.Expect == 0 || f.expected.taken) }

// plan says when each of the silent connections is to be used.
func (f *idle) plan(now int64) {
	waiting, inUse := make([]*waiter, 0, len(f.probes)), make([]int64, 0, len(f.probes))
	f.core.Each(func(key uint32) {
		switch p := f.probes[key]; {
		case p.phase == asking:
			inUse = append(inUse, p.silence)
		case p.phase == silent && p.expects && !f.isTooMuch():
			p.use = p.since + int64(f.Expect)
		case p.phase == silent:
			if p.expects { // it needs not wait for so long, unless what seems too much turns out not to be
				p.expects, f.expected.taken = false, false
			}
			waiting = append(waiting, &p.waiter)
		}
	})
	if f.search.likely.above < f.search.to || len(inUse) == 0 {
		f.search.plan(waiting, inUse, now)
		return
	}
	for _, w := range waiting {
		w.use, w.spent = engine.Never, false // those in use may decide
	}
}

// follow lets the deadlines follow the plan.
func (f *idle) follow(now int64) {
	f.core.Each(func(key uint32) {
		switch p := f.probes[key]; {
		case f.over || f.isFinal() && !p.expects:
			f.complete(key, now)
		case p.phase != silent:
		case p.spent:
			f.complete(key, now)
			f.again(now)
		case p.use != p.planned:
			p.planned = p.use
			f.core.Deadline(key, p.use)
		}
	})
}

// retry replaces a connection that could not be established, or did not work. Until the control connection has shown that any connection can work,
// it only counts.
func (f *idle) retry(now int64) {
	const unansweredFlows = 2
	f.failed++
	f.reuse = f.reuse || f.control.isKnown() && f.failed >= unansweredFlows // of UDP
	switch asked := int(f.core.Job().Plan.Connections); {
	case !f.control.isKnown():
		f.owed++
	case f.failed <= asked*maxRetries:
		f.again(now + int64(backoff(f.failed/asked)))
	}
}

// maxRetries is how often each connection is retried, on average, before they are given up.
const maxRetries = 5

// again makes a connection in place of one that has ended, unless the next turn finds that there is no need.
func (f *idle) again(at int64) { f.lacking = append(f.lacking, at) }

// redial makes the connections that are lacking.
func (f *idle) redial() (wake int64) {
	wake = engine.Never
	if !f.over && !f.isFinal() {
		for _, at := range f.lacking {
			f.core.Redial(f.next, at)
			f.next++
			wake = min(wake, at)
		}
	}
	f.lacking = f.lacking[:0]
	return wake
}
