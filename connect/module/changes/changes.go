// Package changes keeps the changes of backends that were announced in this process. They come from scripts, and over HTTP from outside.
package changes

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/module/options"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/quote"
)

// Log has the changes in the order in which they were announced. The zero value is empty. Its methods may be called by several goroutines.
type Log struct {
	mu    sync.Mutex
	list  []Announced
	fresh int // how many at the end of the list News has not returned
}

// Announced is a change, and when it was announced.
type Announced struct {
	*options.Change
	At time.Time
}

// most bounds how many are kept: the last ones.
const most = 10_000

// Announce adds a change.
func (l *Log) Announce(o *options.Change, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == most {
		l.list = slices.Clone(l.list[1:])
	}
	l.list = append(l.list, Announced{o, at})
	l.fresh = min(l.fresh+1, most)
}

// News returns the changes since it was last called.
func (l *Log) News() []Announced {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := slices.Clone(l.list[len(l.list)-l.fresh:])
	l.fresh = 0
	return fresh
}

// During returns the changes that a call may have felt, in its own time.
func (l *Log) During(start time.Time, length time.Duration) []connect.Change {
	l.mu.Lock()
	defer l.mu.Unlock()
	var felt []connect.Change
	for _, a := range l.list {
		if at := a.At.Sub(start); at <= length && at+a.Within >= 0 {
			felt = append(felt, connect.Change{Text: a.Text, Time: at, Within: a.Within, Hosts: a.Hosts})
		}
	}
	return felt
}

// request is what an announcement looks like.
const request = "want POST /change?text=…&hosts=web-1,web-2&within=10s"

// maxBody is how many bytes of a form are read, maxName how many of a wrong parameter's name are told.
const (
	maxBody = 64 << 10
	maxName = 100
)

// ServeHTTP takes announcements from outside, whose parameters are in the URL or in a form. A misspelt one is an error: without its hosts, a change would
// excuse the losses of all. It implements http.Handler.
func (l *Log) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, request, http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		http.Error(w, fmt.Sprintf("the parameters can't be read: %v; %s", err, request), http.StatusBadRequest)
		return
	}
	for name := range r.Form {
		if name != "text" && name != "hosts" && name != "within" {
			http.Error(w, fmt.Sprintf("parameter %s is unknown; %s", quote.Text(name, maxName), request), http.StatusBadRequest)
			return
		}
	}
	given := map[string]any{}
	if within := r.Form.Get("within"); within != "" {
		given["within"] = within
	}
	if hosts := r.Form["hosts"]; len(hosts) > 0 {
		var list []any
		for host := range strings.SplitSeq(strings.Join(hosts, ","), ",") {
			list = append(list, host)
		}
		given["hosts"] = list
	}
	o, err := options.ParseChange(r.Form.Get("text"), given)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.Announce(o, time.Now())
	w.WriteHeader(http.StatusNoContent)
}
