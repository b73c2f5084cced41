package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/sockets"
)

// Counting keeps a processor busy, so only so many requests do it at once; others wait.
const mostCounts = 2

// socketsHandler tells this host's socket table, as package sockets counts it.
type socketsHandler struct {
	timeout time.Duration
	places  chan struct{}
}

func newSocketsHandler(timeout time.Duration) http.Handler {
	return &socketsHandler{timeout, make(chan struct{}, mostCounts)}
}

// ServeHTTP implements http.Handler.
func (h *socketsHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	var query sockets.Query
	if err == nil {
		query, err = sockets.ParseQuery(values)
	}
	if err != nil {
		failJSON(w, http.StatusBadRequest, err)
		return
	}
	table, err := h.count(r.Context(), query)
	if err != nil {
		failJSON(w, statusOf(err), err)
		return
	}
	writeJSON(w, http.StatusOK, table)
}

func (h *socketsHandler) count(ctx context.Context, query sockets.Query) (sockets.Table, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	case <-ctx.Done():
		return sockets.Table{}, errBusy
	}
	return sockets.Count(ctx, query) //nolint:wrapcheck // says what was counted
}

var errBusy = errors.New("too many requests count sockets at this moment: ask less often")

// statusOf is the HTTP status for an error of package sockets.
func statusOf(err error) int {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return http.StatusNotFound
	case errors.Is(err, fs.ErrPermission):
		return http.StatusForbidden
	case errors.Is(err, errors.ErrUnsupported):
		return http.StatusNotImplemented
	case errors.Is(err, errBusy), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func failJSON(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // fails only if the client is gone
}
