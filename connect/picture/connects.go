package picture

import (
	"fmt"
	"math"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
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
	if begun := r.Connects - r.States.NotInitiated; r.Duration > 0 {
		facts = append(facts, Fact{"begun a second", short(float64(begun) / r.Duration.Seconds()), ""})
	}
	facts = append(facts, Fact{"longest connect", units.Span(r.ConnectTime.Max), ""}, Fact{"SYN retransmits", count(r.SYNRetransmits), tone(r.SYNRetransmits)})
	if b := r.Balance; b.Hosts > 1 {
		facts = append(facts,
			Fact{"backends", count(int64(b.Hosts)), ""},
			Fact{"largest load", fmt.Sprintf("%.2f", b.MaxLoad), ""},
			Fact{"Jain's fairness", fmt.Sprintf("%.3f", b.Jain), ""},
			Fact{"p-value of balance", chance(b.PValue), ""})
	}
	return facts
}

func errorChart(r *recording.Report) Chart {
	c := Chart{Name: "connects-errors", Title: "Failures by class", Table: Table{Columns: []string{"class", "connections"}}}
	classes := stats.MostFirst(r.Errors)
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
