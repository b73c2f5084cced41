package picture

import (
	_ "embed"
	"html/template"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

//go:embed page.html
var pageText string

// page shows a Page. Names are put in as text; charts are XML of our own making, in which they are text already.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"chart":   func(c Chart) template.HTML { return template.HTML(c.inline()) }, // #nosec G203 -- see above
	"styles":  func() template.CSS { return styles },
	"print":   func() template.CSS { return template.CSS(css(0, "--%s:%s;")) }, // #nosec G203 -- constant
	"rows":    func(t Table) [][]string { return t.Rows[:min(len(t.Rows), mostRows)] },
	"more":    func(t Table) int { return max(len(t.Rows)-mostRows, 0) },
	"tie":     units.Tie,
	"columns": inRow,
	"placed":  Section.placed,
}).Parse(pageText))

// placed is a chart with its place on the page: "wide"; "" for a half of that; or "lone", a half beside which there is no other.
type placed struct {
	Chart
	Place string
}

// placed are the charts of a section with their places.
func (s Section) placed() []placed {
	all := make([]placed, 0, len(s.Charts))
	halves := 0 // since the last wide one
	end := func() {
		if halves%2 == 1 {
			all[len(all)-1].Place = "lone"
		}
		halves = 0
	}
	for _, c := range s.Charts {
		if _, isTimeline := c.drawing.(*timeline); isTimeline {
			end()
			all = append(all, placed{c, "wide"})
			continue
		}
		halves++
		all = append(all, placed{c, ""})
	}
	end()
	return all
}

// inRow is how many facts a row has at most, so that all rows are about as long.
func inRow(facts []Fact) int {
	const most = 8
	rows := (len(facts) + most - 1) / most
	return (len(facts) + rows - 1) / max(rows, 1)
}

// mostRows bounds the tables.
const mostRows = 1000

// styles are the colours of text and charts in both themes.
var styles = template.CSS( // #nosec G203 -- constant
	`:root{` + css(0, "--%s:%s;") + `}` +
		`@media (prefers-color-scheme:dark){:root{` + css(1, "--%s:%s;") + `}}` +
		css(0, ".f-%[1]s{fill:var(--%[1]s)}.s-%[1]s{stroke:var(--%[1]s)}%.0[2]s"))

// HTML is the page as a file of its own.
func (p *Page) HTML() (string, error) {
	var out strings.Builder
	if err := page.Execute(&out, p); err != nil {
		return "", err
	}
	return readable(out.String()), nil
}

// readable escapes characters that can't be seen or that reorder text, wherever in the page a name has them. Line breaks and tabs, of
// which HTML makes spaces, stay.
func readable(page string) string {
	var out strings.Builder
	for len(page) > 0 {
		plain := strings.IndexAny(page, "\n\t")
		if plain < 0 {
			plain = len(page)
		}
		out.WriteString(quote.Printable(page[:plain]))
		page = page[plain:]
		spaces := len(page) - len(strings.TrimLeft(page, "\n\t"))
		out.WriteString(page[:spaces])
		page = page[spaces:]
	}
	return out.String()
}
