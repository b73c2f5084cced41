package mesh

import (
	"cmp"
	"slices"
	"time"
)

// downAfter is how many pings in a row have to be lost until a server is down. One alone is a loss like others.
const downAfter = 2

// A Now is what the last pings say of a peer, apart from what the last hour's do.
type Now struct {
	// Down is true if the last two pings, or more, were lost.
	Down bool `json:"down"`
	// Failing is how many pings in a row were lost since the last answer.
	Failing int `json:"failing"`
	// Since is when the first of these was sent; zero if the last ping was answered.
	Since time.Time `json:"since,omitzero"`
	// Answered is when the last answer was complete; zero if there was none.
	Answered time.Time `json:"answered,omitzero"`
}

// now is what the figures say.
func (f *figures) now() Now {
	n := Now{Down: f.row >= downAfter, Failing: f.row, Answered: second(f.latest)}
	if f.row > 0 {
		n.Since = second(f.failed)
	}
	return n
}

// check makes what another server tells consistent. Its clock is so much behind this one's; arrived is when its row came.
func (n *Now) check(behind time.Duration, arrived time.Time) {
	n.Failing = max(n.Failing, 0)
	n.Down = n.Failing >= downAfter
	n.Since, n.Answered = believable(n.Since, behind, arrived), believable(n.Answered, behind, arrived)
	if n.Failing == 0 {
		n.Since = time.Time{}
	}
}

// oldest is how long ago a state can have begun that is believed.
const oldest = 10 * 365 * 24 * time.Hour

// believable is a time by another clock as this one has it, or zero if nothing can have happened then.
func believable(at time.Time, behind time.Duration, arrived time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	at = at.Add(behind)
	switch {
	case at.After(arrived):
		return second(arrived)
	case arrived.Sub(at) > oldest:
		return time.Time{}
	}
	return second(at)
}

func second(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Second)
}

// An Outage is a server that some of those who measure it find down now.
type Outage struct {
	Server string `json:"server"` // its name in the columns
	// By are the names of the rows that find it down, and Of is how many rows measure it. Rows that are stale do not count.
	By []string `json:"by"`
	Of int      `json:"of"`
	// Since is when it went down: the middle one of what the rows in By say, so that one that is wrong does not decide.
	Since time.Time `json:"since,omitzero"`
	// Answered is when any row had the last answer; zero if none ever had.
	Answered time.Time `json:"answered,omitzero"`
	// Error is what the last ping of the first row in By met.
	Error string `json:"error"`
}

// outages are the servers of a matrix that are down: first those that this server misses itself, since others may lie about any
// number of servers, and among these first those that it has reached before, since others tell of peers that there never were.
// Then those come first that most rows miss.
func (t *Matrix) outages() []Outage {
	found := []Outage{} // an empty list in JSON, not null
	own := t.rowOf(t.own.Instance)
	trust := map[string]int{}
	for column, name := range t.Columns {
		o := t.outage(column)
		if len(o.By) == 0 {
			continue
		}
		found = append(found, o)
		if own >= 0 {
			trust[name] = t.Cells[own][column].missed()
		}
	}
	slices.SortStableFunc(found, func(a, b Outage) int {
		return cmp.Or(
			cmp.Compare(trust[b.Server], trust[a.Server]), cmp.Compare(len(b.By)*a.Of, len(a.By)*b.Of), a.Since.Compare(b.Since),
		)
	})
	return found
}

// missed is 2 for what is down and has answered, 1 for what is down and never has, 0 for all else.
func (c *Cell) missed() int {
	switch {
	case c == nil || !c.Down:
		return 0
	case c.Answered.IsZero():
		return 1
	}
	return 2
}

func (t *Matrix) outage(column int) Outage {
	o := Outage{Server: t.Columns[column]}
	var since []time.Time
	for row, cells := range t.Cells {
		c := cells[column]
		if c == nil || c.Pings == 0 || t.Stale[row] {
			continue
		}
		o.Of++
		if c.Answered.After(o.Answered) {
			o.Answered = c.Answered
		}
		if !c.Down {
			continue
		}
		if len(o.By) == 0 {
			o.Error = c.Error
		}
		o.By = append(o.By, t.Rows[row])
		if !c.Since.IsZero() {
			since = append(since, c.Since)
		}
	}
	if len(since) > 0 {
		slices.SortFunc(since, time.Time.Compare)
		o.Since = since[len(since)/2]
	}
	return o
}
