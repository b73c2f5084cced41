package picture

import (
	"bytes"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font/opentype"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// canvas is a drawing with the origin at the top left. It draws with gonum's vgsvg, and notes of each element what vgsvg has no words
// for; see svg.go.
type canvas struct {
	svg           *vgsvg.Canvas
	width, height float64
	notes         []note // one for each element, in order
}

// note is what an element of the drawing gets besides its shape.
type note struct {
	class  string // of the style sheet
	anchor string // how a text stands to its point: start, middle, end
	hover  string // what a pointer over the element shows
}

func newCanvas(width, height float64) *canvas {
	return &canvas{svg: vgsvg.NewWith(vgsvg.UseWH(vg.Length(width), vg.Length(height))), width: width, height: height}
}

func (c *canvas) point(x, y float64) vg.Point {
	return vg.Point{X: vg.Length(x), Y: vg.Length(c.height - y)}
}

func (c *canvas) path(points [][2]float64) vg.Path {
	var path vg.Path
	for i, p := range points {
		if i == 0 {
			path.Move(c.point(p[0], p[1]))
		} else {
			path.Line(c.point(p[0], p[1]))
		}
	}
	return path
}

// fill fills the shape between points; faint ones show what is behind them.
func (c *canvas) fill(p paint, faint bool, points [][2]float64) {
	path := c.path(points)
	path.Close()
	class := "f-" + string(p)
	if faint {
		class += " faint"
	}
	c.notes = append(c.notes, note{class: class})
	c.svg.SetColor(p.light())
	c.svg.Fill(path)
}

// box fills a rectangle.
func (c *canvas) box(p paint, faint bool, x, y, width, height float64) {
	c.fill(p, faint, [][2]float64{{x, y}, {x + width, y}, {x + width, y + height}, {x, y + height}})
}

// hover makes a pointer over a rectangle show a text.
func (c *canvas) hover(text string, x, y, width, height float64) {
	c.box(ink, false, x, y, width, height)
	c.notes[len(c.notes)-1] = note{class: "hover", hover: text}
}

// line joins points; dashed ones are not measured, but asked for.
func (c *canvas) line(p paint, dashed bool, width float64, points ...[2]float64) {
	var dashes []vg.Length
	if dashed {
		dashes = []vg.Length{4, 3}
	}
	c.notes = append(c.notes, note{class: "s-" + string(p)})
	c.svg.SetColor(p.light())
	c.svg.SetLineWidth(vg.Length(width))
	c.svg.SetLineDash(dashes, 0)
	path := c.path(points)
	c.svg.Stroke(path)
}

// Sizes of text.
const (
	titleSize = 15
	textSize  = 11.5
)

// How a text stands to its point.
const (
	start  = "start"
	middle = "middle"
	end    = "end"
)

// text writes one line, whose baseline goes through a point.
func (c *canvas) text(p paint, size float64, anchor string, x, y float64, s string) {
	if s = units.Tie(quote.Printable(s)); s == "" {
		return
	}
	c.notes = append(c.notes, note{class: "f-" + string(p), anchor: anchor})
	c.svg.SetColor(p.light())
	c.svg.FillString(face(size), c.point(x, y), s)
}

// bytes is the drawing as vgsvg has made it.
func (c *canvas) bytes() []byte {
	var text bytes.Buffer
	_, _ = c.svg.WriteTo(&text) // a buffer takes everything
	return text.Bytes()
}

// typeface is Liberation Sans, which is as wide as Arial and Helvetica, and so tells how much room a text will take.
var typeface = sync.OnceValue(func() *opentype.Font {
	f, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		panic(err) // the font comes with this program
	}
	return f
})

func face(size float64) font.Face {
	return font.Face{Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Length(size)}, Face: typeface()}
}

// spare is how much wider than Liberation Sans the fonts are that stand in for it.
const spare = 1.08

// textWidth is about the room that a text takes.
func textWidth(size float64, s string) float64 {
	f := face(size)
	return spare * float64(f.Width(s))
}

// fit shortens a text to a width.
func fit(size float64, s string, width float64) string {
	const longest = 200 // runes; the names of a hostile peer may have more
	runes := []rune(quote.Printable(s))
	runes = runes[:min(len(runes), longest)]
	if whole := string(runes); textWidth(size, whole) <= width {
		return whole
	}
	for n := len(runes) - 1; n > 1; n-- {
		// The end of a name tells more than its middle: pods and hosts are numbered there.
		short := string(runes[:n-n/3]) + "…" + string(runes[len(runes)-n/3:])
		if textWidth(size, short) <= width {
			return short
		}
	}
	return "…"
}
