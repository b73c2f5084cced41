package verdicts

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// Hold judges a hold that has ended, by the changes that were announced.
func Hold(r *connect.HoldResult, e *Expect, changes []connect.Change) {
	j := newJudge(e)
	r.Excuse(changes)
	c := connects{
		asked: r.Connects, begun: r.Connects - r.States.NotInitiated, failed: r.FailedConnects, retried: r.Retried,
		errors: r.ConnectErrors, first: r.First, timeout: r.Timeout,
	}
	c.judge(j, true)
	judgeKept(j, &r.Losses, r.EstablishedTotal, keptWhy(r))
	r.Missing, r.Unexpected = judgeHosts(j, r.Hosts)
	r.Judged = j.result()
}

// keptWhy says what ended the connections.
func keptWhy(r *connect.HoldResult) string {
	late := map[connect.Class]int64{}
	for class, n := range r.Errors {
		if n -= r.ConnectErrors[class]; n > 0 {
			late[class] = n
		}
	}
	if r.ClosedBy.FIN+r.ClosedBy.RST == 0 {
		return causes(late, r.First)
	}
	text := ": the peer closed " + plural(r.ClosedBy.FIN, "connection")
	if r.ClosedBy.RST > 0 {
		text = fmt.Sprintf(": the peer closed %d and reset %d", r.ClosedBy.FIN, r.ClosedBy.RST)
	}
	text += fmt.Sprintf(", after %s on average: a limit of connections or an idle timeout of the target or of a device on the way, or a backend that went", span(r.Lifetime.Avg))
	if len(late) > 0 {
		text += "; others failed" + causes(late, r.First)
	}
	return text
}

// judgeKept says whether what was established lasted, but for what a change excuses.
func judgeKept(j *judge, l *connect.Losses, established int64, why string) {
	what := "kept to the end"
	if l.Excused > 0 {
		what = fmt.Sprintf("kept to the end, or lost by announced changes (%d)", l.Excused)
	}
	if len(l.NeedlessByHost) > 0 {
		why = ", the others of " + shares(l.NeedlessByHost) + why
	}
	j.part(Kept, max(established-l.Needless, 0), established, what, why)
}
