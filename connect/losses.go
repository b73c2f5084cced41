package connect

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// Loss is an established connection that ended before its time, or a UDP flow that another host went on to answer.
type Loss struct {
	Number   int64
	At       time.Duration  // of its FIN or RST, or of its last echo if it fell silent
	Missed   time.Duration  // if it fell silent, when the packet was sent whose echo never came; else 0
	Until    *time.Duration // when the next connection in its place had its first echo; nil if none had
	Host     string         // UnknownHost if it did not tell its name
	Class    Class          // ClassClosed for a FIN
	Moved    bool           // it is a flow that another host went on to answer
	Needless bool           // no change excuses it; as Excuse says
}

// Change is a change of the backends that was announced.
type Change struct {
	Text   string        `json:"text"`
	Time   time.Duration `json:"time"`   // since the call's start; below 0 if it came before
	Within time.Duration `json:"within"` // losses after Time are excused for so long
	Hosts  []string      `json:"hosts"`  // that are affected; none stands for all
}

// Excuses reports whether a loss comes from the change. A connection that fell silent did so between its last echo and the packet after
// it: a change that came between these two is its cause.
func (c *Change) Excuses(l *Loss) bool {
	if max(l.At, l.Missed) < c.Time || l.At > c.Time+c.Within {
		return false
	}
	return len(c.Hosts) == 0 || l.Host != UnknownHost && slices.Contains(c.Hosts, l.Host)
}

// Outage is a time in which connections were down. Losses whose connections were down at the same time are one outage.
type Outage struct {
	From        time.Duration  `json:"from"`
	To          *time.Duration `json:"to"` // nil if it lasted to the end
	Connections int64          `json:"connections"`
	Hosts       []string       `json:"hosts"` // whose connections were lost
}

// Losses are the part of a result that says which established connections ended before their time, and whether announced changes excuse
// that.
type Losses struct {
	Needless       int64    `json:"needless"` // losses that no change excuses
	Excused        int64    `json:"excused"`
	NeedlessByHost Hosts    `json:"needless_by_host"`
	ClosedBy       ClosedBy `json:"closed_by"`
	Outages        []Outage `json:"outages"`
	Changes        []Change `json:"changes"` // that were announced

	List []Loss `json:"-"` // in the order of time; at most MaxLosses

	beyond map[LossOf]int64 // further losses
	final  bool             // what is lost is not dialed again
}

// LossOf is what losses have in common.
type LossOf struct {
	Host  string
	Class Class // ClassNone of a flow that another host went on to answer
}

// ClosedBy counts the connections that the peer closed.
type ClosedBy struct {
	FIN int64 `json:"fin"`
	RST int64 `json:"rst"`
}

// MaxLosses bounds how many losses are kept one by one. Further ones count as needless, and are in no outage.
const MaxLosses = 1_000_000

// add takes note of a loss.
func (l *Losses) add(loss Loss) {
	loss.Host = cmp.Or(loss.Host, UnknownHost)
	switch {
	case loss.Moved:
	case loss.Class == ClassClosed:
		l.ClosedBy.FIN++
	case loss.Class == ClassReset:
		l.ClosedBy.RST++
	}
	if len(l.List) == MaxLosses {
		l.addBeyond(LossOf{loss.Host, loss.Class})
		return
	}
	l.List = append(l.List, loss)
}

// addBeyond counts a loss that is not kept. Of more hosts than are told apart, all others are one.
func (l *Losses) addBeyond(of LossOf) {
	if l.beyond == nil {
		l.beyond = map[LossOf]int64{}
	}
	if _, known := l.beyond[of]; !known && len(l.beyond) >= engine.MaxHosts {
		of.Host = engine.OtherHosts
	}
	l.beyond[of]++
}

// NeedlessBy counts the losses that no change excuses, by host and class. Excuse must have been called.
func (l *Losses) NeedlessBy() map[LossOf]int64 {
	by := maps.Clone(l.beyond)
	if by == nil {
		by = map[LossOf]int64{}
	}
	for i := range l.List {
		if loss := &l.List[i]; loss.Needless {
			by[LossOf{loss.Host, loss.Class}]++
		}
	}
	return by
}

// NeedlesslyMoved counts the UDP flows that another host went on to answer, and no change excuses.
func (l *Losses) NeedlesslyMoved() int64 {
	return l.count(func(loss *Loss) bool { return loss.Moved && loss.Needless })
}

// Moved counts the UDP flows that another host went on to answer.
func (l *Losses) Moved() int64 {
	return l.count(func(loss *Loss) bool { return loss.Moved })
}

// TakenDown counts the connections that announced changes have ended. A flow that another host took is up. Excuse must have been called.
func (l *Losses) TakenDown() int64 {
	return l.count(func(loss *Loss) bool { return !loss.Needless && !loss.Moved })
}

func (l *Losses) count(is func(*Loss) bool) (n int64) {
	for i := range l.List {
		if is(&l.List[i]) {
			n++
		}
	}
	return n
}

// Excuse judges the losses by the changes that were announced, and finds the outages. It must be called once, when the call has ended.
func (l *Losses) Excuse(changes []Change) {
	l.NeedlessByHost, l.Changes = Hosts{}, append([]Change{}, changes...)
	slices.SortStableFunc(l.List, func(a, b Loss) int { return cmp.Compare(a.At, b.At) })
	for i := range l.List {
		loss := &l.List[i]
		if slices.ContainsFunc(changes, func(c Change) bool { return c.Excuses(loss) }) {
			l.Excused++
			continue
		}
		loss.Needless = true
		l.Needless++
		l.NeedlessByHost.Add(loss.Host, 1)
	}
	for of, n := range l.beyond {
		l.Needless += n
		l.NeedlessByHost.Add(of.Host, n)
	}
	l.Outages = outages(l.List, l.final)
}

// OutagesApart is how long all connections must have been up for the next loss to begin another outage.
const OutagesApart = 100 * time.Millisecond

// outages puts together the losses, in the order of time, whose connections were down at the same time. final says that no connection came
// up again: then those that were lost together are one outage, which lasts.
func outages(losses []Loss, final bool) []Outage {
	list := []Outage{}
	var end time.Duration // of the last outage; that of one which lasts is later than all
	for i := range losses {
		l := &losses[i]
		if l.Moved {
			continue // it was never down
		}
		if len(list) == 0 || l.At > end+OutagesApart {
			list = append(list, Outage{From: l.At, To: &losses[i].At, Hosts: []string{}})
			end = l.At
		}
		list[len(list)-1].take(l, &end)
		if final {
			end = l.At
		}
	}
	return list
}

// never is later than all times of a call.
const never = 100 * 365 * 24 * time.Hour

func (o *Outage) take(l *Loss, end *time.Duration) {
	o.Connections++
	if !slices.Contains(o.Hosts, l.Host) && len(o.Hosts) < maxOutageHosts {
		o.Hosts = append(o.Hosts, l.Host)
		slices.Sort(o.Hosts)
	}
	switch {
	case l.Until == nil:
		o.To, *end = nil, never
	case *l.Until > *end:
		o.To, *end = l.Until, *l.Until
	}
}

// maxOutageHosts bounds how many hosts an outage names.
const maxOutageHosts = 1000
