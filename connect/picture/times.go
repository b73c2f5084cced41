package picture

import (
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// timesChart shows a distribution of durations.
func timesChart(name, title, noun string, buckets []stats.Bucket, marks []mark) Chart {
	c := Chart{Name: name, Title: title, Table: Table{Columns: []string{"from", "to", noun}}, drawing: &histogram{buckets, noun, marks}}
	var sum int64
	for _, b := range buckets {
		sum += b.Count
		c.Table.Rows = append(c.Table.Rows, []string{units.Span(b.From), units.Span(b.To), count(b.Count)})
	}
	c.Description = fmt.Sprintf("Histogram of %s %s between %s and %s", count(sum), noun, units.Span(buckets[0].From), units.Span(buckets[len(buckets)-1].To))
	for _, m := range marks {
		c.Description += fmt.Sprintf(", %s %s", m.name, units.Span(m.at))
	}
	c.Description += "."
	return c
}
