package mesh

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// mostServers bounds the matrix: so many rows and columns.
	mostServers = 200
	// stale is when the row of a silent server is dropped: others of its rows' servers may have moved on.
	stale = 10 * time.Minute
	// fresh is how old rows may be at least before they are asked for again, and pages before they are made again, however often
	// somebody looks; freshRow is added for each row.
	fresh    = time.Second
	freshRow = 20 * time.Millisecond
	// staleRow is when a row tells the past.
	staleRow = 30 * time.Second
	// patience is how long a page waits for rows; those that come later are in the next one.
	patience = 1500 * time.Millisecond
)

// A matrix holds the rows of other servers. It asks for them only when somebody looks at it.
type matrix struct {
	mesh *Mesh

	mu      sync.Mutex
	rows    map[string]*heldRow // by instance
	asked   time.Time
	updated chan struct{} // closed when the rows that are asked for have come; nil if none are

	seed     maphash.Seed // of the columns' ids
	building sync.Mutex   // for built and builtAt
	built    *Matrix
	builtAt  time.Time
}

// A heldRow is one that another server has told.
type heldRow struct {
	*Row
	at time.Time
}

func newMatrix(m *Mesh) *matrix {
	return &matrix{mesh: m, rows: map[string]*heldRow{}, seed: maphash.MakeSeed()}
}

// refresh asks for rows that are not fresh, and waits a little for them.
func (x *matrix) refresh(ctx context.Context) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-x.update():
	case <-timer.C:
	case <-ctx.Done():
	}
}

// update returns a channel that is closed when the rows are fresh.
func (x *matrix) update() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.updated != nil {
		return x.updated
	}
	done := make(chan struct{})
	if time.Since(x.asked) < x.paceLocked() || !x.mesh.list.open(func() { x.mesh.tasks.Go(func() { x.fetch(done) }) }) {
		close(done)
		return done
	}
	x.updated = done
	return done
}

// pace is the time from one look at the rows to the next.
func (x *matrix) pace() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.paceLocked()
}

func (x *matrix) paceLocked() time.Duration { return fresh + freshRow*time.Duration(len(x.rows)) }

// fetch asks every peer that is a server of a mesh, each once.
func (x *matrix) fetch(done chan struct{}) {
	wanted := x.wanted()
	x.forget(wanted)
	instances := make(chan string)
	var fetching sync.WaitGroup
	for range fetchers {
		fetching.Go(func() {
			for instance := range instances {
				x.fetchRow(instance, wanted)
			}
		})
	}
	for instance := range wanted {
		instances <- instance
	}
	close(instances)
	fetching.Wait()

	x.forget(wanted)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked, x.updated = time.Now(), nil
	close(done)
}

// wanted are the peers that have rows, by instance.
func (x *matrix) wanted() map[string]*peer {
	wanted := map[string]*peer{}
	for _, p := range x.mesh.list.all() {
		instance := p.instance()
		if instance == "" || instance == x.mesh.instance || p.page(pathRow) == "" || len(wanted) == mostServers-1 {
			continue
		}
		if wanted[instance] == nil { // the oldest, as others may only say that they are that server
			wanted[instance] = p
		}
	}
	return wanted
}

// fetchRow asks for the row of one of the wanted servers.
func (x *matrix) fetchRow(instance string, wanted map[string]*peer) {
	p := wanted[instance]
	if !p.answers() {
		return // a page need not wait for what is known to be silent
	}
	row, err := x.ask(p, wanted)
	if err == nil && row.Instance != instance {
		err = errors.New("another server has answered than before")
	}
	if err != nil {
		if x.mesh.ctx.Err() == nil {
			x.mesh.options.Log.Debug("No row", "url", p.URL, "error", err)
		}
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rows[instance] = &heldRow{row, time.Now()}
}

func (x *matrix) ask(p *peer, wanted map[string]*peer) (row *Row, err error) {
	err = x.mesh.fetch(x.mesh.ctx, p.page(pathRow), p.IP, func(d *document) error {
		row, err = readRow(d, func(instance string) bool { return wanted[instance] != nil || instance == x.mesh.instance })
		return err
	})
	return row, err
}

// forget drops the rows of servers that are no peers any more, or have been silent for long.
func (x *matrix) forget(wanted map[string]*peer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for instance, row := range x.rows {
		if wanted[instance] == nil || time.Since(row.at) > stale {
			delete(x.rows, instance)
		}
	}
}

// A Matrix is what /v1/matrix tells: from each server to each other.
type Matrix struct {
	Location string    `json:"location"` // of the server that tells
	Time     time.Time `json:"time"`
	Rows     []string  `json:"rows"` // names of the servers that measure
	Columns  []string  `json:"columns"`
	// Cells are by row and column; null is a pair that nobody measures.
	Cells [][]*Cell `json:"cells"`
	// Ages are how old the rows are, in seconds. A row is stale if it is older than 30 s, or this server finds that one down: then it
	// tells the past.
	Ages  []float64 `json:"ages"`
	Stale []bool    `json:"stale"`
	// Down are the servers that are down now, as those rows say that are not stale.
	Down []Outage `json:"down"`
	// Left is how many servers there are beyond those in the matrix, as far as this server keeps of the rows.
	Left int `json:"left,omitzero"`

	own       Row      // of the server that tells
	ids       []string // of the columns, for links
	instances []string // of the rows
}

func (m *Mesh) serveMatrix(w http.ResponseWriter, r *http.Request) {
	m.matrix.refresh(r.Context())
	w.Header().Set("Content-Type", "application/json")
	m.sheets.matrix.serve(w, r)
}

func (m *Mesh) writeMatrix(w io.Writer, now time.Time) error { return m.matrix.current(now).write(w) }

// current is the matrix as it was put together last, if that is not long ago. So the page, the figures of a pair and the API agree,
// and readers of all three do not cost more than one.
func (x *matrix) current(now time.Time) *Matrix {
	pace := x.pace()
	x.building.Lock()
	defer x.building.Unlock()
	if x.built == nil || now.Sub(x.builtAt) >= pace {
		x.built, x.builtAt = x.build(now), now
	}
	return x.built
}

// write tells the matrix as JSON, row by row: the text of a large one takes 20 MB.
func (t *Matrix) write(w io.Writer) error {
	head, err := json.Marshal(struct {
		*Matrix
		Cells any `json:"cells,omitempty"` // in place of the matrix's
	}{Matrix: t})
	if err != nil {
		return err //nolint:wrapcheck // the sheet says of what
	}
	text := append(bytes.TrimSuffix(head, []byte("}")), `,"cells":[`...)
	for i := range t.Cells {
		row, err := json.Marshal(t.Cells[i])
		if err != nil {
			return err //nolint:wrapcheck // the sheet says of what
		}
		if i > 0 {
			text = append(text, ',')
		}
		if _, err := w.Write(append(text, row...)); err != nil {
			return err //nolint:wrapcheck // the sheet says of what
		}
		text = text[:0]
	}
	_, err = w.Write(append(text, "]}\n"...))
	return err //nolint:wrapcheck // the sheet says of what
}

// build puts the rows together, with servers under the same name in rows and columns.
func (x *matrix) build(now time.Time) *Matrix {
	x.mu.Lock()
	rows := make([]heldRow, 0, len(x.rows)+1)
	for _, row := range x.rows {
		rows = append(rows, *row)
	}
	x.mu.Unlock()
	own := x.mesh.row(now)
	rows = append(rows, heldRow{&own, now})
	slices.SortFunc(rows, func(a, b heldRow) int {
		return cmp.Or(cmp.Compare(a.Location, b.Location), cmp.Compare(a.Instance, b.Instance))
	})

	columns := newColumns(rows)
	t := &Matrix{
		Location: own.Location, Time: now.UTC().Truncate(time.Second), Columns: columns.names(), Left: len(columns.left),
		Rows: make([]string, len(rows)), Cells: make([][]*Cell, len(rows)), Ages: make([]float64, len(rows)),
		Stale: make([]bool, len(rows)), own: own, ids: columns.ids(x.seed), instances: make([]string, len(rows)),
	}
	for i, row := range rows {
		t.Rows[i], t.instances[i] = t.Columns[i], row.Instance // rows are the first columns
		t.Ages[i] = max(now.Sub(row.at).Round(time.Second).Seconds(), 0)
		t.Stale[i] = t.Ages[i] > staleRow.Seconds() || own.finds(row.Instance).Down
		t.Cells[i] = make([]*Cell, len(t.Columns))
		for j := range row.Cells {
			if at, ok := columns.at[columns.server(&row.Cells[j])]; ok && t.Cells[i][at] == nil {
				t.Cells[i][at] = &row.Cells[j]
			}
		}
	}
	t.Down = t.outages()
	return t
}

// finds is the cell of another server, an empty one if there is none.
func (r *Row) finds(instance string) *Cell {
	for i := range r.Cells {
		if r.Cells[i].Instance == instance {
			return &r.Cells[i]
		}
	}
	return &Cell{}
}

// target is what is pinged.
func (c *Cell) target() string { return c.URL + " " + c.IP }

// server tells servers apart: by instance, or, if they are none of ours, by what is pinged. Who has never had an answer does not know
// the instance, so the others say which it is.
func (c *columns) server(cell *Cell) string {
	switch instance := c.instances[cell.target()]; {
	case cell.Instance != "":
		return cell.Instance
	case instance != "" && cell.Answered.IsZero():
		return instance
	}
	return cell.target()
}

// instances are those of what is pinged, where all who know one know the same.
func instances(rows []heldRow) map[string]string {
	known := map[string]string{}
	for _, row := range rows {
		for i := range row.Cells {
			cell := &row.Cells[i]
			if cell.Instance == "" {
				continue
			}
			if other, told := known[cell.target()]; told && other != cell.Instance {
				known[cell.target()] = "" // one of them is out of date, or lies
				continue
			}
			known[cell.target()] = cell.Instance
		}
	}
	return known
}

// columns are the servers that are pinged, in the order of the matrix, rows first.
type columns struct {
	list      []column
	at        map[string]int
	left      map[string]bool   // for which there is no room
	instances map[string]string // by target
}

type column struct{ server, name, address string }

func newColumns(rows []heldRow) *columns {
	c := &columns{at: map[string]int{}, left: map[string]bool{}, instances: instances(rows)}
	for _, row := range rows {
		c.add(column{row.Instance, row.Location, ""})
	}
	measuring := len(c.list)
	for _, row := range rows {
		for i := range row.Cells {
			cell := &row.Cells[i]
			c.add(column{c.server(cell), cell.Location, cell.address()})
		}
	}
	slices.SortStableFunc(c.list[measuring:], func(a, b column) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.address, b.address))
	})
	for i, column := range c.list {
		c.at[column.server] = i
	}
	return c
}

func (c *columns) add(one column) {
	at, known := c.at[one.server]
	switch {
	case known && c.list[at].address == "":
		c.list[at].address = one.address
	case known:
	case len(c.list) >= mostServers:
		c.left[one.server] = true
	default:
		c.at[one.server] = len(c.list)
		c.list = append(c.list, one)
	}
}

func (c *Cell) address() string {
	t := Target{URL: c.URL}
	if c.IP != "" {
		return t.host() + " at " + c.IP
	}
	return t.host()
}

// names are the columns', with the address of those that are called the same.
func (c *columns) names() []string {
	count := map[string]int{}
	for _, column := range c.list {
		count[column.name]++
	}
	names := make([]string, len(c.list))
	for i, column := range c.list {
		names[i] = column.name
		if count[column.name] > 1 && column.address != "" {
			names[i] = column.name + " (" + column.address + ")"
		}
	}
	return names
}

// ids tell servers apart in links. They are short, since the page has one for each cell, and keyed, so that no peer can choose one.
func (c *columns) ids(seed maphash.Seed) []string {
	ids := make([]string, len(c.list))
	for i, column := range c.list {
		ids[i] = strconv.FormatUint(maphash.String(seed, column.server), 36)
	}
	return ids
}
