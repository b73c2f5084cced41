package picture

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// pulse is what pings made while something else ran, in its time.
type pulse struct {
	target string
	beats  []recording.Beat
}

// healthDuring are the pings that were made while calls ran, of the target that was pinged most.
func healthDuring(c *recording.Call, r *recording.Report) *pulse {
	var most *pulse
	for _, p := range r.ByCall {
		if p.Call != "ping" && p.Call != "tcpPing" {
			continue
		}
		move := p.StartTime.Sub(c.StartTime)
		found := &pulse{target: list(p.Targets, 1)}
		for _, b := range p.Health {
			b.Time += move
			if b.Time >= 0 && b.Time <= c.Duration {
				found.beats = append(found.beats, b)
			}
		}
		if len(found.beats) > 0 && (most == nil || len(found.beats) > len(most.beats)) {
			most = found
		}
	}
	return most
}

// heldChart shows how many connections stood over time, and beneath it the pings that ran meanwhile.
func heldChart(c *recording.Call, id string, health *pulse) Chart {
	chart := Chart{
		Name: id + "-connections", Title: "Held over time", Table: Table{Columns: []string{"until", "held", "established", "lost"}},
		Description: fmt.Sprintf("Connections held over %s: at most %s, at the end %s; %s were lost.", units.Span(c.Duration), count(c.HeldMax), count(c.Held), count(c.Lost)),
	}
	samples := padded(c)
	times, heldValues, lost := make([]float64, len(samples)), make([]float64, len(samples)), make([]float64, len(samples))
	d := &timeline{}
	for i, s := range samples {
		times[i], heldValues[i], lost[i] = s.Time.Seconds(), float64(s.Held), float64(s.Lost)
		row := []string{units.Span(s.Time), count(s.Held), count(s.Established), count(s.Lost)}
		chart.Table.Rows = append(chart.Table.Rows, row)
		d.hovers = append(d.hovers, hoverOf(chart.Table.Columns, row))
	}
	d.times = times
	d.panels = []panel{
		{name: "connections held", height: 150, levels: true, series: []series{{"held", plain, heldValues, area}}},
		{name: "lost", height: 60, empty: "none lost", series: []series{{"lost", bad, lost, columns}}},
	}
	for i := range c.Changes {
		d.changes = append(d.changes, instant{c.Changes[i].Time.Seconds(), c.Changes[i].Text})
	}
	if health != nil {
		slow, failed := beatsOver(times, health.beats)
		d.panels = append(d.panels,
			panel{name: "slowest ping of " + health.target + ", ms", height: 70, series: []series{{"slowest ping", wary, slow, columns}}},
			panel{name: "failed pings", height: 40, empty: "none failed", series: []series{{"failed ping", bad, failed, columns}}})
		chart.Description += fmt.Sprintf(" Meanwhile %s was pinged.", health.target)
	}
	chart.drawing = d
	return chart
}

// padded begins at 0, and goes on to the end of the call, which has no event of its own if nothing happens there.
func padded(c *recording.Call) []sample {
	list := make([]sample, 1, len(c.OverTime)+2)
	for _, s := range c.OverTime {
		list = append(list, sample{s.Time, s.Held, s.Established, s.Lost})
	}
	if end := c.Duration; end > list[len(list)-1].Time {
		last := list[len(list)-1]
		list = append(list, sample{Time: end, Held: last.Held})
	}
	return list
}

type sample struct {
	Time                    time.Duration
	Held, Established, Lost int64
}

// beatsOver puts pings into intervals.
func beatsOver(times []float64, beats []recording.Beat) (slow, failed []float64) {
	slow, failed = make([]float64, len(times)), make([]float64, len(times))
	for _, b := range beats {
		i, _ := slices.BinarySearch(times, b.Time.Seconds())
		i = min(i, len(times)-1)
		slow[i] = max(slow[i], float64(b.Slow)/float64(time.Millisecond))
		failed[i] += float64(b.Failed)
	}
	return slow, failed
}

// healthChart shows pings over time.
func healthChart(c *recording.Call, id string) Chart {
	chart := Chart{
		Name: id + "-health", Title: "Pings over time", Table: Table{Columns: []string{"at", "pings", "slowest", "failed"}},
		Description: fmt.Sprintf("%s pings, of which %s failed.", count(c.Asked), count(c.Asked-c.Answered)),
	}
	length := max(c.Duration.Seconds(), 1e-3)
	const most = 200
	n := min(len(c.Health), most)
	times := make([]float64, n)
	for i := range times {
		times[i] = length * float64(i+1) / float64(n)
	}
	slow, failed := beatsOver(times, c.Health)
	for _, b := range c.Health {
		chart.Table.Rows = append(chart.Table.Rows, []string{units.Span(b.Time), count(b.Pings), units.Span(b.Slow), count(b.Failed)})
	}
	d := &timeline{times: times, panels: []panel{
		{name: "slowest, ms", height: 110, series: []series{{"slowest ping", plain, slow, columns}}},
		{name: "failed", height: 50, empty: "none failed", series: []series{{"failed ping", bad, failed, columns}}},
	}}
	for i := range times {
		d.hovers = append(d.hovers, fmt.Sprintf("until %s: slowest %s ms, %s failed", clock(times[i]), units.Number(slow[i]), units.Number(failed[i])))
	}
	chart.drawing = d
	return chart
}
