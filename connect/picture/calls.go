package picture

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// prefixes are what the charts of a kind of call are called. Those of floods keep the name that they had when all calls were told together.
var prefixes = map[string]string{"flood": "connects", "hold": "hold", "capacity": "capacity", "idle": "idle", "ping": "ping", "tcpPing": "tcp-ping"}

// mostCalls bounds the sections of a kind of call: the first ones.
const mostCalls = 20

// calls adds a section for calls of all kinds but traffic, each of which has one of its own, and returns the anchors of all.
func (p *Page) calls(r *recording.Report) map[*recording.Call]string {
	sections, number, all := map[*recording.Call]string{}, map[string]int{}, map[string]int{}
	for _, c := range r.ByCall {
		all[c.Call]++
	}
	for _, c := range r.ByCall {
		prefix, has := prefixes[c.Call]
		n := number[c.Call]
		number[c.Call]++
		switch {
		case c.Call == "traffic":
			sections[c] = numbered("traffic", firstTraffic(r, c), len(r.Traffic))
		case c.Call == "disruption":
			sections[c] = numbered("disruption", 0, len(r.Disruptions))
		case has && n < mostCalls && c.Asked > 0:
			s := callSection(c, numbered(prefix, n, all[c.Call]), r)
			sections[c] = s.ID
			p.Sections = append(p.Sections, s)
		}
	}
	return sections
}

// firstTraffic is the place of the first call of traffic() with the same targets.
func firstTraffic(r *recording.Report, c *recording.Call) int {
	return max(slices.IndexFunc(r.Traffic, func(t *connect.TrafficResult) bool { return slices.Equal(t.Targets, c.Targets) }), 0)
}

func callSection(c *recording.Call, id string, r *recording.Report) Section {
	s := Section{ID: id, Title: title(c), Notes: firstErrors(c)}
	if c.Calls > 1 {
		s.Title += fmt.Sprintf(", %s calls", count(c.Calls))
	}
	switch c.Call {
	case "flood":
		flooded(&s, c)
	case "hold":
		held(&s, c, r)
	case "capacity":
		filled(&s, c)
	case "idle":
		silent(&s, c)
	default:
		pinged(&s, c)
	}
	if len(c.Errors) > 0 && c.Call != "flood" {
		s.Charts = append(s.Charts, classChart(c, id+"-errors"))
	}
	return s
}

// firstErrors are the first of each class, with what to do about it.
func firstErrors(c *recording.Call) []string {
	lines := make([]string, 0, len(c.First))
	for _, class := range slices.Sorted(maps.Keys(c.First)) {
		line := c.First[class]
		if n := c.Errors[class]; n > 0 {
			line = fmt.Sprintf("%s: %s; the first: %s", class, count(n), line)
		}
		lines = append(lines, quote.Printable(line))
	}
	return lines
}

// rateFact is how many connections were begun a second, while connections were made.
func rateFact(c *recording.Call) []Fact {
	if rate := c.Rate(); rate > 0 {
		return []Fact{{"connects a second", perSecond(rate), ""}}
	}
	return nil
}

// partFact is a number that should be all of another.
func partFact(name string, n, of int64) Fact {
	return Fact{name, count(n), tone(of - n)}
}

func flooded(s *Section, c *recording.Call) {
	s.Facts = []Fact{{"asked", count(c.Asked), ""}, partFact("begun", c.Begun, c.Asked), partFact("established", c.Established, c.Begun)}
	if c.Answers {
		s.Facts = append(s.Facts, partFact("answered", c.Answered, c.Established))
	}
	s.Facts = append(s.Facts, rateFact(c)...)
	s.Facts = append(s.Facts, timeFacts("connect", &c.ConnectTime)...)
	s.Facts = append(s.Facts, timeFacts("answer", &c.ReplyTime)...)
	if c.SYNRetransmits > 0 {
		s.Facts = append(s.Facts, Fact{"SYNs sent again", count(c.SYNRetransmits), "bad"})
	}
	if len(c.Hosts) > 1 {
		s.Facts = append(s.Facts, Fact{"balance of " + plural(len(c.Hosts), "backend", "backends"), "p " + chance(balanceOf(c).PValue), ""})
	}
	s.times(c, "Time to answer")
	if len(c.Hosts) > 0 {
		s.Charts = append(s.Charts, shareChart(s.ID+"-share", "Share of answers by backend", "answers", c.Hosts, balanceOf(c).Expected))
	}
	if len(c.ByHost) > 1 {
		s.Charts = append(s.Charts, hostTimesChart(c, s.ID))
	}
	progress := progressChart(c, s.ID)
	if len(c.Errors) > 0 { // what is missing comes first, beside why
		s.Charts = slices.Concat([]Chart{progress, classChart(c, s.ID+"-errors")}, s.Charts)
	} else {
		s.Charts = append(s.Charts, progress)
	}
}

// times adds the histograms of connects and answers side by side.
func (s *Section) times(c *recording.Call, answers string) {
	add := func(name, title, noun string, d *stats.Distribution) {
		if buckets := d.Buckets(); len(buckets) > 0 {
			s.Charts = append(s.Charts, timesChart(s.ID+name, title, noun, buckets, []mark{{"median", d.Med}, {"p95", d.P95}, {"p99", d.P99}}))
		}
	}
	add("-time", "Time to connect", "connects", &c.ConnectTime)
	add("-reply", answers, "answers", &c.ReplyTime)
}

func timeFacts(name string, d *stats.Distribution) []Fact {
	if d.Number == 0 {
		return nil
	}
	return []Fact{{name + ", median / p99", units.Span(d.Med) + " / " + units.Span(d.P99), ""}}
}

// progressChart shows how far connections have come, each row as a part of what was asked for.
func progressChart(c *recording.Call, id string) Chart {
	rows := [][2]any{{"asked", c.Asked}, {"begun", c.Begun}, {"established", c.Established}}
	switch {
	case c.Call == "hold":
		rows = append(rows, [2]any{"held at most", c.HeldMax}, [2]any{"held at the end", c.Held})
	case c.Answers:
		rows = append(rows, [2]any{"answered", c.Answered})
	}
	chart := Chart{Name: id + "-progress", Title: "How far the connections came", Table: Table{Columns: []string{"connections", "number", "of those asked for"}}}
	d := &bars{keys: []entry{{paint: plain, name: "connections"}, {paint: bad, name: "missing"}}}
	least := c.Asked
	for _, row := range rows {
		name, n := row[0].(string), row[1].(int64)
		least = min(least, n)
		share := float64(n) / float64(max(c.Asked, 1))
		d.rows = append(d.rows, bar{name: name, text: count(n), parts: []part{{plain, float64(n)}, {bad, float64(max(c.Asked-n, 0))}}, expected: math.NaN()})
		chart.Table.Rows = append(chart.Table.Rows, []string{name, count(n), units.Percent(share)})
	}
	chart.Description = fmt.Sprintf("%s connections were asked for, and %s came all the way.", count(c.Asked), count(least))
	chart.drawing = d
	return chart
}

// hostTimesChart shows the median and the 99th percentile of each host's answers, the slowest first.
func hostTimesChart(c *recording.Call, id string) Chart {
	names := slices.SortedFunc(maps.Keys(c.ByHost), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.ByHost[b].P99, c.ByHost[a].P99), cmp.Compare(c.ByHost[b].Med, c.ByHost[a].Med), cmp.Compare(a, b))
	})
	chart := Chart{
		Name: id + "-hosts", Title: "Time to answer by backend", Table: Table{Columns: []string{"backend", "answers", "median", "p95", "p99", "longest"}},
		Description: fmt.Sprintf("Of %s, %s answers most slowly: median %s, 99 %% within %s; %s most quickly: median %s, 99 %% within %s.", plural(len(names), "backend", "backends"),
			names[0], units.Span(c.ByHost[names[0]].Med), units.Span(c.ByHost[names[0]].P99),
			names[len(names)-1], units.Span(c.ByHost[names[len(names)-1]].Med), units.Span(c.ByHost[names[len(names)-1]].P99)),
	}
	rows := make([]bar, len(names))
	for i, name := range names {
		t := c.ByHost[name]
		chart.Table.Rows = append(chart.Table.Rows, []string{name, count(t.Number), units.Span(t.Med), units.Span(t.P95), units.Span(t.P99), units.Span(t.Max)})
		rows[i] = bar{name: name, text: units.Span(t.Med) + ", " + units.Span(t.P99), parts: []part{{plain, float64(t.Med)}, {wary, float64(max(t.P99-t.Med, 0))}}, expected: math.NaN()}
	}
	chart.drawing = &bars{keys: []entry{{paint: plain, name: "up to the median"}, {paint: wary, name: "up to p99"}}, rows: fold(rows, func(middle []bar) bar {
		med, more := averagePart(middle, 0), averagePart(middle, 1)
		return bar{
			name: count(int64(len(middle))) + " between, on average", text: units.Span(time.Duration(med)) + ", " + units.Span(time.Duration(med+more)),
			parts: []part{{plain, med}, {wary, more}}, expected: math.NaN(),
		}
	})}
	return chart
}

func held(s *Section, c *recording.Call, r *recording.Report) {
	s.Facts = []Fact{
		{"asked", count(c.Asked), ""},
		partFact("begun", c.Begun, c.Asked), partFact("established", c.Established, c.Begun),
		{"most held at once", count(c.HeldMax), ""},
		partFact("held at the end", c.Held, c.Established),
		{"lost", count(c.Lost), tone(c.Lost - c.Excused)},
	}
	if c.Excused > 0 {
		s.Facts = append(s.Facts, Fact{"of these excused", count(c.Excused), ""})
	}
	s.Facts = append(s.Facts, rateFact(c)...)
	s.Facts = append(s.Facts, timeFacts("connect", &c.ConnectTime)...)
	s.Facts = append(s.Facts, timeFacts("keepalive", &c.ReplyTime)...)
	if len(c.OverTime) > 0 {
		s.Charts = append(s.Charts, heldChart(c, s.ID, healthDuring(c, r)))
	}
	s.Charts = append(s.Charts, progressChart(c, s.ID))
	if c.Lost > 0 {
		s.Charts = append(s.Charts, endedChart(c, s.ID))
	}
	if len(c.Hosts) > 1 {
		s.Charts = append(s.Charts, shareChart(s.ID+"-share", "Share of connections by backend", "connections", c.Hosts, balanceOf(c).Expected))
	}
	s.times(c, "Time to answer a keepalive")
}

// endedChart shows who ended the connections that were lost.
func endedChart(c *recording.Call, id string) Chart {
	rows := map[string]int64{"closed by peer (FIN)": c.ClosedBy.FIN, "reset (RST)": c.ClosedBy.RST}
	for class, n := range c.Errors {
		if late := n - c.ConnectErrors[class]; late > 0 && class != connect.ClassReset && class != connect.ClassClosed {
			rows[class.String()] += late
		}
	}
	chart := Chart{Name: id + "-ended", Title: "What ended the connections that were lost", Table: Table{Columns: []string{"how", "connections"}}}
	d := &bars{}
	for _, how := range hostsByCount(rows, nil) {
		if n := rows[how]; n > 0 {
			chart.Table.Rows = append(chart.Table.Rows, []string{how, count(n)})
			d.rows = append(d.rows, bar{name: how, text: count(n), parts: []part{{bad, float64(n)}}, expected: math.NaN()})
		}
	}
	for _, host := range hostsByCount(c.NeedlessByHost, nil) {
		chart.Table.Rows = append(chart.Table.Rows, []string{"of " + host + ", which no change excuses", count(c.NeedlessByHost[host])})
	}
	chart.Description = fmt.Sprintf("%s established connections ended before their time; announced changes excuse %s.", count(c.Lost), count(c.Excused))
	chart.drawing = d
	return chart
}

func filled(s *Section, c *recording.Call) {
	for i := range c.Limits {
		l := &c.Limits[i]
		name := "holds"
		if l.LowerBound {
			name = "holds at least"
		}
		s.Facts = append(s.Facts, Fact{name, count(l.Connections), ""}, Fact{"limit", string(l.Limit), ""})
		s.Notes = append(s.Notes, quote.Printable(l.Explanation))
	}
	s.Facts = append(s.Facts, Fact{"tried", count(c.Begun), ""}, Fact{"failed connects", count(c.FailedConnects), ""})
	chart := Chart{Name: s.ID + "-steps", Title: "Held, step by step", Table: Table{Columns: []string{"after", "asked", "held"}}}
	d := &bars{keys: []entry{{paint: plain, name: "held"}, {paint: bad, name: "not held"}}}
	for i := range c.Limits {
		for _, step := range c.Limits[i].Steps {
			chart.Table.Rows = append(chart.Table.Rows, []string{units.Span(step.Time), count(step.Asked), count(step.Held)})
			d.rows = append(d.rows, bar{
				name: count(step.Asked) + " after " + units.Span(step.Time), text: count(step.Held) + " held",
				parts: []part{{plain, float64(step.Held)}, {bad, float64(max(step.Asked-step.Held, 0))}}, expected: math.NaN(),
			})
		}
	}
	if len(d.rows) == 0 {
		return
	}
	d.rows = d.rows[max(len(d.rows)-headRows-tailRows, 0):]
	chart.Description = fmt.Sprintf("Connections held of those asked for, in the last %s.", plural(len(d.rows), "step", "steps"))
	chart.drawing = d
	s.Charts = append(s.Charts, chart)
}

func silent(s *Section, c *recording.Call) {
	chart := Chart{Name: s.ID + "-silence", Title: "How long connections may be silent", Table: Table{Columns: []string{"search", "well after", "forgotten after", "how"}}}
	d := &bars{keys: []entry{{paint: good, name: "well"}, {paint: wary, name: "between"}, {paint: bad, name: "forgotten"}}}
	for i := range c.Silences {
		f := &c.Silences[i]
		row := bar{name: fmt.Sprintf("search %d", i+1), expected: math.NaN(), parts: []part{{good, f.AtLeast.Seconds()}}, text: "over " + units.Span(f.AtLeast)}
		forgotten, how := "–", string(f.How)
		switch {
		case f.Timeout != nil && f.AtMost != nil:
			row.text, forgotten = units.Span(*f.Timeout), units.Span(*f.AtMost)
			row.parts = append(row.parts, part{wary, (*f.AtMost - f.AtLeast).Seconds()}, part{bad, f.AtMost.Seconds() / 5})
			s.Facts = append(s.Facts, Fact{"forgotten after", units.Span(*f.Timeout), ""}, Fact{"by", how, ""})
		case f.How == connect.IdleNever:
			s.Facts = append(s.Facts, Fact{"forgotten", "never", "good"}, Fact{"tried up to", units.Span(f.AtLeast), ""})
		default:
			s.Facts = append(s.Facts, Fact{"forgotten after", "not known", "bad"})
		}
		chart.Table.Rows = append(chart.Table.Rows, []string{row.name, units.Span(f.AtLeast), forgotten, how})
		d.rows = append(d.rows, row)
	}
	s.Facts = append(s.Facts, Fact{"connections", count(c.Begun), ""})
	chart.Description = "Connections that were silent for so long were well, and those that were for longer were forgotten."
	chart.drawing = d
	s.Charts = append(s.Charts, chart)
}

func pinged(s *Section, c *recording.Call) {
	s.Facts = []Fact{{"pings", count(c.Asked), ""}, partFact("connected", c.Established, c.Asked)}
	if c.Answers {
		s.Facts = append(s.Facts, partFact("answered", c.Answered, c.Established))
	}
	for _, t := range c.PingTimes() {
		s.Facts = append(s.Facts, timeFacts(t.Name, t.Times)...)
	}
	if len(c.Health) > 1 {
		s.Charts = append(s.Charts, healthChart(c, s.ID))
	}
	s.times(c, "Whole request")
}

// classChart shows failures by class.
func classChart(c *recording.Call, name string) Chart {
	chart := errorChart(&recording.Report{Errors: c.Errors})
	chart.Name = name
	return chart
}

// chance is a p-value as people read it.
func chance(p float64) string {
	switch {
	case p < 0.001:
		return "< 0.001"
	case p < 0.1:
		return fmt.Sprintf("%.3f", p)
	}
	return fmt.Sprintf("%.2f", p)
}
