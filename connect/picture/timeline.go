package picture

import "slices"

// timeline draws panels one below the other over the same time.
type timeline struct {
	times   []float64 // the ends of the intervals, in seconds
	panels  []panel
	trouble []trouble
	changes []instant // that are marked in all panels
	hovers  []string  // what a pointer shows, one for each interval
}

// panel has its own scale of values.
type panel struct {
	name   string
	height float64
	series []series
	levels bool   // values are those at the ends of the intervals, not over them
	begins bool   // the first value is beside the point, and may be cut off for the sake of the others
	empty  string // what to say if all values are 0
}

// trouble is a time that is marked in all panels.
type trouble struct {
	from, to float64 // seconds
	name     string
}

// instant is a moment with a name.
type instant struct {
	at   float64 // seconds
	name string
}

const (
	wide       = 900.0
	panelSpace = 30.0 // above each panel
	axisSpace  = 28.0
)

func (t *timeline) legend() []entry {
	var entries []entry
	for _, p := range t.panels {
		for _, s := range p.series {
			entries = append(entries, entry{s.paint, s.name, s.kind})
		}
	}
	return entries
}

func (t *timeline) size() (width, height float64) {
	height = t.depth() + axisSpace
	return wide, height + t.remarks()
}

func (t *timeline) draw(c *canvas, top float64) {
	x := axis{low: 0, high: t.end(), from: t.left(), to: wide - 16}
	top += t.remarks()
	bottom := top + t.depth()
	t.drawTrouble(c, x, top, bottom)
	for _, p := range t.panels {
		top += panelSpace
		p.draw(c, x, t.times, top)
		top += p.height
	}
	for _, v := range timeTicks(x.high, 12) {
		c.text(muted, textSize, middle, x.at(v), bottom+17, clock(v))
	}
	t.drawChanges(c, x, bottom)
	t.drawHovers(c, x, bottom)
}

// remarks is the room for the names of troubles, and of changes above them.
func (t *timeline) remarks() (height float64) {
	if len(t.trouble) > 0 {
		height += keySpace
	}
	if len(t.changes) > 0 {
		height += keySpace
	}
	return height
}

// end is that of the last interval, and never 0: recordings may say anything.
func (t *timeline) end() float64 { return max(slices.Max(t.times), 1e-3) }

// left is where the panels begin: right of the widest label.
func (t *timeline) left() float64 {
	width := 20.0
	for _, p := range t.panels {
		for _, v := range p.ticks() {
			width = max(width, textWidth(textSize, short(v)))
		}
	}
	return margin + width + 6
}

func (t *timeline) drawTrouble(c *canvas, x axis, top, bottom float64) {
	free := margin
	for i := range t.trouble {
		tr := &t.trouble[i]
		from, to := x.at(min(tr.from, x.high)), x.at(min(tr.to, x.high))
		c.box(shadow, true, from, top, max(to-from, 2), bottom-top)
		free = remark(c, bad, x, from, free, top-7, tr.name)
	}
}

// remark writes a name at a place, unless there is no room left of it, and returns where there is room for the next one.
func remark(c *canvas, p paint, x axis, place, free, y float64, name string) float64 {
	name = fit(textSize, name, 300)
	width := textWidth(textSize, name)
	at := max(min(place, x.to-width), margin)
	if at < free {
		return free
	}
	c.text(p, textSize, start, at, y, name)
	return at + width + 10
}

// drawChanges marks each change with a line through all panels.
func (t *timeline) drawChanges(c *canvas, x axis, bottom float64) {
	top := bottom - t.depth()
	y := top - 7
	if len(t.trouble) > 0 {
		y -= keySpace
	}
	free := margin
	for _, change := range t.changes {
		if change.at < 0 || change.at > x.high {
			continue
		}
		at := x.at(change.at)
		c.line(ink, true, 1.5, [2]float64{at, top - 4}, [2]float64{at, bottom})
		free = remark(c, ink, x, at, free, y, "change: "+change.name)
	}
}

// drawHovers lays an invisible column over each interval that is wide enough to point at.
func (t *timeline) drawHovers(c *canvas, x axis, bottom float64) {
	if len(t.times) > 500 {
		return
	}
	last := 0.0
	for i, at := range t.times {
		c.hover(t.hovers[i], x.at(last), bottom-t.depth(), x.at(at)-x.at(last), t.depth())
		last = at
	}
}

// depth is the height of all panels.
func (t *timeline) depth() float64 {
	var sum float64
	for _, p := range t.panels {
		sum += panelSpace + p.height
	}
	return sum
}

// top is the largest value that the panel has room for, and cut whether that leaves out the first: it is much larger than all others.
func (p *panel) top() (most float64, cut bool) {
	var first, later float64
	for _, s := range p.series {
		first = max(first, s.values[0])
		if len(s.values) > 1 {
			later = max(later, slices.Max(s.values[1:]))
		}
	}
	if p.begins && later > 0 && first > 2*later {
		return later, true
	}
	return max(first, later), false
}

// axis leaves some room above the largest value, and above the next one if that is cut off and has its value beside it.
func (p *panel) axis(top float64) axis {
	most, cut := p.top()
	room := 1.05
	if cut {
		room = 1.35
	}
	return axis{low: 0, high: room * max(most, 1), from: top + p.height, to: top}
}

func (p *panel) ticks() []float64 {
	return ticks(p.axis(0).high, int(max(p.height/30, 2)))
}

func (p *panel) draw(c *canvas, x axis, times []float64, top float64) {
	y := p.axis(top)
	c.text(muted, textSize, start, x.from, top-8, p.name)
	for _, v := range p.ticks() {
		c.line(grid, false, 1, [2]float64{x.from, y.at(v)}, [2]float64{x.to, y.at(v)})
		c.text(muted, textSize, end, x.from-6, y.at(v)+4, short(v))
	}
	if most, _ := p.top(); most == 0 && p.empty != "" {
		c.text(good, textSize, middle, (x.from+x.to)/2, top+p.height/2+4, p.empty)
	}
	for _, s := range p.series {
		switch {
		case s.kind == columns:
			s.drawColumns(c, x, y, times)
		case p.levels:
			s.drawLine(c, x, y, s.slopes(x, y, times))
		default:
			s.drawLine(c, x, y, s.steps(x, y, times))
		}
	}
	c.line(muted, false, 1, [2]float64{x.from, y.from}, [2]float64{x.to, y.from})
}
