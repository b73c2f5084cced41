package picture

import (
	"math"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/stats"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// histogram draws how many durations lie where. Both axes are logarithmic, so that one late packet of a million shows.
type histogram struct {
	buckets []stats.Bucket
	noun    string // what is counted
	marks   []mark
}

// mark is a duration with a name, such as a percentile.
type mark struct {
	name string
	at   time.Duration
}

const histogramHeight = 200.0

func (h *histogram) legend() []entry { return nil }

// size has room for the marks' names above, and for two lines below.
func (h *histogram) size() (width, height float64) {
	return half, float64(len(h.marks))*15 + 10 + histogramHeight + 44
}

func (h *histogram) draw(c *canvas, top float64) {
	low, high, most := h.limits()
	top += float64(len(h.marks))*15 + 10
	y := axis{low: 0.7, high: most, from: top + histogramHeight, to: top, logarithms: true}
	left := margin + textWidth(textSize, short(most)) + 6
	x := axis{low: low, high: high, from: left, to: half - 18, logarithms: true}
	for _, v := range logTicks(1, most) {
		if isPowerOfTen(v) {
			c.line(grid, false, 1, [2]float64{x.from, y.at(v)}, [2]float64{x.to, y.at(v)})
			c.text(muted, textSize, end, x.from-6, y.at(v)+4, short(v))
		}
	}
	for _, b := range h.buckets {
		if b.Count > 0 {
			from, to := x.at(max(float64(b.From), low)), x.at(float64(b.To))
			place := y.at(float64(b.Count))
			c.box(plain, false, from, place, max(to-from-0.7, 0.7), y.from-place)
			c.hover(units.Span(b.From)+" to "+units.Span(b.To)+": "+count(b.Count)+" "+h.noun, from, top, max(to-from, 1), histogramHeight)
		}
	}
	c.line(muted, false, 1, [2]float64{x.from, y.from}, [2]float64{x.to, y.from})
	h.drawTicks(c, x, y.from)
	h.drawMarks(c, x, top)
	c.text(muted, textSize, middle, (x.from+x.to)/2, y.from+36, "how long (logarithmic); how many "+h.noun+" upwards (logarithmic)")
}

// limits are those of the axes: something to see on both sides of the buckets, at least a factor of two.
func (h *histogram) limits() (low, high, most float64) {
	first, last := h.buckets[0], h.buckets[len(h.buckets)-1]
	low, high = max(float64(first.From), float64(time.Microsecond)/2), float64(last.To)
	low, high = low/1.1, max(high*1.1, 2*low)
	for _, b := range h.buckets {
		most = max(most, float64(b.Count))
	}
	return low, high, max(most*1.2, 10)
}

// drawTicks leaves out labels that would touch the one before.
func (h *histogram) drawTicks(c *canvas, x axis, y float64) {
	free := 0.0
	values := logTicks(x.low, x.high)
	if len(values) < 2 { // a distribution that is narrow
		values = roundTicks(x.low, x.high)
	}
	for _, v := range values {
		at, text := x.at(v), units.Span(time.Duration(v))
		width := textWidth(textSize, text)
		c.line(muted, false, 1, [2]float64{at, y}, [2]float64{at, y + 4})
		if at-width/2 > free && at+width/2 < half {
			c.text(muted, textSize, middle, at, y+17, text)
			free = at + width/2 + 8
		}
	}
}

// drawMarks gives each name a line of its own, so that they can't overlap. Names hide the marks behind them.
func (h *histogram) drawMarks(c *canvas, x axis, top float64) {
	row := func(i int) float64 { return top - 6 - float64(len(h.marks)-1-i)*15 }
	place := func(m mark) float64 { return x.at(min(max(float64(m.at), x.low), x.high)) }
	for i, m := range h.marks {
		c.line(ink, true, 1, [2]float64{place(m), row(i) - 8}, [2]float64{place(m), top + histogramHeight})
	}
	for i, m := range h.marks {
		at, y, text := place(m), row(i), m.name+" "+units.Span(m.at)
		width := textWidth(textSize, text)
		if at+5+width < half-margin {
			c.box(paper, false, at+3, y-10, width+2, 13)
			c.text(ink, textSize, start, at+5, y, text)
		} else {
			c.box(paper, false, at-5-width, y-10, width+2, 13)
			c.text(ink, textSize, end, at-5, y, text)
		}
	}
}

func isPowerOfTen(v float64) bool {
	power := math.Log10(v)
	return math.Abs(power-math.Round(power)) < 1e-9
}
