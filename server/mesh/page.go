package mesh

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html page.css page.js page.svg
var assets embed.FS

var matrixPage = template.Must(template.ParseFS(assets, "page.html"))

// How the page shows a matrix.
const (
	denseFrom = 25 // columns
	staleRow  = 30 // seconds
)

// steps are the upper limits of the colours, in milliseconds of the median connect time; beyond is the last colour.
var steps = []float64{0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200}

// asset serves a file that the page needs.
func asset(name, kind string) http.HandlerFunc {
	data, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(data)
	}
}

func (m *Mesh) servePage(w http.ResponseWriter, r *http.Request) {
	m.matrix.refresh(r.Context())
	htmlHeader(w)
	m.sheets.page.serve(w, r)
}

func (m *Mesh) writePage(w io.Writer, now time.Time) error {
	return matrixPage.Execute(w, newView(m.matrix.build(now), m.row(now))) //nolint:wrapcheck // the sheet says of what
}

// A view is a matrix as the page shows it.
type view struct {
	Location, Time string
	Refresh        int // seconds
	Dense          bool
	Columns        []string
	Rows           []viewRow
	Legend         []viewCell
	Left           int
	Peers          []Cell
}

type viewRow struct {
	Name, Title string
	Stale       bool
	matrix      *Matrix
	at          int
}

type viewCell struct {
	Class, Text, Loss, Title string
	Line, Losses             string // paths
}

func newView(x *Matrix, own Row) *view {
	v := &view{
		Location: x.Location, Time: x.Time.Format("2006-01-02 15:04:05 MST"), Refresh: 5, Dense: len(x.Columns) >= denseFrom,
		Columns: x.Columns, Rows: make([]viewRow, len(x.Rows)), Legend: legend(), Left: x.Left, Peers: own.Cells,
	}
	if len(own.Cells) == 0 && len(x.Columns) == 1 {
		v.Columns = nil // only this server, which nobody measures
	}
	if v.Dense {
		v.Refresh = 15
	}
	for i, name := range x.Rows {
		row := viewRow{Name: name, Title: name, Stale: x.Ages[i] > staleRow, matrix: x, at: i}
		if row.Stale {
			row.Title = fmt.Sprintf("%s: these figures are %.0f s old", name, x.Ages[i])
		}
		v.Rows[i] = row
	}
	return v
}

// Cells are made when the page comes to them, since those of all rows would take much memory.
func (r viewRow) Cells() []viewCell {
	cells := make([]viewCell, len(r.matrix.Columns))
	for i, cell := range r.matrix.Cells[r.at] {
		cells[i] = newViewCell(r.Name, r.matrix.Columns[i], cell)
	}
	return cells
}

func newViewCell(from, to string, c *Cell) viewCell {
	switch {
	case c == nil && from == to:
		return viewCell{Class: "self"}
	case c == nil || c.Pings == 0:
		return viewCell{Class: "none"}
	}
	v := viewCell{Line: line(&c.Medians), Losses: ticks(&c.Losses)}
	v.Title = fmt.Sprintf("%s → %s: ", from, to)
	if c.Lost < c.Pings {
		v.Title += fmt.Sprintf("median %.3f ms, 95 %% below %.3f ms, ", c.Median, c.P95)
	}
	v.Title += fmt.Sprintf("%d of %d pings lost", c.Lost, c.Pings)
	if c.Error != "" {
		v.Title += "\n" + c.Error
	}
	if c.Lost > 0 {
		v.Loss = percent(c.Lost, c.Pings)
	}
	if c.Lost == c.Pings {
		v.Class = "down"
		return v
	}
	median := float64(c.Median)
	v.Class, v.Text = class(median), milliseconds(median)
	return v
}

func class(ms float64) string {
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
		cells = append(cells, viewCell{Class: class(step), Text: fmt.Sprintf("≤ %v", step)})
	}
	last := steps[len(steps)-1]
	return append(cells, viewCell{Class: class(last + 1), Text: fmt.Sprintf("> %v ms", last)})
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

// The lines are drawn in a box of hourSlots by lineHeight.
const lineHeight = 12

// line is the medians from left to right, with gaps where there are none.
func line(medians *[hourSlots]float32) string {
	most := float32(0)
	for _, ms := range medians {
		most = max(most, ms)
	}
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
