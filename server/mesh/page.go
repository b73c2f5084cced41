package mesh

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

//go:embed page.html figures.html page.css page.js page.svg
var assets embed.FS

// pages are the mesh's templates: page.html is the matrix, figures.html what its cells and rows open to.
var pages = template.Must(template.New("").Funcs(template.FuncMap{"phaseNames": phaseNames, "tie": units.Tie}).ParseFS(assets, "*.html"))

// How the page shows a matrix.
const (
	denseFrom    = 25 // columns
	mostOutages  = 20 // in words
	refresh      = 5 * time.Second
	refreshDense = 15 * time.Second
)

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
	return pages.ExecuteTemplate(w, "page.html", newView(m.matrix.current(now))) //nolint:wrapcheck // the sheet says of what
}

// A view is a matrix as the page shows it.
type view struct {
	Location, Time string
	Refresh        int // seconds
	Servers        int
	Dense          bool
	Down           []viewOutage
	DownLeft       int
	Stale          string
	Columns        []viewHead
	Rows           []viewRow
	Legend         []viewCell
	Left           int
	Peers          []viewFigures
}

func newView(x *Matrix) *view {
	v := &view{
		Location: x.Location, Time: x.Time.Format("2006-01-02 15:04:05 MST"), Refresh: int(refresh.Seconds()),
		Servers: len(x.Columns), Dense: len(x.Columns) >= denseFrom,
		Rows: make([]viewRow, len(x.Rows)), Legend: legend(), Left: x.Left,
	}
	v.Down, v.DownLeft = newViewOutages(x)
	v.Stale = staleRows(x)
	if v.Dense {
		v.Refresh = int(refreshDense.Seconds())
	}
	for row := range x.Rows {
		v.Rows[row] = newViewRow(x, row)
	}
	if len(x.own.Cells) == 0 && len(x.Columns) == 1 {
		return v // only this server, which nobody measures
	}
	v.Peers = x.peers(x.rowOf(x.own.Instance))
	v.Columns = make([]viewHead, len(x.Columns))
	for column, name := range x.Columns {
		v.Columns[column] = newViewHead(name, x.ids[column], x.column(column))
	}
	return v
}

// A viewHead is the head of a row or a column, with what the page sorts and filters it by.
type viewHead struct {
	Name, ID string
	Down     int     // cells
	Lost     float64 // of all pings of the last hour, 0 to 1
	Median   float64 // the longest of the cells', in ms
}

func newViewHead(name, id string, cells []*Cell) viewHead {
	h := viewHead{Name: name, ID: id}
	pings, lost := 0, 0
	for _, c := range cells {
		if c == nil {
			continue
		}
		pings, lost = pings+c.Pings, lost+c.Lost
		h.Median = max(h.Median, float64(c.Median))
		if c.Down {
			h.Down++
		}
	}
	h.Lost = float64(lost) / float64(max(pings, 1))
	return h
}

type viewRow struct {
	viewHead
	Title  string
	Stale  string // when the figures are from, if that is long ago
	matrix *Matrix
	at     int
}

func newViewRow(x *Matrix, row int) viewRow {
	name := x.Rows[row]
	v := viewRow{viewHead: newViewHead(name, x.ids[row], x.Cells[row]), Title: name, matrix: x, at: row}
	if x.Stale[row] {
		from := x.from(row)
		v.Stale = shortly(from, x.Time)
		v.Title = fmt.Sprintf("%s: figures of %s, %s ago", name, clockTime(from, x.Time), age(x.Time.Sub(from)))
	}
	return v
}

// from is when the figures of a row are from.
func (t *Matrix) from(row int) time.Time {
	return t.Time.Add(-time.Duration(t.Ages[row] * float64(time.Second)))
}

// column are the cells of those rows that are not stale.
func (t *Matrix) column(at int) []*Cell {
	cells := make([]*Cell, 0, len(t.Rows))
	for row := range t.Rows {
		if !t.Stale[row] {
			cells = append(cells, t.Cells[row][at])
		}
	}
	return cells
}

// staleRows says how many rows tell the past.
func staleRows(x *Matrix) string {
	count := 0
	for _, is := range x.Stale {
		if is {
			count++
		}
	}
	switch count {
	case 0:
		return ""
	case 1:
		return "1 row is dimmed: its server does not answer now, so it has the figures of the time beside its name."
	}
	return fmt.Sprintf("%d rows are dimmed: their servers do not answer now, so they have the figures of the time beside their names.", count)
}

// A viewOutage is a server that is down, in words.
type viewOutage struct {
	Server, Says, Since, Ago, Answered, Error string
}

// newViewOutages are the first ones, and how many there are besides.
func newViewOutages(x *Matrix) (shown []viewOutage, left int) {
	for _, o := range x.Down[:min(len(x.Down), mostOutages)] {
		v := viewOutage{Server: o.Server, Says: says(&o), Answered: clockTime(o.Answered, x.Time), Error: o.Error}
		if !o.Since.IsZero() {
			v.Since, v.Ago = clockTime(o.Since, x.Time), age(x.Time.Sub(o.Since))
		}
		shown = append(shown, v)
	}
	return shown, len(x.Down) - len(shown)
}

// says tells who misses a server.
func says(o *Outage) string {
	const most = 3 // names
	switch {
	case o.Of == 1:
		return "does not answer " + o.By[0]
	case len(o.By) == o.Of:
		return fmt.Sprintf("answers none of %d servers", o.Of)
	case len(o.By) <= most:
		return fmt.Sprintf("does not answer %d of %d servers (%s)", len(o.By), o.Of, strings.Join(o.By, "; "))
	}
	return fmt.Sprintf("does not answer %d of %d servers", len(o.By), o.Of)
}
