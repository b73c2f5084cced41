package picture

import (
	"fmt"
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

func disruptionSection(v *disruption.Verdict, name string) Section {
	s := Section{ID: name, Title: "Change of backends: " + change(v), Charts: []Chart{movedChart(v, name)}}
	s.Facts = []Fact{
		{"model", string(v.Model), ""},
		{"backends", count(int64(len(v.Backends))), ""},
		{"flows", count(v.Flows), ""},
		{"moved", units.Percent(v.MovedShare), ""},
		{"ideal", units.Percent(v.IdealShare), ""},
		{"in excess", fmt.Sprintf("%+.1f %%", 100*v.Excess), excessTone(v)},
		{"moved needlessly", count(v.Needless), ""},
		{"lost", count(v.Lost), tone(v.Lost)},
	}
	if len(v.From)+len(v.To) > 0 {
		s.Charts = append(s.Charts, movesChart(v, name))
	}
	return s
}

// disruptionsSection shows several verdicts side by side.
func disruptionsSection(verdicts []recording.Disruption) Section {
	c := Chart{
		Name: "disruptions", Title: "Flows moved by each change, against the ideal",
		Description: fmt.Sprintf("Shares of the flows that %d changes of backends have moved, and those that their models expect.", len(verdicts)),
		Table:       Table{Columns: []string{"change", "model", "flows", "moved", "share", "ideal", "needlessly", "lost"}},
	}
	rows := make([]bar, len(verdicts))
	for i, v := range verdicts {
		name := fmt.Sprintf("%d: %s", i+1, change(v.Verdict))
		c.Table.Rows = append(c.Table.Rows, []string{
			name, string(v.Model), count(v.Flows), count(v.Moved), units.Percent(v.MovedShare), units.Percent(v.IdealShare), count(v.Needless), count(v.Lost),
		})
		rows[i] = movedBar(v.Verdict)
		rows[i].name = name
	}
	c.drawing = &bars{keys: movedKeys, rows: fold(rows, func(middle []bar) bar {
		rest := bar{name: count(int64(len(middle))) + " between, on average", expected: averageExpected(middle)}
		for i, p := range middle[0].parts {
			rest.parts = append(rest.parts, part{p.paint, averagePart(middle, i)})
		}
		rest.text = units.Percent(rest.total())
		return rest
	})}
	return Section{ID: "disruptions", Title: "Changes of backends", Charts: []Chart{c}}
}

var movedKeys = []entry{{paint: plain, name: "backend removed"}, {paint: good, name: "backend added"}, {paint: bad, name: "neither"}, {ink, "ideal", upright}}

// movedBar is the share of flows that moved, by reason.
func movedBar(v *disruption.Verdict) bar {
	share := func(n int64) float64 { return float64(n) / float64(max(v.Flows, 1)) }
	return bar{
		name: change(v), text: units.Percent(v.MovedShare), expected: v.IdealShare,
		parts: []part{{plain, share(v.Inevitable)}, {good, share(v.Claimed)}, {bad, share(v.Needless)}},
	}
}

// excessTone allows for chance: three standard deviations of a share of so many flows.
func excessTone(v *disruption.Verdict) string {
	chance := 3 * math.Sqrt(v.IdealShare*(1-v.IdealShare)/float64(max(v.Flows, 1)))
	if v.Excess > chance+0.005 {
		return "bad"
	}
	return "good"
}

// movedChart shows the share of flows that moved, by reason, against the ideal.
func movedChart(v *disruption.Verdict, name string) Chart {
	share := func(n int64) float64 { return float64(n) / float64(max(v.Flows, 1)) }
	c := Chart{
		Name: name + "-moved", Title: "Flows moved, against the ideal of " + string(v.Model),
		Table:       Table{Columns: []string{"flows", "number", "share"}},
		Description: fmt.Sprintf("%s of %s flows moved (%s); the ideal is %s.", count(v.Moved), count(v.Flows), units.Percent(v.MovedShare), units.Percent(v.IdealShare)),
	}
	for _, row := range []struct {
		name string
		n    int64
	}{
		{"moved", v.Moved},
		{"moved from a removed backend", v.Inevitable},
		{"moved to an added backend", v.Claimed},
		{"moved for no such reason", v.Needless},
		{"still with a removed backend", v.Stale},
	} {
		c.Table.Rows = append(c.Table.Rows, []string{row.name, count(row.n), units.Percent(share(row.n))})
	}
	c.Table.Rows = append(c.Table.Rows, []string{"ideal", units.Number(v.IdealShare * float64(v.Flows)), units.Percent(v.IdealShare)})
	c.drawing = &bars{keys: movedKeys, rows: []bar{movedBar(v)}}
	return c
}

// change says what happened to the backends.
func change(v *disruption.Verdict) string {
	switch {
	case len(v.Removed)+len(v.Added) == 0:
		return "no change"
	case len(v.Added) == 0:
		return "without " + list(v.Removed, 2)
	case len(v.Removed) == 0:
		return "with " + list(v.Added, 2)
	}
	return fmt.Sprintf("%s for %s", list(v.Added, 2), list(v.Removed, 2))
}

// movesChart shows from which host flows moved, and to which.
func movesChart(v *disruption.Verdict, name string) Chart {
	all := map[string]int64{}
	for _, moved := range []map[string]int64{v.From, v.To} {
		for host, n := range moved {
			all[host] += n
		}
	}
	hosts := stats.MostFirst(all)
	c := Chart{
		Name: name + "-moves", Title: "Flows moved away from and to each backend", Table: Table{Columns: []string{"backend", "away", "to it"}},
		Description: fmt.Sprintf("Moves of %s flows between %s.", count(v.Moved), plural(len(hosts), "backend", "backends")),
	}
	rows := make([]bar, len(hosts))
	for i, host := range hosts {
		c.Table.Rows = append(c.Table.Rows, []string{host, count(v.From[host]), count(v.To[host])})
		rows[i] = bar{
			name: host, text: count(v.From[host]) + " away, " + count(v.To[host]) + " to it", expected: math.NaN(),
			parts: []part{{bad, float64(v.From[host])}, {plain, float64(v.To[host])}},
		}
	}
	c.drawing = &bars{keys: []entry{{paint: bad, name: "moved away"}, {paint: plain, name: "moved to it"}}, rows: fold(rows, func(middle []bar) bar {
		away, to := averagePart(middle, 0), averagePart(middle, 1)
		return bar{
			name: count(int64(len(middle))) + " between, on average", expected: math.NaN(), text: units.Number(away) + " away, " + units.Number(to) + " to it",
			parts: []part{{bad, away}, {plain, to}},
		}
	})}
	return c
}
