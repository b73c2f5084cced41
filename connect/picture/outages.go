package picture

import (
	"fmt"
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// outagesOf are the times of trouble of a call: each outage by itself, or, of a recording that does not tell them, from the first loss to the
// recovery.
func outagesOf(t *connect.TrafficResult) []trouble {
	if len(t.Outages) == 0 {
		if one := troubleOf(t); one != nil {
			return []trouble{*one}
		}
		return nil
	}
	var all []trouble
	for i := range t.Outages {
		o := &t.Outages[i]
		tr := trouble{from: o.From.Seconds(), to: t.Duration.Seconds(), name: "never all up again"}
		if o.To != nil {
			tr.to, tr.name = o.To.Seconds(), units.Span(*o.To-o.From)
		}
		all = append(all, tr)
	}
	return all
}

// changesOf are the announced changes.
func changesOf(t *connect.TrafficResult) []instant {
	all := make([]instant, 0, len(t.Changes))
	for i := range t.Changes {
		all = append(all, instant{t.Changes[i].Time.Seconds(), t.Changes[i].Text})
	}
	return all
}

// outagesChart shows how long each outage lasted.
func outagesChart(t *connect.TrafficResult, name string) Chart {
	c := Chart{Name: name + "-outages", Title: "Outages, one by one", Table: Table{Columns: []string{"from", "for", "connections", "backends"}}}
	rows := make([]bar, len(t.Outages))
	for i := range t.Outages {
		o := &t.Outages[i]
		length, text := t.Duration-o.From, "to the end"
		if o.To != nil {
			length = *o.To - o.From
			text = units.Span(length)
		}
		c.Table.Rows = append(c.Table.Rows, []string{units.Span(o.From), text, count(o.Connections), list(o.Hosts, 5)})
		rows[i] = bar{
			name: "at " + units.Span(o.From) + ", " + list(o.Hosts, 1), text: text + ", " + plural(int(o.Connections), "connection", "connections"),
			parts: []part{{bad, max(length.Seconds(), 0)}}, expected: math.NaN(),
		}
	}
	c.Description = fmt.Sprintf("%s; %s losses were needless, and announced changes excuse %s.", plural(len(rows), "outage", "outages"), count(t.Needless), count(t.Excused))
	c.drawing = &bars{rows: fold(rows, func(middle []bar) bar {
		average := averagePart(middle, 0)
		return bar{name: count(int64(len(middle))) + " between, on average", text: units.Number(average) + " s", parts: []part{{bad, average}}, expected: math.NaN()}
	})}
	return c
}

// lossesChart tells needless losses from those that changes excuse.
func lossesChart(t *connect.TrafficResult, name string) Chart {
	c := Chart{
		Name: name + "-needless", Title: "Losses: needless, or by announced changes", Table: Table{Columns: []string{"losses", "connections"}},
		Description: fmt.Sprintf("%s losses were needless; announced changes excuse %s.", count(t.Needless), count(t.Excused)),
	}
	d := &bars{}
	add := func(name string, p paint, n int64) {
		c.Table.Rows = append(c.Table.Rows, []string{name, count(n)})
		d.rows = append(d.rows, bar{name: name, text: count(n), parts: []part{{p, float64(n)}}, expected: math.NaN()})
	}
	add("needless", bad, t.Needless)
	add("excused by changes", plain, t.Excused)
	for _, host := range hostsByCount(t.NeedlessByHost, nil) {
		c.Table.Rows = append(c.Table.Rows, []string{"needless, of " + host, count(t.NeedlessByHost[host])})
	}
	c.drawing = d
	return c
}
