package picture

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

func trafficSection(t *connect.TrafficResult, name string) Section {
	s := Section{ID: name, Title: "Traffic", Facts: trafficFacts(t), Notes: notes(t.Errors, t.First)}
	if len(t.Targets) > 0 {
		s.Title = "Traffic to " + list(t.Targets, 3)
	}
	if len(t.Samples) > 0 {
		s.Charts = append(s.Charts, connectionsChart(t, name), throughputChart(t, name))
	}
	if len(t.Outages) > 0 {
		s.Charts = append(s.Charts, outagesChart(t, name))
	}
	if t.Needless+t.Excused > 0 {
		s.Charts = append(s.Charts, lossesChart(t, name))
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
	if t.Needless+t.Excused > 0 {
		facts = append(facts, Fact{"lost needlessly", count(t.Needless), tone(t.Needless)}, Fact{"excused", count(t.Excused), ""})
	}
	if t.Moved > 0 {
		facts = append(facts, Fact{"flows moved", count(t.Moved), "bad"})
	}
	if t.FirstLoss != nil {
		facts = append(facts, Fact{"first loss at", units.Span(*t.FirstLoss), "bad"})
	}
	switch {
	case t.Recovered != nil && t.FirstLoss != nil:
		facts = append(facts, Fact{"all up again after", units.Span(*t.Recovered - *t.FirstLoss), ""})
	case t.FirstLoss != nil:
		facts = append(facts, Fact{"all up again", "never", "bad"})
	}
	return facts
}

// notes are the first error of each class.
func notes(errors map[connect.Class]int64, first map[connect.Class]connect.Failure) []string {
	lines := make([]string, 0, len(errors))
	for _, class := range slices.Sorted(maps.Keys(errors)) {
		line := fmt.Sprintf("%s: %s", class, count(errors[class]))
		if failure, known := first[class]; known {
			line += "; the first: " + failure.Error()
		}
		lines = append(lines, quote.Printable(line))
	}
	return lines
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
	c.drawing = &bars{keys: []entry{{paint: bad, name: "lost"}, {paint: plain, name: "lasting"}}, rows: fold(rows, func(middle []bar) bar {
		lost, lasting := averagePart(middle, 0), averagePart(middle, 1)
		return bar{
			name: count(int64(len(middle))) + " between, on average", expected: math.NaN(), text: units.Number(lost) + " lost, " + units.Number(lasting) + " lasting",
			parts: []part{{bad, lost}, {plain, lasting}},
		}
	})}
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
