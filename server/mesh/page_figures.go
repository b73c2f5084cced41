package mesh

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// pathFigures is the page that a cell or a row of the matrix opens to.
const pathFigures = "/v1/figures"

// viewFigures are all that is known of a pair.
type viewFigures struct {
	To, Link, URL     string
	Down              bool
	Failing           int
	Since, Ago        string
	Answered          string
	Pings, Lost       int
	Share             string // of the pings that were lost; "" if none were
	Median, P95, Most string
	Phases            []viewPhase
	Status            string
	Line, Losses      string // paths
}

type viewPhase struct{ Name, Last, Mean, Max string }

func phaseNames() (names []string) {
	for _, phase := range phases {
		names = append(names, strings.ReplaceAll(phase.name, "_", " "))
	}
	return names
}

// figures are those of a pair that is measured.
func (t *Matrix) figures(row, column int) viewFigures {
	c := t.Cells[row][column]
	v := viewFigures{
		To: t.Columns[column], Link: t.link(row, column), URL: quote.Printable(c.URL), Down: c.Down, Failing: c.Failing,
		Since: clockTime(c.Since, t.Time), Answered: clockTime(c.Answered, t.Time), Pings: c.Pings, Lost: c.Lost,
		Median: inFull(c.Median), P95: inFull(c.P95), Most: milliseconds(float64(longest(&c.Medians))), Status: c.lastPing(),
		Line: line(&c.Medians), Losses: ticks(&c.Losses),
	}
	if c.IP != "" {
		v.URL += " at " + c.IP
	}
	if !c.Since.IsZero() {
		v.Ago = age(t.Time.Sub(c.Since))
	}
	if c.Lost > 0 {
		v.Share = percent(c.Lost, c.Pings)
	}
	names := phaseNames()
	for i, phase := range c.Phases.each() {
		v.Phases = append(v.Phases, viewPhase{names[i], inFull(phase.Last), inFull(phase.Mean), inFull(phase.Max)})
	}
	return v
}

// lastPing says what the last ping met.
func (c *Cell) lastPing() string {
	switch {
	case c.Error != "":
		return c.Error
	case c.Status != 0:
		return fmt.Sprintf("HTTP %d", c.Status)
	}
	return "not yet"
}

// inFull is a time to the microsecond, or – if there is none.
func inFull(ms float32) string {
	if ms == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f", ms)
}

// peers are the figures of a row, those that are down first.
func (t *Matrix) peers(row int) []viewFigures {
	peers := []viewFigures{}
	for column, cell := range t.Cells[row] {
		if cell != nil {
			peers = append(peers, t.figures(row, column))
		}
	}
	slices.SortStableFunc(peers, func(a, b viewFigures) int {
		switch {
		case a.Down == b.Down:
			return 0
		case a.Down:
			return -1
		}
		return 1
	})
	return peers
}

// rowOf is the row of a server that has one.
func (t *Matrix) rowOf(instance string) int { return slices.Index(t.instances, instance) }

// viewPair is what a cell opens to, or, without Pair, what a row does.
type viewPair struct {
	Title, Stale, Message string
	Pair                  *viewFigures
	Peers                 []viewFigures
}

func (m *Mesh) serveFigures(w http.ResponseWriter, r *http.Request) {
	m.matrix.refresh(r.Context())
	query := r.URL.Query()
	status, v := m.matrix.current(time.Now()).pair(query.Get("from"), query.Get("to"))
	htmlHeader(w)
	w.WriteHeader(status)
	_ = pages.ExecuteTemplate(w, "figures.html", v) // fails only if the client is gone
}

// pair finds servers by the ids that the page's links have.
func (t *Matrix) pair(from, to string) (status int, v *viewPair) {
	row := slices.Index(t.ids[:len(t.Rows)], from)
	if row < 0 {
		return http.StatusNotFound, &viewPair{
			Title: "No such server", Message: "The link's server has no figures any more: it was restarted, is no peer now, or has been silent for long. Look it up in the mesh again.",
		}
	}
	v = &viewPair{Title: "From " + t.Rows[row], Message: "It pings nobody."}
	if t.Stale[row] {
		at := t.from(row)
		v.Stale = fmt.Sprintf("%s does not answer now: these are its figures of %s, %s ago.", t.Rows[row], clockTime(at, t.Time), age(t.Time.Sub(at)))
	}
	if to == "" {
		v.Peers = t.peers(row)
		return http.StatusOK, v
	}
	column := slices.Index(t.ids, to)
	if column < 0 || t.Cells[row][column] == nil {
		v.Message = "It does not ping that server any more. Look it up in the mesh again."
		return http.StatusNotFound, v
	}
	figures := t.figures(row, column)
	v.Title, v.Pair = t.Rows[row]+" → "+t.Columns[column], &figures
	return http.StatusOK, v
}
