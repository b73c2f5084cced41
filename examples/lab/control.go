//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// control lets scripts change the backends while they run, over HTTP on the client's loopback interface:
//
//	POST /remove?backend=3     and drain, add, kill, restart; backend=all is each of them
//	POST /drop?percent=5       of all packets, 0 to end that
//	POST /fault                breaks what the lab is asked to break, if anything
//	POST /places               the backend's number at each place of the load balancer's table, null if it has none
//	POST /connections          those that the load balancer remembers
//	POST /busy                 the machine is too busy for the script, which ends
//	POST /row                  a row of the table, as JSON
type control struct {
	lab    *lab
	server http.Server
	url    string
	ended  chan struct{}
}

func startControl(l *lab) (*control, error) {
	listener, err := l.network.client.listen("127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the lab's HTTP endpoint: %w", err)
	}
	c := &control{lab: l, url: "http://" + listener.Addr().String(), ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /drop", c.drop)
	mux.HandleFunc("POST /fault", c.fault)
	mux.HandleFunc("POST /places", func(w http.ResponseWriter, _ *http.Request) { show(w, l.places) })
	mux.HandleFunc("POST /connections", func(w http.ResponseWriter, _ *http.Request) { show(w, l.connections) })
	mux.HandleFunc("POST /busy", func(w http.ResponseWriter, _ *http.Request) {
		l.busy.Store(true)
		done(w, nil)
	})
	mux.HandleFunc("POST /row", c.row)
	for name, o := range operations {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) { c.operate(w, r, o) })
	}
	c.server = http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go c.serve(listener)
	return c, nil
}

func (c *control) serve(listener net.Listener) {
	defer close(c.ended)
	_ = c.server.Serve(listener) // until close
}

func (c *control) close() {
	_ = c.server.Close()
	<-c.ended
}

func (c *control) operate(w http.ResponseWriter, r *http.Request, o operation) {
	backends := c.lab.network.backends
	if which := r.FormValue("backend"); which != "all" {
		number, err := strconv.Atoi(which)
		if err != nil || number < 1 || number > len(backends) {
			http.Error(w, fmt.Sprintf("backend %q: want all, or a number from 1 to %d", which, len(backends)), http.StatusBadRequest)
			return
		}
		backends = backends[number-1 : number]
	}
	done(w, c.lab.do(o, backends))
}

func (c *control) drop(w http.ResponseWriter, r *http.Request) {
	percent, err := strconv.Atoi(r.FormValue("percent"))
	if err != nil || percent < 0 || percent > 100 {
		http.Error(w, fmt.Sprintf("percent %q: want a number from 0 to 100", r.FormValue("percent")), http.StatusBadRequest)
		return
	}
	done(w, c.lab.network.drop(percent))
}

func (c *control) fault(w http.ResponseWriter, _ *http.Request) { done(w, c.lab.inject()) }

// show answers with JSON.
func show(w http.ResponseWriter, what func() ([]byte, error)) {
	text, err := what()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(text)
}

func (c *control) row(w http.ResponseWriter, r *http.Request) {
	var row row
	if err := json.NewDecoder(r.Body).Decode(&row); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.lab.tell(row)
	done(w, nil)
}

func done(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
