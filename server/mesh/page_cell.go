package mesh

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// steps are the upper limits of the colours, in milliseconds of the median connect time; beyond is the last colour.
var steps = []float64{0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200}

type viewCell struct {
	Class, Text, Since, Loss, Title string
	Link                            string
	Line, Losses                    string // paths
}

// Cells are made when the page comes to them, since those of all rows would take much memory.
func (r viewRow) Cells() []viewCell {
	x := r.matrix
	cells := make([]viewCell, len(x.Columns))
	for column, cell := range x.Cells[r.at] {
		cells[column] = newViewCell(r.Name, x.Columns[column], cell, x.Time)
		if cells[column].Title != "" {
			cells[column].Link = x.link(r.at, column)
		}
	}
	return cells
}

// link leads to the figures of a pair.
func (t *Matrix) link(row, column int) string {
	return "/v1/figures?from=" + t.ids[row] + "&to=" + t.ids[column]
}

func newViewCell(from, to string, c *Cell, now time.Time) viewCell {
	switch {
	case c == nil && from == to:
		return viewCell{Class: "self"}
	case c == nil || c.Pings == 0:
		return viewCell{Class: "none"}
	}
	v := viewCell{Line: line(&c.Medians), Losses: ticks(&c.Losses), Title: cellTitle(from, to, c, now)}
	if c.Lost > 0 {
		v.Loss = percent(c.Lost, c.Pings)
	}
	median := float64(c.Median)
	switch {
	case c.Down:
		v.Class, v.Text, v.Since = "down", "down", shortly(c.Since, now)
	case c.Lost == c.Pings:
		v.Class = "lost"
	case c.Lost > 0:
		v.Class, v.Text = colour(median)+" some", milliseconds(median)
	default:
		v.Class, v.Text = colour(median), milliseconds(median)
	}
	return v
}

func cellTitle(from, to string, c *Cell, now time.Time) string {
	title := fmt.Sprintf("%s → %s: ", from, to)
	if c.Down {
		title += "down"
		if !c.Since.IsZero() {
			title += " since " + clockTime(c.Since, now)
		}
		title += "; in the last hour "
	}
	if c.Lost < c.Pings {
		title += fmt.Sprintf("median %.3f ms, 95 %% below %.3f ms, ", c.Median, c.P95)
	}
	title += fmt.Sprintf("%d of %d pings lost", c.Lost, c.Pings)
	if c.Error != "" {
		title += "\n" + c.Error
	}
	return title
}

func colour(ms float64) string {
	for i, step := range steps {
		if ms <= step {
			return "m" + strconv.Itoa(i)
		}
	}
	return "m" + strconv.Itoa(len(steps))
}

func legend() []viewCell {
	cells := make([]viewCell, 0, len(steps)+1)
	for _, step := range steps {
		cells = append(cells, viewCell{Class: colour(step), Text: fmt.Sprintf("≤ %v", step)})
	}
	last := steps[len(steps)-1]
	return append(cells, viewCell{Class: colour(last + 1), Text: fmt.Sprintf("> %v ms", last)})
}

// milliseconds has two digits that mean something, or all before the point.
func milliseconds(ms float64) string {
	switch {
	case ms < 0.1:
		return strconv.FormatFloat(ms, 'f', 3, 64)
	case ms < 1:
		return strconv.FormatFloat(ms, 'f', 2, 64)
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}

// percent never rounds a loss to none, nor an answer to none.
func percent(lost, of int) string {
	share := 100 * float64(lost) / float64(of)
	switch {
	case lost == of:
		return "100 %"
	case share < 0.1:
		return "<0.1 %"
	case share > 99:
		return ">99 %"
	case share < 10:
		return strconv.FormatFloat(share, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(share, 'f', 0, 64) + " %"
}

// clockTime is a time of this day by the clock, and another with its date; "" if there is none.
func clockTime(at, now time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case now.Sub(at) < 12*time.Hour:
		return at.UTC().Format("15:04:05 MST")
	}
	return at.UTC().Format("2006-01-02 15:04 MST")
}

// shortly is a time that fits into a cell; "" if there is none.
func shortly(at, now time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case now.Sub(at) < 12*time.Hour:
		return at.UTC().Format("15:04")
	}
	return at.UTC().Format("Jan 2")
}

// age is how long something lasts, in one or two units.
func age(d time.Duration) string {
	d = max(d, 0)
	seconds := int64(d / time.Second)
	minutes, hours, days := seconds/60, seconds/3600, seconds/86400
	switch {
	case seconds < 120:
		return fmt.Sprintf("%d s", seconds)
	case minutes < 120:
		return fmt.Sprintf("%d min", minutes)
	case hours < 48:
		return fmt.Sprintf("%d h %d min", hours, minutes%60)
	}
	return fmt.Sprintf("%d d %d h", days, hours%24)
}

// The lines are drawn in a box of hourSlots by lineHeight.
const lineHeight = 12

// line is the medians from left to right, with gaps where there are none.
func line(medians *[hourSlots]float32) string {
	most := longest(medians)
	var path strings.Builder
	drawing := false
	for i, ms := range medians {
		switch y := lineHeight - 1 - (lineHeight-2)*ms/most; {
		case ms == 0:
			drawing = false
		case drawing:
			fmt.Fprintf(&path, "L%d %.1f", i, y)
		default:
			fmt.Fprintf(&path, "M%d %.1fh.5", i, y) // one point is seen, too
			drawing = true
		}
	}
	return path.String()
}

func longest(medians *[hourSlots]float32) (most float32) {
	for _, ms := range medians {
		most = max(most, ms)
	}
	return most
}

// ticks mark the slots in which pings were lost.
func ticks(losses *[hourSlots]int32) string {
	var path strings.Builder
	for i, lost := range losses {
		if lost > 0 {
			fmt.Fprintf(&path, "M%d %dv-4", i, lineHeight)
		}
	}
	return path.String()
}
