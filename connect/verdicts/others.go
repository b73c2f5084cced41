package verdicts

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
)

// CapacityOf judges a search for a target's limit. Failing connects are what it looked for.
func CapacityOf(r *connect.CapacityResult, e *Expect) connect.Judged {
	j := newJudge(e)
	j.part(Complete, r.Begun, r.Asked, "begun", "; the time was up first: allow a longer timeout")
	want := max(j.expect.Connections, 1)
	text := fmt.Sprintf("%s held (at least %d expected)", plural(r.Connections, "connection"), want)
	if r.Connections < want {
		text += ": " + r.Explanation + strings.Replace(causes(r.Errors, r.First), ": ", "; ", 1)
	}
	j.say(Capacity, r.Connections >= want, "%s", text)
	return j.result()
}

// Exchange is one request, as ping and its like make it.
type Exchange struct {
	Connected, Answered bool
	Target              string
	Why                 string // it failed
}

// PingOf judges a ping; answers says whether it asks for more than a connection.
func PingOf(x Exchange, e *Expect, answers bool) connect.Judged {
	j := newJudge(e)
	said := func(name string, ok bool, what string) {
		text := x.Target + " " + what
		if !ok {
			text = fmt.Sprintf("%s to be %s: %s", x.Target, what, x.Why)
		}
		j.say(name, ok, "%s", text)
	}
	said(Connected, x.Connected, "reached")
	if answers && x.Connected {
		said(Answered, x.Answered, "answered")
	}
	return j.result()
}

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
		wrong = fmt.Sprintf("%s answered by a host that was removed: the balancer still sends flows there (stale): an old table, or a connection table that is not cleared", plural(v.Stale, "flow"))
	case v.Lost > 0:
		wrong = fmt.Sprintf("%s answered before, and no more after the change: the balancer sends them to a backend that is gone", plural(v.Lost, "flow"))
	case len(idle) > 0:
		wrong = fmt.Sprintf("nothing went to %s, though at least %d flows were due: the balancer has not taken the host in (health check, weight, an old table)", names(idle), dueFlows)
	case v.Excess > most+chance(v):
		wrong = "more flows moved than the change needs: the balancer hashes anew (modulo the number of backends) in place of consistently, or was told another change"
	}
	text := fmt.Sprintf("%d of %s moved, %s; by model %s %s are inevitable, and at most %s more expected", v.Moved, plural(v.Flows, "flow"), percent(v.MovedShare), v.Model, percent(v.IdealShare), percent(most))
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

// SocketsOf judges a socket table by the most sockets that each state may have.
func SocketsOf(states map[string]int64, most map[string]int64, e *Expect) connect.Judged {
	j := newJudge(e)
	if len(most) == 0 {
		return j.result()
	}
	text, ok := "", true
	for _, state := range slices.Sorted(maps.Keys(most)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s (at most %d expected)", states[state], state, most[state])
		if states[state] > most[state] {
			ok = false
			text += adviceOnState(state)
		}
	}
	j.say(Sockets, ok, "%s", text)
	return j.result()
}

func adviceOnState(state string) string {
	switch state {
	case "close_wait":
		return ": the application does not close connections that its peers have closed: it leaks, or hangs"
	case "syn_recv":
		return ": handshakes do not finish: a SYN flood, or a way back that loses packets"
	case "time_wait":
		return ": connections are closed from this side, one after the other: keep them open, or close with a RST"
	}
	return ": more than expected stay"
}

// Failed is the verdict on a call that was rejected or threw.
func Failed(call string, err error) connect.Verdict {
	return connect.Verdict{Name: Ran, Text: fmt.Sprintf("%s() to run: %v", call, err)}
}
