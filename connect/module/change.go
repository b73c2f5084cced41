package module

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/sobek"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
)

// change is change(text, options) of the JS API: it announces that the backends change now.
func (i *instance) change(text, opts sobek.Value) {
	if i.vu.State() == nil {
		i.throw("change", fmt.Errorf("change() %w", errInitContext))
	}
	o, err := options.ParseChange(i.exported(text), i.exported(opts))
	if err != nil {
		i.throw("change", err)
	}
	i.root.changes.announce(o, time.Now())
}

// ServeHTTP takes announcements from outside: POST /change?text=…&hosts=web-1,web-2&within=10s. It implements http.Handler.
func (c *changes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "want POST /change?text=…&hosts=web-1,web-2&within=10s", http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	given := map[string]any{}
	if within := query.Get("within"); within != "" {
		given["within"] = within
	}
	if hosts := query["hosts"]; len(hosts) > 0 {
		var list []any
		for host := range strings.SplitSeq(strings.Join(hosts, ","), ",") {
			list = append(list, host)
		}
		given["hosts"] = list
	}
	o, err := options.ParseChange(query.Get("text"), given)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.announce(o, time.Now())
	w.WriteHeader(http.StatusNoContent)
}

// changes are those that were announced in this process, by any VU.
type changes struct {
	mu   sync.Mutex
	list []announced
}

type announced struct {
	*options.Change
	at time.Time
}

// maxChanges bounds how many are kept: the last ones.
const maxChanges = 10_000

func (c *changes) announce(o *options.Change, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == maxChanges {
		c.list = slices.Clone(c.list[1:])
	}
	c.list = append(c.list, announced{o, at})
}

// during returns the changes that a call may have felt, in its own time.
func (c *changes) during(start time.Time, length time.Duration) []connect.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	var felt []connect.Change
	for _, a := range c.list {
		if at := a.at.Sub(start); at <= length && at+a.Within >= 0 {
			felt = append(felt, connect.Change{Text: a.Text, Time: at, Within: a.Within, Hosts: a.Hosts})
		}
	}
	return felt
}
