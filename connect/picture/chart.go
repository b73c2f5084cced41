package picture

// Chart is one picture, with what it says in words and in numbers.
type Chart struct {
	Name        string // of a file, without its extension
	Title       string
	Description string // what there is to see, for those who can't
	Table       Table
	drawing     drawing
}

// drawing is a kind of chart with its data.
type drawing interface {
	size() (width, height float64) // without the title
	draw(c *canvas, top float64)   // below the title
	legend() (entries []entry)     // what the colours mean
}

// entry is a line of a legend.
type entry struct {
	paint paint
	name  string
	kind  kind // as the mark is drawn
}

// Table has the numbers behind a chart.
type Table struct {
	Columns []string
	Rows    [][]string
}

const (
	margin     = 8.0
	titleSpace = 26.0
	keySpace   = 22.0
)

// draw draws title, legend and data.
func (c *Chart) draw() *canvas {
	width, height := c.drawing.size()
	rows := keyRows(c.drawing.legend(), width)
	top := titleSpace + float64(rows)*keySpace
	drawn := newCanvas(width, top+height)
	drawn.text(ink, titleSize, start, margin, 18, fit(titleSize, c.Title, width-2*margin))
	drawKey(drawn, c.drawing.legend(), titleSpace)
	c.drawing.draw(drawn, top)
	return drawn
}

const (
	swatch = 10.0
	keyGap = 18.0
)

// keyRows is how many rows a legend takes.
func keyRows(entries []entry, width float64) int {
	if len(entries) == 0 {
		return 0
	}
	rows, x := 1, margin
	for _, e := range entries {
		if next := x + keyWidth(e); next > width && x > margin {
			rows, x = rows+1, margin+keyWidth(e)
		} else {
			x = next
		}
	}
	return rows
}

func keyWidth(e entry) float64 { return swatch + 5 + textWidth(textSize, e.name) + keyGap }

// draw draws a small mark of the kind that the entry is about.
func (e *entry) draw(c *canvas, x, y float64) {
	switch e.kind {
	case line, dashed:
		c.line(e.paint, e.kind == dashed, 2, [2]float64{x, y + swatch/2}, [2]float64{x + swatch, y + swatch/2})
	case upright:
		c.line(e.paint, false, 1.5, [2]float64{x + swatch/2, y}, [2]float64{x + swatch/2, y + swatch})
	case area:
		c.box(e.paint, true, x, y+2, swatch, swatch-2)
		c.line(e.paint, false, 2, [2]float64{x, y + 2}, [2]float64{x + swatch, y + 2})
	default:
		c.box(e.paint, false, x, y, swatch, swatch)
	}
}

// drawKey draws a legend in as many rows as it takes.
func drawKey(c *canvas, entries []entry, y float64) {
	x := margin
	for _, e := range entries {
		if x+keyWidth(e) > c.width && x > margin {
			x, y = margin, y+keySpace
		}
		e.draw(c, x, y+4)
		c.text(muted, textSize, start, x+swatch+5, y+13, e.name)
		x += keyWidth(e)
	}
}
