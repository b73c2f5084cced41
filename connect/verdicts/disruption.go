package verdicts

import (
	"fmt"
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// dueFlows is how many flows must be due to a host that was added for it to stand out that it gets none.
const dueFlows = 10

// Disruption judges what a change of the backends did to flows.
func Disruption(v *disruption.Verdict, e *Expect) connect.Judged {
	j := newJudge(e)
	most := DefaultMoved
	if j.expect.HasMoved {
		most = j.expect.Moved
	}
	wrong := ""
	idle := idleBackends(v)
	switch {
	case v.Trouble != "":
		wrong = v.Trouble
	case v.Stale > 0:
		wrong = fmt.Sprintf("%s answered by a host that was removed (%s): the balancer still sends flows there (stale): an old table, or a connection table that is not cleared", plural(v.Stale, "flow"), names(v.Removed))
	case v.Lost > 0:
		wrong = fmt.Sprintf("%s answered before, and no more after the change: the balancer sends them to a backend that is gone", plural(v.Lost, "flow"))
	case len(idle) > 0:
		wrong = fmt.Sprintf("nothing went to %s, though at least %d flows were due: the balancer has not taken the host in (health check, weight, an old table)", names(idle), dueFlows)
	case v.Excess > most+chance(v):
		wrong = "more flows moved than the change needs: the balancer hashes anew (modulo the number of backends) in place of consistently, or was told another change"
	}
	text := fmt.Sprintf("%d of %s moved, %s; by model %s %s are inevitable, and at most %s more expected", v.Moved, plural(v.Flows, "flow"), units.Percent(v.MovedShare), v.Model, units.Percent(v.IdealShare), units.Percent(most))
	if wrong != "" {
		text += ": " + wrong
	}
	j.say(Moved, wrong == "", "%s", text)
	return j.result()
}

// chance is three standard deviations of the share that the model moves.
func chance(v *disruption.Verdict) float64 {
	if v.Flows == 0 {
		return 0
	}
	return 3 * math.Sqrt(v.IdealShare*(1-v.IdealShare)/float64(v.Flows))
}

// idleBackends are hosts that were added, and got nothing of what they are due. Connection tracking leaves flows where they are.
func idleBackends(v *disruption.Verdict) (idle []string) {
	if v.Model == disruption.Stateful {
		return nil
	}
	for _, host := range v.Added {
		if v.To[host] == 0 && v.Due[host]*float64(v.Flows) >= dueFlows {
			idle = append(idle, host)
		}
	}
	return idle
}
