package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/server/lines"
)

// slowListener is Orion's: it lets each request wait, then reads its body and answers OK. So many clients hold their
// connections at once, and go to CLOSE_WAIT together when it has answered and closes.
type slowListener struct {
	*httpService
	options  *Options
	received atomic.Int64
	once     sync.Once
	first    chan struct{} // closed with the first request
}

func newSlowListener(h *httpService) *slowListener {
	return &slowListener{httpService: h, options: &h.server.options, first: make(chan struct{})}
}

// ServeHTTP implements http.Handler.
func (s *slowListener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(func() { close(s.first) })
	counters := &s.server.http
	counters.pending.Add(1)
	defer counters.pending.Add(-1)
	stayed := s.wait(r.Context())
	s.limit(w)
	if !stayed {
		panic(http.ErrAbortHandler) // nobody reads an answer
	}
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, httpBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		http.Error(w, fmt.Sprintf("the body has more than %d bytes", httpBody), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		panic(http.ErrAbortHandler) // has left, or is too slow
	}
	s.received.Add(1)
	counters.served.Add(1)
	if s.options.HTTPClose {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "OK")
}

// wait returns false if the client leaves, which shows only if its request has no body that is not read, or the server ends.
func (s *slowListener) wait(client context.Context) bool {
	if s.options.HTTPDelay == 0 {
		return true
	}
	delay := time.NewTimer(s.options.HTTPDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
		return true
	case <-client.Done():
	case <-s.ending.Done():
	}
	return false
}

// report prints the requests so far, and their rate since the line before. Unless an interval was asked for, it begins
// with the first request.
func (s *slowListener) report() {
	every := s.options.HTTPStats
	if every < 0 || s.options.HTTPOutput == nil {
		return
	}
	if every == 0 {
		every = DefaultHTTPStats
		select {
		case <-s.first:
		case <-s.ending.Done():
			return
		}
	}
	out := lines.New(s.options.HTTPOutput)
	defer out.Stop()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last, since := int64(0), time.Now()
	for {
		select {
		case <-ticker.C:
		case <-s.ending.Done():
			return
		}
		received, now := s.received.Load(), time.Now()
		rate := math.Round(float64(received-last) / now.Sub(since).Seconds())
		out.Print(fmt.Sprintf("Received  %d Rate %.0f r/s\n", received, rate))
		last, since = received, now
	}
}
