package verdicts

import (
	"fmt"
	"maps"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

// CapacityOf judges a search for a target's limit. Failing connects are what it looked for.
func CapacityOf(r *connect.CapacityResult, e *Expect) connect.Judged {
	j := newJudge(e)
	j.part(Complete, r.Begun, r.Asked, "of the last step were begun", "; the time was up first: allow a longer timeout")
	want := max(j.expect.Connections, 1)
	text := fmt.Sprintf("the target held %s (at least %d expected)", plural(r.Connections, "connection"), want)
	if r.Connections < want {
		text += capacityWhy(r)
	} else if !r.TellsServed {
		text += "; whether it serves them can't be told, since it sends nothing by itself: give a payload that it answers"
	}
	j.say(Capacity, r.Connections >= want, "%s", text)
	return j.result()
}

// capacityWhy says what kept the target from holding more. Connects that were given up when the search ended say nothing of it.
func capacityWhy(r *connect.CapacityResult) string {
	failed := maps.Clone(r.Errors)
	if r.Limit != connect.LimitTime {
		delete(failed, connect.ClassAborted)
	}
	switch {
	case len(failed) == 0:
		return ": " + r.Explanation
	case r.Connections == 0 && r.Limit == connect.LimitUnreachable:
		return ", as no connect succeeds" + causes(failed, r.First)
	}
	return ": " + r.Explanation + "; failures: " + byClass(failed)
}
