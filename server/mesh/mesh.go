package mesh

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/lines"
)

// A Mesh is a server's view of its peers. It is an http.Handler for "/" and "/v1…", and a prometheus.Collector.
type Mesh struct {
	options  Options
	instance string // tells this run of this server from all others
	start    time.Time
	output   output
	list     list
	changed  chan struct{} // the list is to be saved
	lock     *stateLock    // of the state file; nil without
	matrix   *matrix
	lists    chan struct{} // has one for each of the peers' lists that is being read
	sheets   sheets
	routes   map[string]methods
	pingBody []byte
	requests atomic.Int64

	ctx   context.Context // of everything that pings
	end   context.CancelFunc
	tasks sync.WaitGroup
	stop  sync.Once
}

// Start begins to ping. A wrong option is an *OptionError.
func Start(options Options) (*Mesh, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	m := &Mesh{options: options, instance: rand.Text(), start: time.Now(), changed: make(chan struct{}, 1), lists: make(chan struct{}, listers)}
	m.matrix = newMatrix(m)
	m.sheets = newSheets(m)
	m.routes = m.newRoutes()
	m.pingBody = pingBody(options.Location)
	m.list.init(m.instance, options.MaxPeers)
	before := &state{}
	if options.State != "" {
		var err error
		if before, err = m.takeState(); err != nil {
			return nil, &OptionError{"State", options.State, err.Error()}
		}
	}
	m.ctx, m.end = context.WithCancel(context.Background())
	m.output = output{lines.New(options.Output)}
	if err := m.begin(before); err != nil {
		m.Stop()
		return nil, err
	}
	return m, nil
}

func (m *Mesh) begin(before *state) error {
	for _, t := range before.Deleted {
		m.list.leaveOut(t.key(), absence{})
	}
	// One time for all, since a server has to start even when DNS is silent. What is not known then is checked with each ping.
	ctx, cancel := context.WithTimeout(m.ctx, resolveTimeout)
	defer cancel()
	for _, t := range m.options.Peers {
		if err := m.add(ctx, newcomer{Target: t, from: asked}); err != nil && !isKnown(err) {
			return &OptionError{"Peers", t.URL, err.Error()}
		}
		m.tasks.Go(func() { m.lookOut(t) })
	}
	m.resume(ctx, before.Peers)
	for _, t := range m.options.Discover {
		if err := t.complete(&m.options); err != nil {
			return &OptionError{"Discover", t.URL, err.Error()}
		}
		m.tasks.Go(func() { m.discover(t) })
	}
	if err := m.startSaving(); err != nil {
		return &OptionError{"State", m.options.State, err.Error()}
	}
	return nil
}

// Stop ends all pings, prints the averages, saves the list and waits for every goroutine. Requests are answered after it, too,
// but the list does not change any more.
func (m *Mesh) Stop() {
	m.list.close()
	m.end()
	m.tasks.Wait()
	m.stop.Do(func() {
		m.output.Stop()
		m.lock.release()
	})
}

// ServeHTTP implements http.Handler.
func (m *Mesh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests.Add(1)
	route, ok := m.routes[r.URL.Path]
	if !ok {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.Error(w, "no such page: the mesh is at /, its API at /v1", http.StatusNotFound)
		return
	}
	route.ServeHTTP(w, r)
}

// header is what answers to pings tell other servers of the same kind.
func (m *Mesh) header() string { return fmt.Sprintf("%s %d", m.instance, m.list.revision.Load()) }
