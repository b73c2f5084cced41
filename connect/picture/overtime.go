package picture

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// mostIntervals is as many as a line of that width shows.
const mostIntervals = 1000

// thinned joins samples of which there are too many, and a last one that is too short.
func thinned(samples []connect.TrafficSample) []connect.TrafficSample {
	samples = recording.Whole(samples)
	if len(samples) <= mostIntervals {
		return samples
	}
	size := (len(samples) + mostIntervals - 1) / mostIntervals
	var thin []connect.TrafficSample
	for group := range slices.Chunk(samples, size) {
		thin = append(thin, recording.Join(group))
	}
	return recording.Whole(thin)
}

// finer tells of parts of a second, where the records of all connections are there and the call was short; else the samples.
func finer(t *connect.TrafficResult) []connect.TrafficSample {
	const most = 300
	if len(t.Records) == 0 || t.Omitted > 0 || len(t.Outages) == 0 {
		return t.Samples
	}
	for _, length := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond} {
		if t.Duration/length <= most {
			return established(recording.Intervals(t.Records, t.Duration, length), t.Records)
		}
	}
	return t.Samples
}

// established counts connections as new when they are up, and not, as ctraffic does, when they begin to dial.
func established(samples []connect.TrafficSample, records []connect.TrafficRecord) []connect.TrafficSample {
	for i := range samples {
		samples[i].New = 0
	}
	for i := range records {
		if at := records[i].Connected; at > 0 {
			n := sort.Search(len(samples), func(i int) bool { return samples[i].Time >= at })
			samples[min(n, len(samples)-1)].New++
		}
	}
	return samples
}

func valuesOf(samples []connect.TrafficSample, of func(*connect.TrafficSample) float64) []float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = of(&samples[i])
	}
	return values
}

func timesOf(samples []connect.TrafficSample) []float64 {
	return valuesOf(samples, func(s *connect.TrafficSample) float64 { return s.Time.Seconds() })
}

func troubleOf(t *connect.TrafficResult) *trouble {
	if t.FirstLoss == nil {
		return nil
	}
	tr := &trouble{from: t.FirstLoss.Seconds(), to: t.Duration.Seconds(), name: "first loss at " + units.Span(*t.FirstLoss)}
	if t.Recovered == nil {
		tr.name += ", never all up again"
		return tr
	}
	tr.to = t.Recovered.Seconds()
	tr.name += fmt.Sprintf(", all up again %s later", units.Span(*t.Recovered-*t.FirstLoss))
	return tr
}

func connectionsChart(t *connect.TrafficResult, name string) Chart {
	samples := thinned(finer(t))
	values := func(of func(*connect.TrafficSample) int64) []float64 {
		return valuesOf(samples, func(s *connect.TrafficSample) float64 { return float64(of(s)) })
	}
	c := Chart{
		Name: name + "-connections", Title: "Connections over time",
		Table: Table{Columns: []string{"until", "active", "connecting", "new", "lost"}},
		Description: fmt.Sprintf("Active and connecting connections, and those lost and newly established in each interval, over %s: %s were lost, %s lasted to the end.",
			units.Span(t.Duration), count(t.Lost), count(t.Lasting)),
	}
	d := &timeline{
		times: timesOf(samples), trouble: outagesOf(t), changes: changesOf(t),
		panels: []panel{
			{name: "connections", height: 170, levels: true, series: []series{
				{"active", plain, values(func(s *connect.TrafficSample) int64 { return s.Active }), area},
				{"connecting", wary, values(func(s *connect.TrafficSample) int64 { return s.Connecting }), line},
			}},
			{name: "lost " + each(samples), height: 60, empty: "none lost", series: []series{
				{"lost", bad, values(func(s *connect.TrafficSample) int64 { return s.Lost }), columns},
			}},
			{name: "new " + each(samples), height: 60, begins: true, series: []series{
				{"new", good, values(func(s *connect.TrafficSample) int64 { return s.New }), columns},
			}},
		},
	}
	for i := range samples {
		s := &samples[i]
		row := []string{units.Span(s.Time), count(s.Active), count(s.Connecting), count(s.New), count(s.Lost)}
		c.Table.Rows = append(c.Table.Rows, row)
		d.hovers = append(d.hovers, hoverOf(c.Table.Columns, row))
	}
	c.drawing = d
	return c
}

// hoverOf names a row's numbers.
func hoverOf(columns, row []string) string {
	parts := make([]string, len(row))
	for i := range row {
		parts[i] = columns[i] + " " + row[i]
	}
	return strings.Join(parts, ", ")
}

// each names the interval that samples are of.
func each(samples []connect.TrafficSample) string {
	switch at := samples[0].Time; {
	case at < 900*time.Millisecond && len(samples) > 1:
		return "every " + units.Span(at)
	case at.Round(time.Second) > time.Second:
		return "every " + units.Span(at.Round(time.Second))
	}
	return "each second"
}

func throughputChart(t *connect.TrafficResult, name string) Chart {
	samples := thinned(t.Samples)
	rates := func(of func(*connect.TrafficSample) int64) []float64 {
		var last time.Duration
		return valuesOf(samples, func(s *connect.TrafficSample) float64 {
			rate := recording.KBPerSecond(of(s), t.PacketSize, s.Time-last)
			last = s.Time
			return rate
		})
	}
	received := rates(func(s *connect.TrafficSample) int64 { return s.Received })
	sent := rates(func(s *connect.TrafficSample) int64 { return s.Sent })
	throughput := panel{name: "KB/s", height: 150, series: []series{
		{"sent", wary, sent, line},
		{"received", plain, received, area},
	}}
	if t.Rate > 0 {
		throughput.series = append(throughput.series, series{"asked for", ink, slices.Repeat([]float64{t.Rate}, len(samples)), dashed})
	}
	c := Chart{
		Name: name + "-throughput", Title: "Throughput over time",
		Table: Table{Columns: []string{"until", "received KB/s", "sent KB/s", "packets dropped"}},
		Description: fmt.Sprintf("Throughput sent and received over %s in packets of %s bytes: %s packets sent, %s received, %s dropped.",
			units.Span(t.Duration), count(int64(t.PacketSize)), count(t.Sent), count(t.Received), count(t.Dropped)),
	}
	d := &timeline{times: timesOf(samples), trouble: outagesOf(t), changes: changesOf(t), panels: []panel{
		throughput,
		{name: "packets dropped " + each(samples), height: 60, empty: "none dropped", series: []series{
			{"dropped", bad, valuesOf(samples, func(s *connect.TrafficSample) float64 { return float64(s.Dropped) }), columns},
		}},
	}}
	for i := range samples {
		row := []string{units.Span(samples[i].Time), units.Number(received[i]), units.Number(sent[i]), count(samples[i].Dropped)}
		c.Table.Rows = append(c.Table.Rows, row)
		d.hovers = append(d.hovers, hoverOf(c.Table.Columns, row))
	}
	c.drawing = d
	return c
}
