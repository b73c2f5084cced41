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
		s.Charts = append(s.Charts, shareChart("connects-share", "Share of answers by backend", "answers", r.Hosts, r.Balance.Expected))
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
			Fact{"largest load", fmt.Sprintf("%.2f", b.MaxLoad), ""},
			Fact{"Jain's fairness", fmt.Sprintf("%.3f", b.Jain), ""},
			Fact{"p-value of balance", fmt.Sprintf("%.3g", b.PValue), ""})
	}
	return facts
}

// shareChart shows each host's part, the largest first, against the part that it is due: as expected, or, if that is nil, the same as
// all others.
func shareChart(name, title, noun string, hosts connect.Hosts, expected map[string]float64) Chart {
	names := hostsByCount(hosts, expected)
	var sum int64
	for _, n := range hosts {
		sum += n
	}
	share := func(n float64) float64 { return n / float64(max(sum, 1)) }
	due := func(string) float64 { return 1 / float64(len(names)) }
	mark := "expected " + percent(due(""))
	if expected != nil {
		due = func(host string) float64 { return expected[host] }
		mark = "expected by its weight"
	}
	c := Chart{
		Name: name, Title: title, Table: Table{Columns: []string{"backend", noun, "share", "expected"}},
		Description: fmt.Sprintf("%s %s of %s; the largest share is %s, the smallest %s.", count(sum), noun, plural(len(names), "backend", "backends"),
			percent(share(float64(hosts[names[0]]))), percent(share(float64(hosts[names[len(names)-1]])))),
	}
	rows := make([]bar, len(names))
	for i, host := range names {
		n := float64(hosts[host])
		c.Table.Rows = append(c.Table.Rows, []string{host, count(hosts[host]), percent(share(n)), percent(due(host))})
		rows[i] = bar{name: host, text: percent(share(n)) + " (" + count(hosts[host]) + ")", parts: []part{{plain, share(n)}}, expected: due(host)}
	}
	c.drawing = &bars{keys: []entry{{plain, "share"}, {ink, mark}}, rows: fold(rows, func(middle []bar) bar {
		average := averagePart(middle, 0)
		return bar{
			name: count(int64(len(middle))) + " between, on average", text: percent(average) + " (" + significant(average*float64(sum)) + ")",
			parts: []part{{plain, average}}, expected: averageExpected(middle),
		}
	})}
	return c
}

// hostsByCount are all that answered or should have.
func hostsByCount(hosts connect.Hosts, expected map[string]float64) []string {
	all := copyOf(hosts)
	for host := range expected {
		all[host] += 0
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b))
	})
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
