package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// fonts are those of the width that the drawing reckons with.
const fonts = `'Liberation Sans', Arial, Helvetica, 'DejaVu Sans Condensed', sans-serif`

// themes is the style sheet of a picture that stands alone.
var themes = `text{font-family:` + fonts + `}.faint{fill-opacity:.16}.hover{fill-opacity:0}` +
	`@media (prefers-color-scheme:dark){` + css(1, ".f-%[1]s{fill:%[2]s}.s-%[1]s{stroke:%[2]s}") + `}`

// SVG is the chart as a file of its own, readable in light and dark themes.
func (c *Chart) SVG() string { return c.svg(themes) }

// inline is the chart as a part of a page, which has the style sheet.
func (c *Chart) inline() string { return c.svg("") }

func (c *Chart) svg(style string) string {
	drawn := c.draw()
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%[1]g" height="%[2]g" role="img" aria-label="%[3]s">`,
		drawn.width, drawn.height, escaped(c.Title))
	if style != "" {
		fmt.Fprintf(&out, "<title>%s</title>", escaped(c.Title))
	}
	fmt.Fprintf(&out, "<desc>%s</desc>\n", escaped(units.Tie(c.Description)))
	if style != "" {
		fmt.Fprintf(&out, `<style>%s</style><rect width="100%%" height="100%%" fill="#FFFFFF" class="f-%s"/>`+"\n", style, paper)
	}
	if err := finish(&out, drawn); err != nil {
		panic(err) // vgsvg has written something else than XML
	}
	out.WriteString("</svg>\n")
	return out.String()
}

// finish copies the elements that vgsvg has drawn, and adds the notes. Styles become attributes, which style sheets can override.
func finish(out *strings.Builder, drawn *canvas) error {
	elements := xml.NewDecoder(bytes.NewReader(drawn.bytes()))
	notes := drawn.notes
	for {
		token, err := elements.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "path", "text":
				open(out, t, notes[0])
				notes = notes[1:]
			case "g":
				open(out, t, note{})
			}
		case xml.EndElement:
			if t.Name.Local != "svg" {
				fmt.Fprintf(out, "</%s>\n", t.Name.Local)
			}
		case xml.CharData:
			if text := strings.TrimSpace(string(t)); text != "" {
				out.WriteString(escaped(text))
			}
		}
	}
}

// open writes an element's start with its note.
func open(out *strings.Builder, t xml.StartElement, n note) {
	fmt.Fprintf(out, "<%s", t.Name.Local)
	for _, a := range t.Attr {
		if a.Name.Local != "style" {
			attribute(out, a.Name.Local, a.Value)
			continue
		}
		for property := range strings.SplitSeq(a.Value, ";") {
			name, value, _ := strings.Cut(property, ":")
			if name == "font-size" || !strings.HasPrefix(name, "font-") { // the style sheet has the font
				attribute(out, name, value)
			}
		}
	}
	attribute(out, "class", n.class)
	attribute(out, "text-anchor", n.anchor)
	switch {
	case n.class == "hover":
		attribute(out, "fill-opacity", "0")
	case strings.HasSuffix(n.class, "faint"):
		attribute(out, "fill-opacity", ".16")
	}
	out.WriteByte('>')
	if n.hover != "" {
		fmt.Fprintf(out, "<title>%s</title>", escaped(units.Tie(n.hover)))
	}
}

func attribute(out *strings.Builder, name, value string) {
	if value != "" {
		fmt.Fprintf(out, ` %s="%s"`, name, escaped(value))
	}
}

// escaped is text that XML takes as text, in elements and attributes, and that reads as it was written.
func escaped(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(quote.Printable(s))) // a builder takes everything
	return out.String()
}
