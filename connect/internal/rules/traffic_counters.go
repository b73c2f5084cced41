package rules

import "sync/atomic"

// PacketCounts counts what happens to packets and sessions.
type PacketCounts struct {
	Connected, Reconnected, Lost, Moved int64 // connections, and sessions
	Sent, Received, Dropped, Corrupted  int64 // packets
	GaveUp                              int64 // sessions that are not dialed any more
}

// trafficCounters count packets and sessions of a call. They are monotonic.
type trafficCounters struct {
	connected, reconnected, lost, moved, gaveUp atomic.Int64
	sent, received, dropped, corrupted          atomic.Int64
}

// count adds to the counters, and starts the counts anew.
func (c *trafficCounters) count(n *PacketCounts) {
	if *n == (PacketCounts{}) {
		return
	}
	for _, of := range []struct {
		counter *atomic.Int64
		n       int64
	}{
		{&c.connected, n.Connected},
		{&c.reconnected, n.Reconnected},
		{&c.lost, n.Lost},
		{&c.moved, n.Moved},
		{&c.gaveUp, n.GaveUp},
		{&c.sent, n.Sent},
		{&c.received, n.Received},
		{&c.dropped, n.Dropped},
		{&c.corrupted, n.Corrupted},
	} {
		if of.n != 0 {
			of.counter.Add(of.n)
		}
	}
	*n = PacketCounts{}
}

// now reads the counters: what comes later in a life is read first, so that no difference of two is negative.
func (c *trafficCounters) now() (n PacketCounts) {
	n.Lost = c.lost.Load()
	n.Moved = c.moved.Load()
	n.Reconnected = c.reconnected.Load()
	n.Connected = c.connected.Load()
	n.GaveUp = c.gaveUp.Load()
	n.Corrupted = c.corrupted.Load()
	n.Received = c.received.Load()
	n.Dropped = c.dropped.Load()
	n.Sent = c.sent.Load()
	return n
}
