package connect

import "sync/atomic"

// trafficJob is what a job of traffic has besides.
type trafficJob struct {
	TrafficPlan
	echoes   outbox[Echo]
	counters trafficCounters
}

// trafficSteps is what has happened to packets and flows since a writer added to the counters last.
type trafficSteps struct {
	connected, reconnected, lost, moved int64 // connections, and flows
	sent, received, dropped             int64 // packets
}

// trafficCounters count packets and flows of a call. They only grow.
type trafficCounters struct {
	connected, reconnected, lost, moved atomic.Int64
	sent, received, dropped             atomic.Int64

	gaveUp atomic.Int64 // flows that are not dialled any more
}

// count adds to the counters, and starts the steps anew.
func (c *trafficCounters) count(s *trafficSteps) {
	if *s == (trafficSteps{}) {
		return
	}
	addIf(&c.connected, s.connected)
	addIf(&c.reconnected, s.reconnected)
	addIf(&c.lost, s.lost)
	addIf(&c.moved, s.moved)
	addIf(&c.sent, s.sent)
	addIf(&c.received, s.received)
	addIf(&c.dropped, s.dropped)
	*s = trafficSteps{}
}

// now reads the counters: what comes later in a life is read first, so that no difference of two is negative.
func (c *trafficCounters) now() (s trafficSteps) {
	s.lost = c.lost.Load()
	s.moved = c.moved.Load()
	s.reconnected = c.reconnected.Load()
	s.connected = c.connected.Load()
	s.received = c.received.Load()
	s.dropped = c.dropped.Load()
	s.sent = c.sent.Load()
	return s
}
