package server

import (
	"sync"
	"sync/atomic"
)

// Stats are totals since the server's start, except Active and Pending.
type Stats struct {
	Accepted int64 // TCP connections served
	Active   int64 // of these, open now
	Refused  int64 // TCP connections closed at once: over MaxConnections, or no file descriptor left
	TimedOut int64 // TCP connections closed after IdleTimeout

	Replies  int64 // host names written to TCP connections
	Dropped  int64 // answers not written in full, because the client does not read or is gone
	Received int64 // bytes read from TCP connections

	Datagrams         int64 // UDP datagrams received
	DatagramsAnswered int64

	HTTP HTTPStats // of the HTTP listener, which the above do not count
}

// HTTPStats are those of the HTTP listener.
type HTTPStats struct {
	Accepted int64 // connections served
	Active   int64 // of these, open now
	Refused  int64 // connections closed at once: over MaxConnections
	Pending  int64 // requests that the slow listener has now
	Served   int64 // requests that it has answered
}

// counters are those of one loop or goroutine, so that counting does not make processors share memory.
type counters struct {
	accepted, refused, timedOut  atomic.Int64
	replies, dropped, received   atomic.Int64
	datagrams, datagramsAnswered atomic.Int64
	_                            [64]byte
}

// tally adds up the counters of all loops and goroutines.
type tally struct {
	mu    sync.Mutex
	parts []*counters
}

func (t *tally) newPart() *counters {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := new(counters)
	t.parts = append(t.parts, c)
	return c
}

func (t *tally) total() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	var s Stats
	for _, c := range t.parts {
		s.Accepted += c.accepted.Load()
		s.Refused += c.refused.Load()
		s.TimedOut += c.timedOut.Load()
		s.Replies += c.replies.Load()
		s.Dropped += c.dropped.Load()
		s.Received += c.received.Load()
		s.Datagrams += c.datagrams.Load()
		s.DatagramsAnswered += c.datagramsAnswered.Load()
	}
	return s
}
