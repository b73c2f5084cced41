package picture

import (
	_ "embed"
	"html/template"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

//go:embed page.html
var pageText string

// page shows a Page. Names are put in as text; charts are XML of our own making, in which they are text already.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"chart":  func(c Chart) template.HTML { return template.HTML(c.inline()) }, // #nosec G203 -- see above
	"styles": func() template.CSS { return styles },
	"rows":   func(t Table) [][]string { return t.Rows[:min(len(t.Rows), mostRows)] },
	"more":   func(t Table) int { return max(len(t.Rows)-mostRows, 0) },
	"wide":   func(c Chart) bool { _, isTimeline := c.drawing.(*timeline); return isTimeline },
}).Parse(pageText))

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
