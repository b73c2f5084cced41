// Package picture draws what a test has measured: charts as SVG, and a page of HTML with all of them and the numbers beneath. What it
// makes needs no network, no script and no font of its own.
package picture

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// Page is a recording in pictures.
type Page struct {
	Title    string
	Subtitle string
	Judged   []Judged
	Sections []Section
}

// Section has the figures and charts of one thing that was measured.
type Section struct {
	ID     string // of the anchor
	Title  string
	Facts  []Fact
	Charts []Chart
	Notes  []string
}

// Fact is a figure that is shown large.
type Fact struct {
	Name  string
	Value string
	Tone  string // "good", "bad" or ""
}

// Draw makes a page of a recording. An empty title is replaced.
func Draw(r *recording.Report, title string) *Page {
	if title == "" {
		title = "mconnect report"
	}
	p := &Page{Title: title}
	r = inOrder(r)
	if !r.StartTime.IsZero() {
		p.Subtitle = fmt.Sprintf("%s, %s", r.StartTime.UTC().Format("2006-01-02 15:04:05 UTC"), units.Span(r.Duration))
	}
	sections := p.calls(r)
	if s, has := matrixSection(r); has { // before the pings that it is made of
		first := slices.IndexFunc(p.Sections, func(s Section) bool { return strings.HasPrefix(s.ID, "ping") || strings.HasPrefix(s.ID, "tcp-ping") })
		p.Sections = slices.Insert(p.Sections, max(first, 0), s)
	}
	for i, t := range shown(r.Traffic) {
		p.add(trafficSection(t, numbered("traffic", i, len(r.Traffic))), i, len(r.Traffic))
	}
	if len(r.Disruptions) > 1 {
		p.add(disruptionsSection(r.Disruptions), 0, 1)
	}
	for i, v := range shown(r.Disruptions) {
		p.add(disruptionSection(v.Verdict, numbered("disruption", i, len(r.Disruptions))), i, len(r.Disruptions))
	}
	isFull := func(c *recording.Call) bool { return !c.Bare }
	if r.Connects > 0 && !slices.ContainsFunc(r.ByCall, isFull) {
		p.add(connectsSection(r), 0, 1)
	}
	p.judge(r, sections)
	return p
}

// inOrder is a report whose pings come last: they are there to watch the others.
func inOrder(r *recording.Report) *recording.Report {
	ordered := *r
	ordered.ByCall = slices.Clone(r.ByCall)
	isPing := func(c *recording.Call) int {
		if c.Call == "ping" || c.Call == "tcpPing" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(ordered.ByCall, func(a, b *recording.Call) int { return cmp.Compare(isPing(a), isPing(b)) })
	return &ordered
}

// add adds a section, with its number if it is one of several of its kind.
func (p *Page) add(s Section, i, of int) {
	if of > 1 {
		s.Title = fmt.Sprintf("%d. %s", i+1, s.Title)
	}
	p.Sections = append(p.Sections, s)
}

// shown are the last of a list, as many as a page has sections for, by their place.
func shown[T any](list []T) iter.Seq2[int, T] {
	const most = 20
	return func(yield func(int, T) bool) {
		for i := max(len(list)-most, 0); i < len(list); i++ {
			if !yield(i, list[i]) {
				return
			}
		}
	}
}

// numbered is a name that is unique among several of its kind.
func numbered(name string, i, of int) string {
	if of > 1 {
		return fmt.Sprintf("%s-%d", name, i+1)
	}
	return name
}

// SVGs are the charts by name, each a file of its own.
func (p *Page) SVGs() map[string]string {
	files := map[string]string{}
	for _, s := range p.Sections {
		for i := range s.Charts {
			files[s.Charts[i].Name] = s.Charts[i].SVG()
		}
	}
	return files
}

// tone is bad for a number of bad things, and good for none.
func tone(bad int64) string {
	if bad > 0 {
		return "bad"
	}
	return "good"
}
