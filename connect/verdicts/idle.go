package verdicts

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// IdleOf judges a search for the time that a connection may be silent. Connections that are forgotten are what it looks for; one that was
// used at once must answer.
func IdleOf(r *connect.IdleResult, e *Expect) connect.Judged {
	j := newJudge(e)
	text := fmt.Sprintf("the search came to an end, with %s", plural(r.Dialed, "connection"))
	if !r.Finished {
		text = fmt.Sprintf("the search to come to an end, but it took longer than its time (%s), or was interrupted: allow more time, fewer silences (from, to), or less precision", span(r.TimeLimit))
	}
	j.say(Complete, r.Finished, "%s", text)
	text = fmt.Sprintf("a connection that was used at once answered after %s", span(r.Control.Time))
	if !r.Control.Answered {
		text = "a connection that was used at once to answer, but it did not: " + r.Control.Message
	}
	j.say(Answered, r.Control.Answered, "%s", text)
	if want := j.expect.IdleTimeout; want > 0 {
		judgeIdle(j, r)
	}
	return j.result()
}

func judgeIdle(j *judge, r *connect.IdleResult) {
	want := j.expect.IdleTimeout
	x := r.Expected
	switch {
	case x == nil || x.How == connect.IdleUnknown:
		j.say(Idle, false, "a connection that was silent for %s to answer, but the search ended before: allow more time", span(want))
	case x.How == connect.IdleNever && (r.Timeout == nil || *r.Timeout >= want):
		j.say(Idle, true, "a connection that was silent for %s still answered", span(want))
	default:
		text := fmt.Sprintf("a connection that was silent for %s to answer, but connections are forgotten earlier (%s)", span(want), x.How)
		if r.Timeout != nil {
			text += fmt.Sprintf(": after %s", span(*r.Timeout))
		}
		j.say(Idle, false, "%s; a firewall, NAT or load balancer on the way, or the target, has a shorter idle timeout: raise it, or send keepalives more often", text)
	}
}
