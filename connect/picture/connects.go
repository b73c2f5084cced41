package picture

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// connectsSection is about floods and holds together.
func connectsSection(r *recording.Report) Section {
	s := Section{ID: "connects", Title: "Connects", Facts: connectFacts(r), Notes: notes(r.Errors, r.First)}
	if len(r.Hosts) > 0 {
		s.Charts = append(s.Charts, shareChart("connects-share", "Share of answers by backend", "answers", r.Hosts))
	}
	if len(r.ConnectTimes) > 0 {
		s.Charts = append(s.Charts, timesChart("connects-time", "Time to connect", "connects", r.ConnectTimes, []mark{
			{"average", r.ConnectTime.Avg},
			{"longest", r.ConnectTime.Max},
		}))
	}
	if len(r.Errors) > 0 {
		s.Charts = append(s.Charts, errorChart(r))
	}
	return s
}

func connectFacts(r *recording.Report) []Fact {
	facts := []Fact{
		{"connects", count(r.Connects), ""},
		{"failed connects", count(r.FailedConnects), tone(r.FailedConnects)},
		{"failed reads", count(r.FailedReads), tone(r.FailedReads)},
	}
	if left := r.States.NotInitiated; left > 0 {
		facts = append(facts, Fact{"not initiated", count(left), "bad"})
	}
	if s := r.Duration.Seconds(); s > 0 {
		facts = append(facts, Fact{"connects a second", short(float64(r.Connects) / s), ""})
	}
	facts = append(facts, Fact{"longest connect", span(r.ConnectTime.Max), ""}, Fact{"SYN retransmits", count(r.SYNRetransmits), tone(r.SYNRetransmits)})
	if b := r.Balance; b.Hosts > 1 {
		facts = append(facts,
			Fact{"backends", count(int64(b.Hosts)), ""},
			Fact{"Jain's fairness", fmt.Sprintf("%.3f", b.Jain), ""},
			Fact{"p-value of balance", fmt.Sprintf("%.3g", b.PValue), ""})
	}
	return facts
}

// shareChart shows each host's part, the largest first, with the part that it would have if all were equal.
func shareChart(name, title, noun string, hosts connect.Hosts) Chart {
	names := slices.SortedFunc(maps.Keys(hosts), func(a, b string) int {
		return cmp.Or(cmp.Compare(hosts[b], hosts[a]), cmp.Compare(a, b))
	})
	var sum int64
	for _, n := range hosts {
		sum += n
	}
	share := func(n float64) float64 { return n / float64(max(sum, 1)) }
	equal := 1 / float64(len(names))
	c := Chart{
		Name: name, Title: title, Table: Table{Columns: []string{"backend", noun, "share", "expected"}},
		Description: fmt.Sprintf("%s %s of %s; the largest share is %s, the smallest %s, equal ones would be %s.",
			count(sum), noun, plural(len(names), "backend", "backends"),
			percent(share(float64(hosts[names[0]]))), percent(share(float64(hosts[names[len(names)-1]]))), percent(equal)),
	}
	rows := make([]bar, len(names))
	for i, host := range names {
		n := float64(hosts[host])
		c.Table.Rows = append(c.Table.Rows, []string{host, count(hosts[host]), percent(share(n)), percent(equal)})
		rows[i] = bar{name: host, text: percent(share(n)) + " (" + count(hosts[host]) + ")", parts: []part{{plain, share(n)}}, expected: equal}
	}
	c.drawing = &bars{keys: []entry{{plain, "share"}, {ink, "expected " + percent(equal)}}, rows: fold(rows, func(middle []bar) bar {
		average, _ := averages(middle)
		return bar{
			name: count(int64(len(middle))) + " between, on average", text: percent(average) + " (" + significant(average*float64(sum)) + ")",
			parts: []part{{plain, average}}, expected: equal,
		}
	})}
	return c
}

func errorChart(r *recording.Report) Chart {
	c := Chart{Name: "connects-errors", Title: "Failures by class", Table: Table{Columns: []string{"class", "connections"}}}
	classes := slices.SortedFunc(maps.Keys(r.Errors), func(a, b connect.Class) int {
		return cmp.Or(cmp.Compare(r.Errors[b], r.Errors[a]), cmp.Compare(a, b))
	})
	d := &bars{}
	var sum int64
	for _, class := range classes {
		n := r.Errors[class]
		sum += n
		c.Table.Rows = append(c.Table.Rows, []string{class.String(), count(n)})
		d.rows = append(d.rows, bar{name: class.String(), text: count(n), parts: []part{{bad, float64(n)}}, expected: math.NaN()})
	}
	c.Description = fmt.Sprintf("%s failures of %s.", count(sum), plural(len(classes), "class", "classes"))
	c.drawing = d
	return c
}
