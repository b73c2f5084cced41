package server

import (
	"sync"
	"sync/atomic"
)

// Stats are totals since the server's start, except Active and Pending.
type Stats struct {
	ListenerStats       // of the responder
	Replies       int64 // host names written to TCP connections
	Dropped       int64 // answers not written in full, because the client does not read or is gone

	// Of the echo and of the HTTP listener, which the above do not count.
	Echo EchoStats
	HTTP HTTPStats
}

// EchoStats are those of the echo.
type EchoStats struct {
	ListenerStats
	Sent int64 // bytes written to TCP connections
}

// ListenerStats are those of what is accepted and received.
type ListenerStats struct {
	Accepted int64 // TCP connections served
	Active   int64 // of these, open now
	Refused  int64 // TCP connections closed at once: over MaxConnections, or no file descriptor left
	TimedOut int64 // TCP connections closed after IdleTimeout
	// HeaderErrors are TCP connections closed because they did not begin with a PROXY header (ProxyProtocol).
	HeaderErrors int64
	Received     int64 // bytes read from TCP connections

	Datagrams         int64 // UDP datagrams received
	DatagramsAnswered int64
}

func (s *ListenerStats) add(c *counters) {
	left := c.left.Load() // before accepted, so that Active is never below 0
	accepted := c.accepted.Load()
	s.Accepted += accepted
	s.Active += accepted - left
	s.Refused += c.refused.Load()
	s.TimedOut += c.timedOut.Load()
	s.HeaderErrors += c.headerErrors.Load()
	s.Received += c.received.Load()
	s.Datagrams += c.datagrams.Load()
	s.DatagramsAnswered += c.datagramsAnswered.Load()
}

// HTTPStats are those of the HTTP listener.
type HTTPStats struct {
	Accepted int64 // connections served
	Active   int64 // of these, open now
	Refused  int64 // connections closed at once: over MaxConnections
	Dropped  int64 // connections without a request that had to make room for others at MaxConnections
	Pending  int64 // requests that the slow listener has now
	Served   int64 // requests that it has answered
}

// counters are those of one loop or goroutine, so that counting does not make processors share memory.
type counters struct {
	accepted, left, refused, timedOut atomic.Int64
	replies, dropped, received, sent  atomic.Int64
	datagrams, datagramsAnswered      atomic.Int64
	headerErrors                      atomic.Int64
	_                                 [64]byte
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

// responder returns the totals of a tally as the responder's.
func (t *tally) responder() (s Stats) {
	t.each(func(c *counters) {
		s.add(c)
		s.Replies += c.replies.Load()
		s.Dropped += c.dropped.Load()
	})
	return s
}

// echo returns the totals of a tally as the echo's.
func (t *tally) echo() (s EchoStats) {
	t.each(func(c *counters) {
		s.add(c)
		s.Sent += c.sent.Load()
	})
	return s
}

func (t *tally) each(add func(*counters)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.parts {
		add(c)
	}
}
