package picture

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/recording"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/units"
)

// mostCells bounds the rows and the columns of a matrix; the table has all.
const mostCells = 30

// pair is where pings went from, and to.
type pair struct{ from, to string }

// pingsByPair are the pings that tell where they came from.
func pingsByPair(r *recording.Report) map[pair]*recording.Call {
	pings := map[pair]*recording.Call{}
	for _, c := range r.ByCall {
		if c.Call != "ping" && c.Call != "tcpPing" || c.From == "" || len(c.Targets) == 0 {
			continue
		}
		at := pair{c.From, c.Targets[0]}
		if known := pings[at]; known != nil {
			c = known.Plus(c)
		}
		pings[at] = c
	}
	return pings
}

// matrixSection shows who reaches whom, and how fast, where pings went from several sites to several targets.
func matrixSection(r *recording.Report) (s Section, has bool) {
	pings := pingsByPair(r)
	var sites, targets []string
	for at := range pings {
		sites, targets = append(sites, at.from), append(targets, at.to)
	}
	sites, targets = sorted(sites), sorted(targets)
	if len(sites) < 2 || len(targets) < 2 {
		return s, false
	}
	m := &matrix{rows: sites[:min(len(sites), mostCells)], columns: targets[:min(len(targets), mostCells)], cells: map[pair]cell{}}
	table := Table{Columns: []string{"from", "to", "pings", "failed", "connect, median", "p99", "whole request, median"}}
	var all, failed int64
	for _, from := range sites {
		for _, to := range targets {
			at := pair{from, to}
			c := pings[at]
			if c == nil {
				continue
			}
			lost := lostPings(c)
			all, failed = all+c.Asked, failed+lost
			m.cells[at] = cellOf(at, c, lost)
			row := []string{from, to, count(c.Asked), count(lost), "–", "–", "–"}
			if lost < c.Asked {
				row = append(row[:4], units.Span(c.ConnectTime.Med), units.Span(c.ConnectTime.P99), units.Span(c.ReplyTime.Med))
			}
			table.Rows = append(table.Rows, row)
		}
	}
	return Section{
		ID: "ping-matrix", Title: "Pings from site to site",
		Facts: []Fact{{"sites", count(int64(len(sites))), ""}, {"targets", count(int64(len(targets))), ""}, {"pings", count(all), ""}, {"failed", count(failed), tone(failed)}},
		Charts: []Chart{{
			Name: "ping-matrix", Title: "Median connect time, from site to target", Table: table,
			Description: fmt.Sprintf("%s pings from %s to %s, of which %s failed.", count(all), plural(len(sites), "site", "sites"), plural(len(targets), "target", "targets"), count(failed)),
			drawing:     m,
		}},
	}, true
}

// lostPings are those that did not get what they asked for.
func lostPings(c *recording.Call) int64 {
	if c.Answers {
		return c.Asked - c.Answered
	}
	return c.Asked - c.Established
}

func cellOf(at pair, c *recording.Call, lost int64) cell {
	hover := fmt.Sprintf("from %s to %s: %s pings, %s failed", at.from, at.to, count(c.Asked), count(lost))
	if lost >= c.Asked {
		return cell{text: "–", paint: bad, hover: hover}
	}
	shown := cell{text: units.Span(c.ConnectTime.Med), paint: plain, hover: hover + ", connect " + units.Span(c.ConnectTime.Med)}
	if lost > 0 {
		shown.paint, shown.text = wary, shown.text+", "+units.Percent(float64(lost)/float64(c.Asked))+" lost"
	}
	return shown
}

// sorted are names in their order, each once.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// place is the part of a target that tells it from others: of the URL of a mesh's server, its host.
func place(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return u.Host + strings.TrimSuffix(strings.TrimSuffix(u.Path, "/v1/ping"), "/")
	}
	return target
}

// matrix draws a cell for each pair of a row and a column.
type matrix struct {
	rows, columns []string
	cells         map[pair]cell
}

type cell struct {
	text  string
	paint paint
	hover string
}

const (
	cellHeight = 26.0
	cellGap    = 2.0
	leastCell  = 64.0
	headShare  = 0.22 // of the width that the names of rows may take
)

func (m *matrix) legend() []entry {
	return []entry{{paint: plain, name: "answered"}, {paint: wary, name: "some lost"}, {paint: bad, name: "all lost"}}
}

func (m *matrix) size() (width, height float64) {
	width = max(half, half*headShare+float64(len(m.columns))*leastCell+2*margin)
	return width, cellHeight*float64(len(m.rows)+1) + 10
}

func (m *matrix) draw(c *canvas, top float64) {
	width, _ := m.size()
	var names float64
	for _, row := range m.rows {
		names = max(names, textWidth(textSize, fit(textSize, row, headShare*width)))
	}
	left := margin + names + 8
	each := (width - margin - left) / float64(len(m.columns))
	for i, column := range m.columns {
		c.text(muted, textSize, middle, left+(float64(i)+0.5)*each, top+cellHeight-9, fit(textSize, place(column), each-6))
	}
	for j, row := range m.rows {
		y := top + float64(j+1)*cellHeight
		c.text(ink, textSize, end, left-6, y+cellHeight/2+4, fit(textSize, row, headShare*width))
		for i, column := range m.columns {
			x := left + float64(i)*each
			found, pinged := m.cells[pair{row, column}]
			if !pinged {
				c.box(grid, true, x, y, each-cellGap, cellHeight-cellGap)
				continue
			}
			c.box(found.paint, true, x, y, each-cellGap, cellHeight-cellGap)
			c.text(ink, textSize, middle, x+(each-cellGap)/2, y+cellHeight/2+3, fit(textSize, found.text, each-6))
			c.hover(found.hover, x, y, each-cellGap, cellHeight-cellGap)
		}
	}
}
