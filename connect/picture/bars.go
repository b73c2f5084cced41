package picture

import (
	"math"
	"slices"
)

// bars draws a horizontal bar for each name.
type bars struct {
	rows []bar
	keys []entry
}

// bar is one row.
type bar struct {
	name     string
	parts    []part
	text     string  // the value in words
	expected float64 // where a mark stands; NaN for none
	ghost    bool    // stands for many
}

type part struct {
	paint paint
	value float64
}

func (b *bar) total() float64 {
	var sum float64
	for _, p := range b.parts {
		sum += p.value
	}
	return sum
}

const (
	half      = 400.0
	rowSpace  = 21.0
	thickness = 13.0
)

func (b *bars) legend() []entry { return b.keys }

func (b *bars) size() (width, height float64) {
	return half, float64(len(b.rows))*rowSpace + 10
}

func (b *bars) draw(c *canvas, top float64) {
	var names, texts, most float64
	for i := range b.rows {
		row := &b.rows[i]
		names = max(names, textWidth(textSize, fit(textSize, row.name, 0.42*half)))
		texts = max(texts, textWidth(textSize, row.text))
		most = max(most, row.total())
		if !math.IsNaN(row.expected) {
			most = max(most, row.expected)
		}
	}
	if most == 0 {
		most = 1
	}
	x := axis{low: 0, high: most, from: margin + names + 8, to: half - margin - texts - 10}
	for i := range b.rows {
		b.rows[i].draw(c, x, top+2+float64(i)*rowSpace)
	}
	c.line(muted, false, 1, [2]float64{x.from, top}, [2]float64{x.from, top + 4 + float64(len(b.rows))*rowSpace})
}

func (b *bar) draw(c *canvas, x axis, y float64) {
	shade := ink
	if b.ghost {
		shade = muted
	}
	base := y + rowSpace/2 + 4
	c.text(shade, textSize, end, x.from-8, base, fit(textSize, b.name, 0.42*half))
	c.text(shade, textSize, end, half-margin, base, b.text)
	at := x.from
	for _, p := range b.parts {
		if p.value <= 0 {
			continue
		}
		width := max(x.at(p.value)-x.from, 1)
		fill := p.paint
		if b.ghost && len(b.parts) == 1 {
			fill = ghost
		}
		c.box(fill, false, at, y+(rowSpace-thickness)/2, width, thickness)
		at += width
	}
	if !math.IsNaN(b.expected) {
		mark := x.at(b.expected)
		c.line(ink, false, 1.5, [2]float64{mark, y + 1}, [2]float64{mark, y + rowSpace - 1})
	}
	c.hover(b.name+": "+b.text, 0, y, half, rowSpace)
}

// Rows that there is room for, from the top and the bottom of those that are more.
const (
	headRows = 14
	tailRows = 9
)

// fold replaces the middle of a long list by one row with its average.
func fold(rows []bar, average func(middle []bar) bar) []bar {
	if len(rows) <= headRows+tailRows+1 {
		return rows
	}
	tail := len(rows) - tailRows
	rest := average(rows[headRows:tail])
	rest.ghost = true
	return slices.Concat(rows[:headRows], []bar{rest}, rows[tail:])
}

// averagePart is the average of a part of all rows.
func averagePart(rows []bar, i int) float64 {
	var sum float64
	for _, row := range rows {
		sum += row.parts[i].value
	}
	return sum / float64(len(rows))
}

// averageExpected is the average place of the marks.
func averageExpected(rows []bar) float64 {
	var sum float64
	for i := range rows {
		sum += rows[i].expected
	}
	return sum / float64(len(rows))
}
