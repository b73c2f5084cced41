package summary

import (
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
)

// Style is how the text is to look.
type Style struct {
	Width int  // columns; 0 means DefaultWidth, fewer than MinWidth mean that
	Color bool // with ANSI escape sequences
}

// The widths of a text.
const (
	DefaultWidth = 80
	MinWidth     = 60
	maxWidth     = 140 // longer lines are hard to read
)

// Threshold is a threshold of k6's, of any metric.
type Threshold = recording.Threshold

// Write writes a report in words, call by call, and then all thresholds. What others have named is quoted. The error is w's.
func Write(w io.Writer, r *recording.Report, thresholds []Threshold, s Style) error {
	p := newPrinter(s)
	for _, c := range r.ByCall {
		p.call(c)
	}
	p.overAll(r.OverAll)
	if len(r.ByCall) == 0 {
		p.line("")
		p.line("  Nothing has been measured: no call of this module has ended.")
	}
	p.thresholds(thresholds)
	p.line("")
	_, err := io.WriteString(w, p.out.String())
	return err
}

// Failed counts the verdicts that do not hold for all calls, and the thresholds that are crossed.
func Failed(r *recording.Report, thresholds []Threshold) (n int) {
	for _, c := range r.ByCall {
		n += c.Failed()
	}
	for i := range r.OverAll {
		n += r.OverAll[i].Failed()
	}
	for i := range thresholds {
		if !thresholds[i].OK {
			n++
		}
	}
	return n
}

// Title names calls that are about the same.
func Title(c *recording.Call) string {
	title := c.Call
	if len(c.Targets) > 0 {
		title += " to " + list(c.Targets, 3)
	}
	if c.Network != "" && c.Network != "tcp" {
		title += " over " + c.Network
	}
	if c.From != "" {
		title += " from " + c.From
	}
	told := maps.Clone(c.Tags)
	if c.To != "" {
		if told == nil {
			told = map[string]string{}
		}
		told["to"] = c.To
	}
	if len(told) > 0 {
		title += " (" + tags(told) + ")"
	}
	return quote.Printable(title)
}

// list names the first few.
func list(names []string, most int) string {
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// verdictText is what a verdict says, of one call or of several.
func verdictText(j *recording.Judgement) string {
	return verdictOf(j, j.Text)
}

// verdictOf is verdictText with another text of the verdict's, such as a part of it.
func verdictOf(j *recording.Judgement, text string) string {
	text = quote.Printable(text)
	switch calls := j.Held + j.Failed; {
	case calls <= 1:
		return text
	case j.OK():
		return fmt.Sprintf("all %d calls", calls)
	case j.Failed == calls:
		return fmt.Sprintf("all %d calls; the first: %s", calls, text)
	default:
		return fmt.Sprintf("%d of %d calls; the first: %s", j.Failed, calls, text)
	}
}
