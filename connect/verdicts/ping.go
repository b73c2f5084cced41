package verdicts

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
)

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
	x.judge(j, Connected, x.Connected, x.Addresses, "reached", answers)
	switch {
	case answers && x.Connected == 0:
		j.say(Answered, true, "%s was not reached, so no answer was due: see the verdict connected", x.Target)
	case answers:
		x.judge(j, Answered, x.Answered, x.Connected, "answered as it should", true)
	}
	return j.result()
}

// judge says whether n of all addresses are enough; answers, whether they were asked for more than a connection.
func (x *Exchange) judge(j *judge, name string, n, all int64, what string, answers bool) {
	least := j.expect.share(name)
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
	switch {
	case n < all:
		text += ": " + x.Why
	case !answers:
		text += "; a balancer or proxy shakes hands whether or not a backend is up: ask for an answer, with flood() or ping(), to know what is behind it"
	}
	j.say(name, j.holds(name, n, all), "%s", text)
}
