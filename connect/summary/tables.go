package summary

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// mostHosts are shown one by one; of more, those with the largest shares and those with the smallest.
const (
	mostHosts = 20
	topHosts  = 12
)

// hosts shows who answered, and how much was due to each.
func (p *printer) hosts(c *recording.Call) {
	expected := c.Expected()
	names := namesByCount(c.Hosts, expected)
	if len(names) == 0 || len(names) == 1 && names[0] == connect.UnknownHost {
		return // nobody tells a name
	}
	all := c.Hosts.Total()
	longest, largest := len("host"), 0.0
	part := func(name string) float64 { return float64(c.Hosts[name]) / float64(max(all, 1)) }
	for _, name := range names {
		longest = max(longest, len([]rune(quote.Printable(name))))
		largest = max(largest, part(name), expected[name])
	}
	longest = max(min(longest, p.width/3), nameWidth)
	p.line("    " + p.in(faint, pad("host", longest)+padLeft("number", 9)+padLeft("share", 11)+padLeft("due", 11)))
	room := p.width - 4 - longest - 31 - 2
	for i, name := range names {
		if len(names) > mostHosts && i == topHosts {
			between := len(names) - mostHosts
			p.line("    " + p.in(faint, fmt.Sprintf("… and %d between these", between)))
		}
		if len(names) > mostHosts && i >= topHosts && i < len(names)-(mostHosts-topHosts) {
			continue
		}
		due := padLeft("–", 11)
		if expected != nil {
			due = padLeft(units.Percent(expected[name]), 11)
		}
		p.line("    " + pad(quote.Printable(name), longest) + padLeft(fmt.Sprint(c.Hosts[name]), 9) + padLeft(units.Percent(part(name)), 11) +
			p.in(faint, due) + "  " + p.in(cyan, bar(part(name)/largest, room)))
	}
	p.line("")
}

// bar is a bar of at most so many columns, to an eighth of one.
func bar(part float64, width int) string {
	if math.IsNaN(part) || width < 8 {
		return ""
	}
	eighths := int(math.Round(part * float64(8*width)))
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return text
}

// namesByCount are all that answered or should have, the most first.
func namesByCount(hosts connect.Hosts, expected map[string]float64) []string {
	all := maps.Clone(hosts)
	if all == nil {
		all = connect.Hosts{}
	}
	for name, due := range expected {
		if due > 0 {
			all[name] += 0
		}
	}
	return stats.MostFirst(all)
}

// times shows how long connects and answers took, and those of hosts that differ.
func (p *printer) times(c *recording.Call) {
	rows := timesRows(c)
	rows = slices.DeleteFunc(rows, func(r recording.NamedTimes) bool { return r.Times.Count == 0 })
	if len(rows) == 0 {
		return
	}
	for _, name := range slowest(c.ByHost) {
		d := c.ByHost[name]
		rows = append(rows, recording.NamedTimes{Name: "  " + name, Times: &d})
	}
	columns := timesColumns
	if p.width < 4+nameWidth+len(columns)*columnWidth {
		columns = slices.Concat(columns[:2], columns[4:])
	}
	width := min(max((p.width-4-nameWidth)/len(columns), columnWidth), columnWidth+2)
	var head strings.Builder
	head.WriteString(pad("", nameWidth))
	for _, c := range columns {
		head.WriteString(padLeft(c.name, width))
	}
	p.line("    " + p.in(faint, head.String()))
	for _, r := range rows {
		var line strings.Builder
		line.WriteString(pad(quote.Printable(r.Name), nameWidth))
		for _, c := range columns {
			line.WriteString(padLeft(units.Span(c.of(&r.Times.Summary)), width))
		}
		p.line("    " + line.String())
	}
	p.line("")
}

// columnWidth has room for a duration, and a space.
const columnWidth = 9

// timesColumns are what is told of durations. Where there is no room for all, p(90) and p(95) are left out.
var timesColumns = []struct {
	name string
	of   func(s *stats.Summary) time.Duration
}{
	{"min", func(s *stats.Summary) time.Duration { return s.Min }},
	{"med", func(s *stats.Summary) time.Duration { return s.Med }},
	{"p(90)", func(s *stats.Summary) time.Duration { return s.P90 }},
	{"p(95)", func(s *stats.Summary) time.Duration { return s.P95 }},
	{"p(99)", func(s *stats.Summary) time.Duration { return s.P99 }},
	{"max", func(s *stats.Summary) time.Duration { return s.Max }},
}

// timesRows are all durations that a call may have, in their order.
func timesRows(c *recording.Call) []recording.NamedTimes {
	if c.Call == "ping" || c.Call == "tcpPing" {
		return c.PingTimes()
	}
	return []recording.NamedTimes{{Name: "connect", Times: &c.ConnectTime}, {Name: "handshake RTT", Times: &c.RTT}, {Name: replyName(c), Times: &c.ReplyTime}}
}

// replyName is what the second kind of a call's times are.
func replyName(c *recording.Call) string {
	switch c.Call {
	case "hold":
		return "keepalive"
	case "traffic":
		return "round trip"
	default:
		return "answer"
	}
}

// slowest names the hosts whose answers take so much longer than is usual that it is worth a line, and then the fastest, too.
func slowest(byHost map[string]stats.Distribution) []string {
	if len(byHost) < 2 {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(byHost), func(a, b string) int {
		return cmp.Or(cmp.Compare(byHost[b].Med, byHost[a].Med), cmp.Compare(a, b))
	})
	fastest := names[len(names)-1]
	usual := byHost[names[len(names)/2]].Med // of two, that of the faster one
	least := max(2*usual, usual+time.Millisecond)
	const most = 5
	var slow []string
	for _, name := range names[:min(most, len(names)-1)] {
		if byHost[name].Med >= least {
			slow = append(slow, name)
		}
	}
	if len(slow) == 0 {
		return nil
	}
	return append(slow, fastest)
}
