package picture

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
)

func trafficSection(t *connect.TrafficResult, name string) Section {
	s := Section{ID: name, Title: "Traffic", Facts: trafficFacts(t), Notes: notes(t.Errors, t.First)}
	if len(t.Targets) > 0 {
		s.Title = "Traffic to " + list(t.Targets, 3)
	}
	if len(t.Samples) > 0 {
		s.Charts = append(s.Charts, connectionsChart(t, name), throughputChart(t, name))
	}
	if len(t.LostByHost)+len(t.LastingByHost) > 0 {
		s.Charts = append(s.Charts, lossChart(t, name), trafficShareChart(t, name))
	}
	if len(t.RoundTrips) > 0 {
		s.Charts = append(s.Charts, timesChart(name+"-round-trip", "Round-trip time of packets", "packets", t.RoundTrips, []mark{
			{"median", t.RoundTrip.Med},
			{"p95", t.RoundTrip.P95},
			{"p99", t.RoundTrip.P99},
		}))
	}
	return s
}

func trafficFacts(t *connect.TrafficResult) []Fact {
	facts := []Fact{
		{"connections", count(t.Connections), ""},
		{"lost", count(t.Lost), tone(t.Lost)},
		{"lasting", count(t.Lasting), ""},
		{"reconnects", count(t.Reconnects), ""},
		{"failed connects", count(t.FailedConnects), tone(t.FailedConnects)},
		{"packets sent", count(t.Sent), ""},
		{"received", count(t.Received), ""},
		{"dropped", count(t.Dropped), tone(t.Dropped)},
		{"retransmits", count(t.Retransmits), tone(t.Retransmits)},
	}
	if t.Moved > 0 {
		facts = append(facts, Fact{"flows moved", count(t.Moved), "bad"})
	}
	if t.FirstLoss != nil {
		facts = append(facts, Fact{"first loss at", span(*t.FirstLoss), "bad"})
	}
	switch {
	case t.Recovered != nil && t.FirstLoss != nil:
		facts = append(facts, Fact{"all up again after", span(*t.Recovered - *t.FirstLoss), ""})
	case t.FirstLoss != nil:
		facts = append(facts, Fact{"all up again", "never", "bad"})
	}
	return facts
}

// notes are the first error of each class.
func notes(errors map[connect.Class]int64, first map[connect.Class]string) []string {
	lines := make([]string, 0, len(errors))
	for _, class := range slices.Sorted(maps.Keys(errors)) {
		line := fmt.Sprintf("%s: %s", class, count(errors[class]))
		if message := first[class]; message != "" {
			line += "; the first: " + message
		}
		lines = append(lines, printable(line))
	}
	return lines
}

// mostIntervals is as many as a line of that width shows.
const mostIntervals = 1000

// thinned joins samples of which there are too many, and a last one that is too short.
func thinned(samples []connect.TrafficSample) []connect.TrafficSample {
	samples = recording.Whole(samples)
	size := groups(len(samples), mostIntervals)
	if size == 1 {
		return samples
	}
	var thin []connect.TrafficSample
	for group := range slices.Chunk(samples, size) {
		thin = append(thin, recording.Join(group))
	}
	return recording.Whole(thin)
}

func valuesOf(samples []connect.TrafficSample, of func(*connect.TrafficSample) float64) []float64 {
	values := make([]float64, len(samples))
	for i := range samples {
		values[i] = of(&samples[i])
	}
	return values
}

func timesOf(samples []connect.TrafficSample) []float64 {
	return valuesOf(samples, func(s *connect.TrafficSample) float64 { return seconds(s.Time) })
}

func troubleOf(t *connect.TrafficResult) *trouble {
	if t.FirstLoss == nil {
		return nil
	}
	tr := &trouble{from: seconds(*t.FirstLoss), to: seconds(t.Duration), name: "first loss at " + span(*t.FirstLoss)}
	switch {
	case t.Recovered != nil:
		tr.to = seconds(*t.Recovered)
		tr.name += fmt.Sprintf(", all up again %s later", span(*t.Recovered-*t.FirstLoss))
	default:
		tr.name += ", never all up again"
	}
	return tr
}

func connectionsChart(t *connect.TrafficResult, name string) Chart {
	samples := thinned(t.Samples)
	values := func(of func(*connect.TrafficSample) int64) []float64 {
		return valuesOf(samples, func(s *connect.TrafficSample) float64 { return float64(of(s)) })
	}
	c := Chart{
		Name: name + "-connections", Title: "Connections over time",
		Table: Table{Columns: []string{"until", "active", "connecting", "new", "lost"}},
		Description: fmt.Sprintf("Active and connecting connections, and those lost and newly established in each interval, over %s: %s were lost, %s lasted to the end.",
			span(t.Duration), count(t.Lost), count(t.Lasting)),
	}
	d := &timeline{
		times: timesOf(samples), trouble: troubleOf(t),
		panels: []panel{
			{name: "connections", height: 170, levels: true, series: []series{
				{"active", plain, values(func(s *connect.TrafficSample) int64 { return s.Active }), area},
				{"connecting", wary, values(func(s *connect.TrafficSample) int64 { return s.Connecting }), line},
			}},
			{name: "lost " + each(samples), height: 60, empty: "none lost", series: []series{
				{"lost", bad, values(func(s *connect.TrafficSample) int64 { return s.Lost }), columns},
			}},
			{name: "new " + each(samples), height: 60, series: []series{
				{"new", good, values(func(s *connect.TrafficSample) int64 { return s.New }), columns},
			}},
		},
	}
	for i := range samples {
		s := &samples[i]
		row := []string{span(s.Time), count(s.Active), count(s.Connecting), count(s.New), count(s.Lost)}
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
	if at := samples[0].Time.Round(time.Second); at > time.Second {
		return "every " + span(at)
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
			span(t.Duration), count(int64(t.PacketSize)), count(t.Sent), count(t.Received), count(t.Dropped)),
	}
	d := &timeline{times: timesOf(samples), trouble: troubleOf(t), panels: []panel{
		throughput,
		{name: "packets dropped " + each(samples), height: 60, empty: "none dropped", series: []series{
			{"dropped", bad, valuesOf(samples, func(s *connect.TrafficSample) float64 { return float64(s.Dropped) }), columns},
		}},
	}}
	for i := range samples {
		row := []string{span(samples[i].Time), significant(received[i]), significant(sent[i]), count(samples[i].Dropped)}
		c.Table.Rows = append(c.Table.Rows, row)
		d.hovers = append(d.hovers, hoverOf(c.Table.Columns, row))
	}
	c.drawing = d
	return c
}

// lossChart shows lost and lasting connections by host, the hosts with the most losses first.
func lossChart(t *connect.TrafficResult, name string) Chart {
	type fate struct {
		host          string
		lost, lasting int64
	}
	names := hostsOf(t)
	hosts := make([]fate, 0, len(names))
	for _, host := range names {
		hosts = append(hosts, fate{host, t.LostByHost[host], t.LastingByHost[host]})
	}
	slices.SortFunc(hosts, func(a, b fate) int {
		return cmp.Or(cmp.Compare(b.lost, a.lost), cmp.Compare(b.lasting, a.lasting), cmp.Compare(a.host, b.host))
	})
	c := Chart{
		Name: name + "-lost", Title: "Lost and lasting connections by backend",
		Table:       Table{Columns: []string{"backend", "lost", "lasting"}},
		Description: fmt.Sprintf("%s: %s connections lost, %s lasting.", plural(len(hosts), "backend", "backends"), count(t.Lost), count(t.Lasting)),
	}
	rows := make([]bar, len(hosts))
	for i, h := range hosts {
		c.Table.Rows = append(c.Table.Rows, []string{h.host, count(h.lost), count(h.lasting)})
		rows[i] = bar{
			name: h.host, expected: math.NaN(), text: count(h.lost) + " lost, " + count(h.lasting) + " lasting",
			parts: []part{{bad, float64(h.lost)}, {plain, float64(h.lasting)}},
		}
	}
	c.drawing = &bars{keys: []entry{{bad, "lost"}, {plain, "lasting"}}, rows: fold(rows, func(middle []bar) bar {
		lost, lasting := averagePart(middle, 0), averagePart(middle, 1)
		return bar{
			name: count(int64(len(middle))) + " between, on average", expected: math.NaN(), text: significant(lost) + " lost, " + significant(lasting) + " lasting",
			parts: []part{{bad, lost}, {plain, lasting}},
		}
	})}
	return c
}

// copyOf is never nil.
func copyOf(hosts connect.Hosts) connect.Hosts {
	c := make(connect.Hosts, len(hosts))
	maps.Copy(c, hosts)
	return c
}

// hostsOf are all hosts of connections.
func hostsOf(t *connect.TrafficResult) []string {
	all := copyOf(t.LastingByHost)
	for host := range t.LostByHost {
		all[host] += 0
	}
	return slices.Collect(maps.Keys(all))
}

// trafficShareChart shows how all connections that there were are spread.
func trafficShareChart(t *connect.TrafficResult, name string) Chart {
	all := connect.Hosts{}
	for _, host := range hostsOf(t) {
		all[host] = t.LostByHost[host] + t.LastingByHost[host]
	}
	return shareChart(name+"-share", "Share of connections by backend", "connections", all, nil)
}

// timesChart shows a distribution of durations.
func timesChart(name, title, noun string, buckets []stats.Bucket, marks []mark) Chart {
	c := Chart{Name: name, Title: title, Table: Table{Columns: []string{"from", "to", noun}}, drawing: &histogram{buckets, noun, marks}}
	var sum int64
	for _, b := range buckets {
		sum += b.Count
		c.Table.Rows = append(c.Table.Rows, []string{span(b.From), span(b.To), count(b.Count)})
	}
	c.Description = fmt.Sprintf("Histogram of %s %s between %s and %s", count(sum), noun, span(buckets[0].From), span(buckets[len(buckets)-1].To))
	for _, m := range marks {
		c.Description += fmt.Sprintf(", %s %s", m.name, span(m.at))
	}
	c.Description += "."
	return c
}
