package summary

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// call tells what has become of calls that are about the same.
func (p *printer) call(c *recording.Call) {
	title := Title(c)
	if c.Calls > 1 {
		title += fmt.Sprintf(", %d calls", c.Calls)
	}
	if c.Duration > 0 {
		title += ", " + units.Span(c.Duration)
	}
	p.heading(title)
	if ran := len(c.Verdicts) != 1 || c.Verdicts[0].Name != verdicts.Ran; ran {
		p.figures(c)
	}
	p.hosts(c)
	p.times(c)
	p.disturbances(c)
	p.causes(c)
	p.verdicts(c.Verdicts)
}

// figures are the counts that a call's user asks for first.
func (p *printer) figures(c *recording.Call) {
	switch c.Call {
	case "flood":
		p.connects(c)
		if c.Answers {
			p.count("answered", c.Answered, c.Established)
		}
	case "hold":
		p.connects(c)
		p.count("held at most", c.HeldMax, c.Established)
		p.count("held at the end", c.Held, c.Established)
		p.lost(c)
	case "traffic":
		p.connects(c)
		p.lost(c)
		p.count("up at the end", c.Held, c.Asked)
		p.packets(c.Packets)
	case "capacity":
		p.limits(c)
	case "idle":
		p.silences(c)
	case "ping", "tcpPing":
		p.count("pings", c.Asked, 0)
		p.count("connected", c.Established, c.Asked)
		if c.Answers {
			p.count("answered", c.Answered, c.Established)
		}
	default:
		return // has verdicts alone
	}
	p.line("")
}

// connects tells how far connections have come.
func (p *printer) connects(c *recording.Call) {
	p.count("asked", c.Asked, 0)
	begun := c.Rate()
	if begun > 0 {
		p.countWith("begun", c.Begun, c.Asked, rate(begun))
	} else {
		p.count("begun", c.Begun, c.Asked)
	}
	p.count("established", c.Established, c.Begun)
	if c.SYNRetransmits > 0 {
		p.countWith("SYNs sent again", c.SYNRetransmits, 0, "")
	}
}

func (p *printer) count(name string, n, of int64) { p.countWith(name, n, of, "") }

// countWith shows a number, its share of what it comes from, and a remark. A share that is not all stands out.
func (p *printer) countWith(name string, n, of int64, remark string) {
	part := ""
	if of > 0 {
		part = padLeft(percent(n, of), 10)
		if n < of {
			part = p.in(red, part)
		}
	} else if remark != "" {
		part = padLeft("", 10)
	}
	if remark != "" {
		remark = "   " + p.in(faint, remark)
	}
	p.line("    " + pad(name, nameWidth) + " " + padLeft(fmt.Sprint(n), 10) + part + remark)
}

func (p *printer) lost(c *recording.Call) {
	if c.Lost == 0 {
		p.count("lost", 0, 0)
		return
	}
	p.line("    " + pad("lost", nameWidth) + " " + p.in(red, padLeft(fmt.Sprint(c.Lost), 10)+padLeft(percent(c.Lost, ever(c)), 10)))
	if by := c.ClosedBy; by.FIN > 0 {
		p.count("  closed by peer", by.FIN, 0)
	}
	if c.ClosedBy.RST > 0 {
		p.count("  reset by peer", c.ClosedBy.RST, 0)
	}
	if c.Excused > 0 {
		p.count("  excused", c.Excused, 0)
	}
}

// ever is how many connections have ever stood, also those in place of lost ones.
func ever(c *recording.Call) int64 {
	if c.Packets != nil {
		return c.Established + c.Packets.Reconnects
	}
	return c.Established
}

func (p *printer) packets(k *recording.Packets) {
	if k == nil {
		return
	}
	p.count("reconnects", k.Reconnects, 0)
	p.count("packets sent", k.Sent, 0)
	p.count("received", k.Received, k.Sent)
	p.count("dropped", k.Dropped, 0)
	if k.Corrupted > 0 {
		p.count("corrupted", k.Corrupted, k.Received)
	}
}

// limits tells what searches for a limit have found.
func (p *printer) limits(c *recording.Call) {
	for i := range c.Limits {
		l := &c.Limits[i]
		held := counted(l.Connections, "connection")
		if l.LowerBound {
			held = "at least " + held
		}
		p.row("holds", held)
		p.row("limit", string(l.Limit)+": "+l.Explanation)
		if len(l.Steps) > 1 {
			latest := last(l.Steps, 12)
			steps := make([]string, 0, len(latest))
			for _, s := range latest {
				steps = append(steps, fmt.Sprintf("%d of %d", s.Held, s.Asked))
			}
			p.row("held, by steps", strings.Join(steps, ", "))
		}
	}
}

// silences tells what searches for an idle timeout have found.
func (p *printer) silences(c *recording.Call) {
	for i := range c.Silences {
		s := &c.Silences[i]
		switch {
		case s.How == connect.IdleNever:
			p.row("forgotten after", "never: alive after a silence of "+units.Span(s.AtLeast))
		case s.Timeout == nil:
			p.row("forgotten after", "not known")
		default:
			text := units.Span(*s.Timeout)
			if s.AtMost != nil && units.Span(s.AtLeast) != units.Span(*s.AtMost) {
				text += fmt.Sprintf(" (between %s and %s)", units.Span(s.AtLeast), units.Span(*s.AtMost))
			}
			p.row("forgotten after", text+", "+ended(s.How))
		}
	}
}

// ended says how a connection ends that was silent for too long.
func ended(how connect.IdleHow) string {
	switch how {
	case connect.IdleFIN:
		return "with a FIN"
	case connect.IdleRST:
		return "with an RST"
	default:
		return "without a word"
	}
}

// mostTold is how many changes, or outages, are told one by one.
const mostTold = 10

// disturbances tells of the changes that were announced, and of what was lost.
func (p *printer) disturbances(c *recording.Call) {
	p.changes(c)
	if c.Call == "hold" {
		p.lostWhen(c)
	} else {
		p.outages(c)
	}
}

func (p *printer) changes(c *recording.Call) {
	for _, change := range c.Changes[:min(len(c.Changes), mostTold)] {
		text := fmt.Sprintf("at %s, %s: excuses losses for %s", units.Span(max(change.Time, 0)), change.Text, units.Span(change.Within))
		if len(change.Hosts) > 0 {
			text += " of " + list(change.Hosts, 5)
		}
		if c.Excused == 0 {
			text += "; none was seen"
		}
		p.row("change", text)
	}
}

func (p *printer) outages(c *recording.Call) {
	for i := range c.Outages[:min(len(c.Outages), mostTold)] {
		o := &c.Outages[i]
		text := "from " + units.Span(o.From)
		if o.To == nil {
			text += " to the end"
		} else if *o.To > o.From {
			text += ", for " + units.Span(*o.To-o.From)
		}
		text += ": " + counted(o.Connections, "connection")
		if len(o.Hosts) > 0 {
			text += " of " + list(o.Hosts, 5)
		}
		p.row("outage", text)
	}
	if more := len(c.Outages) - mostTold; more > 0 {
		p.row("", fmt.Sprintf("… and %s more", counted(int64(more), "outage")))
	}
	if len(c.Changes)+len(c.Outages) > 0 {
		p.line("")
	}
}

// lostWhen tells when a hold's connections ended before their time. Nothing takes the place of these, so there are no outages that end.
func (p *printer) lostWhen(c *recording.Call) {
	var from, to time.Duration
	for i := range c.OverTime {
		s := &c.OverTime[i]
		if s.Lost == 0 {
			continue
		}
		if to == 0 && i > 0 {
			from = c.OverTime[i-1].Time
		}
		to = s.Time
	}
	if to > 0 {
		p.row("lost when", fmt.Sprintf("between %s and %s", units.Span(from), units.Span(to)))
	}
	if len(c.NeedlessByHost) > 0 {
		p.row("lost from", list(namesWithCounts(c.NeedlessByHost), 5))
	}
	if to > 0 || len(c.Changes)+len(c.NeedlessByHost) > 0 {
		p.line("")
	}
}

func namesWithCounts(hosts connect.Hosts) []string {
	all := make([]string, 0, len(hosts))
	for _, name := range namesByCount(hosts, nil) {
		all = append(all, fmt.Sprintf("%s (%d)", name, hosts[name]))
	}
	return all
}

// causes tells why connections failed: each class, with the first of it and what to do.
func (p *printer) causes(c *recording.Call) {
	classes := stats.MostFirst(c.Errors)
	for _, class := range classes {
		text := fmt.Sprint(c.Errors[class])
		if first := c.First[class]; first != "" {
			text += "; the first: " + first
		}
		p.row(class.String(), text)
	}
	if len(classes) > 0 {
		p.line("")
	}
}

// verdicts shows the ones that fail last, next to what follows.
func (p *printer) verdicts(list []recording.Judgement) {
	for _, failing := range []bool{false, true} {
		for i := range list {
			if j := &list[i]; j.OK() != failing {
				p.ok(j.OK(), j.Name, verdictText(j))
			}
		}
	}
}

// overAll shows verdicts on all calls together.
func (p *printer) overAll(all []recording.OverAll) {
	for i := range all {
		o := &all[i]
		p.heading(fmt.Sprintf("over all %d calls: %s", o.Calls, Title(&recording.Call{About: o.About})))
		p.verdicts(o.Verdicts)
	}
}

func (p *printer) thresholds(list []Threshold) {
	if len(list) == 0 {
		return
	}
	p.heading("thresholds")
	for i := range list {
		t := &list[i]
		mark, shade := "✓", green
		if !t.OK {
			mark, shade = "✗", red
		} else if t.Empty {
			mark, shade = "–", plain
		}
		text := fmt.Sprintf("%s '%s'", t.Metric, t.Source)
		if t.Value != "" {
			text += " " + t.Value
		}
		for n, line := range wrap(text, p.width-6) {
			if n == 0 {
				p.line("    " + p.in(shade, mark) + " " + line)
			} else {
				p.line("      " + line)
			}
		}
	}
}

// last are the last elements of a list.
func last[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }
