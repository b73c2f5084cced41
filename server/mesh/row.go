package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/reply"
)

// pathRow is where servers ask each other for their figures.
const pathRow = "/v1/row"

// A Row is what one server has measured in the last hour.
type Row struct {
	Instance string `json:"instance"` // tells this run of this server from all others
	Location string `json:"location"`
	// Time is when the row was made, by the clock of the server that tells it; the other times in it are by the same clock.
	Time  time.Time `json:"time,omitzero"`
	Cells []Cell    `json:"peers"`
}

// A Cell is what one server has measured of another.
type Cell struct {
	Instance string `json:"instance,omitzero"` // of the peer, if it is a server of a mesh and has answered
	Location string `json:"location"`
	URL      string `json:"url"`
	IP       string `json:"ip,omitzero"`
	Status   int    `json:"status"` // of the last ping; 0 is none yet
	Error    string `json:"error,omitzero"`
	Now
	Trail
}

// row is this server's.
func (m *Mesh) row(now time.Time) Row {
	peers := m.list.all()
	r := Row{Instance: m.instance, Location: m.options.Location, Time: now.UTC(), Cells: make([]Cell, len(peers))}
	for i, p := range peers {
		r.Cells[i] = p.cell(now)
	}
	return r
}

func (p *peer) cell(now time.Time) Cell {
	p.mu.Lock()
	f := &p.figures
	c := Cell{
		Instance: f.instance, Location: p.nameLocked(), URL: p.URL, Status: f.lastCode, Error: cut(f.lastError),
		Now: f.now(),
	}
	last, latest := f.hour, f.last
	p.mu.Unlock() // before the sorting, for which no ping should have to wait
	c.Trail = last.trail(now, &latest)
	if p.IP.IsValid() {
		c.IP = p.IP.String()
	}
	return c
}

func (m *Mesh) serveRow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	m.sheets.row.serve(w, r)
}

func (m *Mesh) writeRow(w io.Writer, now time.Time) error {
	return json.NewEncoder(w).Encode(m.row(now)) //nolint:wrapcheck // the sheet says of what
}

// maxRowText bounds what the texts of a row take that is kept, in bytes: more than 1 KB for each server of the matrix.
const maxRowText = 256 << 10

// A rowReader reads another server's row, of which nothing is believed that can't be, and no more is kept than a matrix has room for.
type rowReader struct {
	row    Row
	wanted func(instance string) bool // that of a server that has a row itself
	of     []Cell                     // of those, each once
	seen   map[string]bool            // which of them
	others []Cell
	text   int
}

func readRow(d *document, wanted func(instance string) bool) (*Row, error) {
	r := &rowReader{wanted: wanted, seen: map[string]bool{}}
	if err := r.read(d); err != nil {
		return nil, fmt.Errorf("not a row: %w", err)
	}
	if !reply.Valid([]byte(r.row.Instance)) || !reply.Valid([]byte(r.row.Location)) {
		return nil, errors.New("not a row: instance or location is not a name")
	}
	r.row.Cells = slices.Concat(r.of, r.others[:min(len(r.others), mostServers-len(r.of))])
	row := r.row // alone, so that it does not hold the rest
	row.setClock(time.Now())
	return &row, nil
}

// setClock turns the times of a row that has just arrived into those of this server's clock.
func (r *Row) setClock(arrived time.Time) {
	behind := arrived.Sub(r.Time)
	if r.Time.IsZero() || behind.Abs() < fetchTimeout {
		behind = 0 // an older server does not tell its time, and a short one may be the row's way here
	}
	r.Time = arrived.UTC()
	for i := range r.Cells {
		r.Cells[i].Now.check(behind, arrived)
	}
}

func (r *rowReader) read(d *document) error {
	return d.fields(func(name string) error {
		switch name {
		case "instance":
			return d.take(&r.row.Instance)
		case "location":
			return d.take(&r.row.Location)
		case "time":
			return d.take(&r.row.Time)
		case "peers":
			return d.elements(func() error { return r.cell(d) })
		}
		return d.pass()
	})
}

func (r *rowReader) cell(d *document) error {
	var c Cell
	if err := d.take(&c); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	switch wanted := r.wanted(c.Instance); {
	case wanted && !r.seen[c.Instance]:
		r.seen[c.Instance] = true
		r.of = append(r.of, c)
	case !wanted && len(r.others) < mostServers:
		r.others = append(r.others, c)
	default:
		return nil
	}
	if r.text += len(c.Instance) + len(c.Location) + len(c.URL) + len(c.IP) + len(c.Error); r.text > maxRowText {
		return fmt.Errorf("more than %d bytes of text", maxRowText)
	}
	return nil
}

func (c *Cell) check() error {
	switch {
	case c.Instance != "" && !reply.Valid([]byte(c.Instance)):
		return errors.New("instance is not a name")
	case c.Pings < 0 || c.Lost < 0 || c.Lost > c.Pings:
		return fmt.Errorf("%d of %d pings lost", c.Lost, c.Pings)
	case c.Status < 0 || c.Status > 999:
		return fmt.Errorf("status %d", c.Status)
	}
	if _, err := ParseTarget(c.URL); err != nil {
		return err
	}
	if _, err := netip.ParseAddr(c.IP); err != nil && c.IP != "" {
		return fmt.Errorf("ip %q", c.IP)
	}
	if !reply.Valid([]byte(c.Location)) {
		c.Location = quote.Cut(quote.Printable(c.URL), reply.MaxLength)
	}
	c.Error = cut(c.Error)
	return c.checkTrail()
}

func (t *Trail) checkTrail() error {
	for _, ms := range append(t.Medians[:], t.Median, t.P95) {
		if ms < 0 || ms > maxMilliseconds {
			return fmt.Errorf("connect time of %v ms", ms)
		}
	}
	for _, lost := range t.Losses {
		if lost < 0 || int(lost) > t.Lost {
			return fmt.Errorf("%d of %d lost pings in one slot", lost, t.Lost)
		}
	}
	return t.Phases.check()
}

// cut makes a text from elsewhere printable and short enough to show.
func cut(text string) string {
	const most = 300
	return quote.Cut(quote.Printable(text), most)
}
