package verdicts

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// IdleOf judges a search for the time that a connection may be silent. Connections that are forgotten are what it looks for; one that was
// used at once must answer.
func IdleOf(r *connect.IdleResult, e *Expect) connect.Judged {
	j := newJudge(e)
	judgeSearch(j, r)
	judgeControl(j, r)
	switch want := j.expect.IdleTimeout; {
	case r.Early.Failed > 0 && (want == 0 || r.Early.Silence <= want):
		judgeEarly(j, r)
	case want > 0:
		judgeIdle(j, r)
	}
	return j.result()
}

func judgeSearch(j *judge, r *connect.IdleResult) {
	text := fmt.Sprintf("the search came to an end, with %s", plural(r.Dialed, "connection"))
	switch {
	case neverBegan(r):
		text = "the search for a timeout could not begin, since the connection that is used at once was not answered: see the verdict answered"
	case !r.Finished && r.Spoken > r.Connections:
		text = fmt.Sprintf("the search should come to an end within its time (%s), but connections were not silent: the target has sent something by itself %d times; idle() needs a service that is silent unless it is asked", units.Span(r.TimeLimit), r.Spoken)
	case !r.Finished:
		text = fmt.Sprintf("the search should come to an end, but it took longer than its time (%s), or was interrupted (Ctrl-C, a signal, or the end of the iteration or the test): allow more time, fewer silences (from, to), or less precision", units.Span(r.TimeLimit))
	}
	j.say(Complete, r.Finished, "%s", text)
}

// judgeControl judges the connection that was used at once.
func judgeControl(j *judge, r *connect.IdleResult) {
	text := fmt.Sprintf("a connection that was used at once was answered after %s", units.Span(r.Control.Time))
	switch {
	case r.AtOnce:
		text += fmt.Sprintf(", and none a second time: the target ends a connection as soon as it has answered (%s), which tells nothing of silences: idle() needs a service that answers again and again on a connection (mconnect-server -echo), or payload and reply that ask for that (HTTP: keep-alive)", r.How)
	case r.OnlyOnce:
		text += fmt.Sprintf(", but none was a second time, so that this may have been a late greeting of a target that answers nothing: idle() needs a service that echoes (mconnect-server -echo), or payload and reply; "+
			"if it does, connections are forgotten within %s: take a shorter from", units.Span(r.From))
	case !r.Control.Answered:
		text = "a connection that was used at once should be answered, but was not: " + r.Control.Message
		if r.Control.Error == connect.ClassNone { // none was established
			text += causes(r.Errors, r.First)
		}
	}
	j.say(Answered, r.Control.Answered && !r.OnlyOnce && !r.AtOnce, "%s", text)
}

// neverBegan reports whether nothing was searched, since the connection that is used at once was not answered.
func neverBegan(r *connect.IdleResult) bool {
	return !r.Finished && !r.Control.Answered && r.Duration < r.TimeLimit
}

// judgeEarly judges a search that has found more than one timeout.
func judgeEarly(j *judge, r *connect.IdleResult) {
	expected := "connections should all be forgotten after the same silence"
	if want := j.expect.IdleTimeout; want > 0 {
		expected = fmt.Sprintf("a connection that was silent for %s should still answer", units.Span(want))
	}
	j.say(Idle, false, "%s, but %d of %d were forgotten after silences from %s on that others have survived (up to %s): one backend, or path, of several has a shorter idle timeout, or a limit of a connection's age: "+
		"look for it behind the balancer (idle() of each), and raise it; if a backend was restarted meanwhile, or answers get lost, measure again", expected, r.Early.Failed, r.Early.Of, units.Span(r.Early.Silence), units.Span(r.AtLeast))
}

func judgeIdle(j *judge, r *connect.IdleResult) {
	want := j.expect.IdleTimeout
	x := r.Expected
	earlier := r.Timeout != nil && *r.Timeout < want
	switch {
	case neverBegan(r):
		j.say(Idle, false, "a connection that was silent for %s should still answer, but the search could not begin: see the verdict answered", units.Span(want))
	case r.AtOnce:
		j.say(Idle, false, "a connection that was silent for %s should still answer, but the target ends connections as soon as they have answered: see the verdict answered", units.Span(want))
	case !earlier && (x == nil || x.How == connect.IdleUnknown):
		j.say(Idle, false, "a connection that was silent for %s should still answer, but the search ended before: allow more time", units.Span(want))
	case !earlier && x.How == connect.IdleNever:
		j.say(Idle, true, "a connection that was silent for %s still answered", units.Span(want))
	default:
		how := r.How
		if x != nil && x.How != connect.IdleUnknown && x.How != connect.IdleNever {
			how = x.How
		}
		text := fmt.Sprintf("a connection that was silent for %s should still answer, but connections are forgotten earlier (%s)", units.Span(want), how)
		if r.Timeout != nil {
			text += fmt.Sprintf(": after %s", units.Span(*r.Timeout))
		}
		if r.OnlyOnce {
			text += "; no connection has answered a second time, so most likely the target answers nothing, and the first words of the one that was used at once were a late greeting: idle() needs a service that echoes, or payload and reply; else"
		} else {
			text += ";"
		}
		j.say(Idle, false, "%s a firewall, NAT or load balancer on the way, or the target, has a shorter idle timeout: raise it, or send keepalives more often", text)
	}
}
