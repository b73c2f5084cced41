package rules

import (
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// other is what is known of another host that answers on a flow.
type other struct {
	name    string // that it has told in the last answer, where that may be no name
	settled bool   // the flow is known to have moved, which is told once, or can't be
}

// move takes note of the host that has answered on a UDP flow, which may be another than before.
func (h *hold) move(key uint32, host string, now int64) {
	conn := h.core.Conn(key)
	before := h.hosts[conn.Tag]
	if host == before {
		return
	}
	h.name(conn, host)
	h.moved(key, before, now)
}

// moved tells, once, that a flow went on with another host than this.
func (h *hold) moved(key uint32, before string, now int64) {
	if h.others[key].settled {
		return
	}
	h.others[key] = other{settled: true}
	o := h.report(key, now, engine.NewsMoved)
	o.Host, o.Reply = before, time.Duration(now-h.core.Outgoing(key).Mark)
}

// mayMove is move where any text is an answer, so that the text need not be a name. It is taken for a name if it is expected. It is also taken for
// one if it comes twice in a row and names the host of another flow: a time or a counter does neither.
func (h *hold) mayMove(key uint32, answer []byte, now int64) {
	conn := h.core.Conn(key)
	name, ok := reply.Parse(answer)
	if !ok || conn.Tag == 0 || h.others[key].settled {
		return
	}
	own, before := h.hosts[conn.Tag], h.others[key].name
	isOther := h.hostOf[before] > 0
	_, isExpected := h.expected[string(name)]
	switch {
	case string(name) == own && isOther:
		h.moved(key, own, now) // and back
	case string(name) == own:
		delete(h.others, key)
	case isExpected && h.expected[own] > 0, string(name) == before && isOther:
		h.move(key, string(name), now)
	default:
		h.others[key] = other{name: h.names.Intern(name)}
	}
}
