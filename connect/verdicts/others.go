package verdicts

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
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

// Exchange is one request, as ping and its like make it, to one address of a target or to each.
type Exchange struct {
	Addresses int64 // that were asked
	Connected int64 // those of them that were reached
	Answered  int64 // those of Connected that answered as they should
	Target    string
	Why       string // some failed
}

// PingOf judges a ping; answers says whether it asks for more than a connection.
func PingOf(x Exchange, e *Expect, answers bool) connect.Judged {
	j := newJudge(e)
	x.judge(j, Connected, x.Connected, x.Addresses, "reached")
	switch {
	case answers && x.Connected == 0:
		j.say(Answered, true, "%s was not reached, so no answer was due: see the verdict connected", x.Target)
	case answers:
		x.judge(j, Answered, x.Answered, x.Connected, "answered as it should")
	}
	return j.result()
}

// judge says whether n of all addresses are enough.
func (x *Exchange) judge(j *judge, name string, n, all int64, what string) {
	least := j.expect.share(name)
	ok := float64(n) >= least*float64(all)
	text := fmt.Sprintf("%s was %s", x.Target, what)
	switch {
	case all > 1:
		text = fmt.Sprintf("%d of %d addresses of %s were %s (%s expected)", n, all, x.Target, what, expected(least))
	case n == 0:
		text = fmt.Sprintf("%s was not %s", x.Target, what)
		if least != 1 {
			text += fmt.Sprintf(" (%s expected)", expected(least))
		}
	}
	if n < all {
		text += ": " + x.Why
	}
	j.say(name, ok, "%s", text)
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
		wrong = fmt.Sprintf("%s answered by a host that was removed (%s): the balancer still sends flows there (stale): an old table, or a connection table that is not cleared", plural(v.Stale, "flow"), names(v.Removed))
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

// SocketsOf judges a socket table by the most sockets that each state may have. The table is of a remote server's host, or of this one's if
// remote is "".
func SocketsOf(remote string, states map[string]int64, most map[string]int64, e *Expect) connect.Judged {
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
	if remote != "" {
		text = fmt.Sprintf("%s has %s", remote, text)
	}
	j.say(Sockets, ok, "%s", text)
	return j.result()
}

func adviceOnState(state string) string {
	switch state {
	case "established":
		return ": they are still in use, or their peers have gone and the FIN or RST did not arrive: a balancer or firewall on the way drops it, or has forgotten the connection; TCP keepalive on that host closes them in time"
	case "fin_wait1", "closing", "last_ack":
		return ": their FIN is not acknowledged, so most likely it does not reach the other end, which keeps the connection: a balancer or firewall on the way drops it, or has forgotten the connection"
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
	return connect.Verdict{Name: Ran, Text: fmt.Sprintf("%s() did not run: %v", call, err)}
}

// Threw is the verdict on a script that threw an exception of its own.
func Threw(err error) connect.Verdict {
	return connect.Verdict{Name: Ran, Text: fmt.Sprintf("the script should run to its end, but an exception has ended the iteration, and what came after it was not tested: %v", err)}
}
