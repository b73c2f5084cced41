package picture

import (
	"fmt"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Judged is what verdicts and thresholds there are on one thing, at the top of a page.
type Judged struct {
	Title string
	Link  string // anchor of what was judged; "" if there is no picture of it
	Lines []Judgement
}

// Judgement is a verdict or a threshold.
type Judgement struct {
	Name string
	OK   bool
	Text string // "" if its name says enough
	Link string // anchor of its picture
}

// Failed counts what does not hold.
func (j Judged) Failed() (n int) {
	for i := range j.Lines {
		if !j.Lines[i].OK {
			n++
		}
	}
	return n
}

// Failing are the judgements that do not hold.
func (j Judged) Failing() (list []Judgement) {
	for _, l := range j.Lines {
		if !l.OK {
			list = append(list, l)
		}
	}
	return list
}

// Headline says whether all is well.
func (p *Page) Headline() string {
	failed, all := 0, 0
	for _, j := range p.Judged {
		failed += j.Failed()
		all += len(j.Lines)
	}
	switch {
	case all == 0:
		return ""
	case failed == 0:
		return fmt.Sprintf("All of %s hold", plural(all, "verdict and threshold", "verdicts and thresholds"))
	case failed == 1:
		return fmt.Sprintf("1 of %s fails", plural(all, "verdict and threshold", "verdicts and thresholds"))
	default:
		return fmt.Sprintf("%d of %s fail", failed, plural(all, "verdict and threshold", "verdicts and thresholds"))
	}
}

// AllHold reports whether nothing has failed.
func (p *Page) AllHold() bool {
	for _, j := range p.Judged {
		if j.Failed() > 0 {
			return false
		}
	}
	return true
}

// judge adds what is judged of calls, each with the anchor of its section.
func (p *Page) judge(r *recording.Report, sections map[*recording.Call]string) {
	anchors := p.anchors()
	for _, c := range r.ByCall {
		j := Judged{Title: title(c), Link: sections[c]}
		for i := range c.Verdicts {
			v := &c.Verdicts[i]
			j.Lines = append(j.Lines, Judgement{v.Name, v.OK(), textOf(v), linkOf(anchors, sections[c], v.Name)})
		}
		if len(j.Lines) > 0 {
			p.Judged = append(p.Judged, j)
		}
	}
	for i := range r.OverAll {
		o := &r.OverAll[i]
		j := Judged{Title: fmt.Sprintf("Over all %d calls: %s", o.Calls, title(&recording.Call{About: o.About}))}
		for i := range o.Verdicts {
			j.Lines = append(j.Lines, Judgement{Name: o.Verdicts[i].Name, OK: o.Verdicts[i].OK(), Text: textOf(&o.Verdicts[i])})
		}
		p.Judged = append(p.Judged, j)
	}
	if len(r.Thresholds) > 0 {
		j := Judged{Title: "Thresholds"}
		for i := range r.Thresholds {
			t := &r.Thresholds[i]
			j.Lines = append(j.Lines, Judgement{quote.Printable(t.Metric + " " + t.Source), t.OK, quote.Printable(t.Value), metricLink(anchors, t.Metric)})
		}
		p.Judged = append(p.Judged, j)
	}
}

func textOf(v *recording.Judgement) string {
	calls := v.Held + v.Failed
	switch {
	case calls <= 1:
		return quote.Printable(v.Text)
	case v.OK():
		return fmt.Sprintf("all %d calls", calls)
	default:
		return fmt.Sprintf("%d of %d calls; the first: %s", v.Failed, calls, quote.Printable(v.Text))
	}
}

// anchors are the names of all sections and charts.
func (p *Page) anchors() map[string]bool {
	all := map[string]bool{}
	for _, s := range p.Sections {
		all[s.ID] = true
		for i := range s.Charts {
			all[s.Charts[i].Name] = true
		}
	}
	return all
}

// pictured are the charts on which a verdict can be seen, the best first.
var pictured = map[string][]string{
	verdicts.Complete: {"progress", "steps"}, verdicts.Connected: {"progress", "health"}, verdicts.Answered: {"progress", "health"},
	verdicts.Hosts: {"share"}, verdicts.Balance: {"share"}, verdicts.Prompt: {"time"},
	verdicts.Kept: {"connections"}, verdicts.Recovered: {"connections"}, verdicts.Recovery: {"outages", "connections"},
	verdicts.Loss: {"throughput"}, verdicts.Intact: {"throughput"}, verdicts.Capacity: {"steps"}, verdicts.Idle: {"silence"}, verdicts.Moved: {"moved"},
}

// linkOf is the chart of a section that shows a verdict, else the section.
func linkOf(anchors map[string]bool, section, verdict string) string {
	for _, chart := range pictured[verdict] {
		if name := section + "-" + chart; anchors[name] {
			return name
		}
	}
	return section
}

// measured are the charts that show metrics, by the beginnings of their names.
var measured = []struct{ metric, chart string }{
	{"mconnect_verdict", "verdicts"},
	{"mconnect_balance", "connects-share"},
	{"mconnect_replies", "connects-share"},
	{"mconnect_reply", "connects-reply"},
	{"mconnect_connect_duration", "connects-time"},
	{"mconnect_syn", "connects-time"},
	{"mconnect_connect", "connects-progress"},
	{"mconnect_established", "hold-connections"},
	{"mconnect_closed", "hold-connections"},
	{"mconnect_round_trip", "traffic-round-trip"},
	{"mconnect_connections_lost", "traffic-connections"},
	{"mconnect_needless", "traffic-connections"},
	{"mconnect_recovery", "traffic-outages"},
	{"mconnect_packets", "traffic-throughput"},
	{"mconnect_capacity", "capacity-steps"},
	{"mconnect_idle", "idle-silence"},
	{"mconnect_ping", "ping-health"},
}

func metricLink(anchors map[string]bool, metric string) string {
	for _, m := range measured {
		if !strings.HasPrefix(metric, m.metric) {
			continue
		}
		numbered := strings.Replace(m.chart, "-", "-1-", 1)
		for _, name := range []string{m.chart, numbered} {
			if anchors[name] || name == "verdicts" {
				return name
			}
		}
	}
	return ""
}

// title names calls that are about the same.
func title(c *recording.Call) string {
	text := map[string]string{"flood": "Flood", "hold": "Hold", "traffic": "Traffic", "capacity": "Capacity", "idle": "Idle timeout", "ping": "Pings", "tcpPing": "TCP pings", "disruption": "Change of backends", "sockets": "Sockets"}[c.Call]
	if text == "" {
		text = c.Call + "()"
	}
	switch {
	case len(c.Targets) > 0 && c.Call == "idle":
		text += " of " + list(c.Targets, 3)
	case len(c.Targets) > 0:
		text += " to " + list(c.Targets, 3)
	}
	if c.Network != "" && c.Network != "tcp" {
		text += " over " + c.Network
	}
	if c.From != "" {
		text += " from " + c.From
	}
	for _, name := range sortedKeys(c.Tags) {
		text += fmt.Sprintf(", %s %s", name, c.Tags[name])
	}
	return quote.Printable(text)
}
