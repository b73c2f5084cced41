package rules

// PacketCounts counts what happens to packets and sessions.
type PacketCounts struct {
	Connected, Reconnected, Lost, Moved int64       // connections, and sessions
	Sent, Received, Dropped, Corrupted  int64       // packets
	Foreign                             int64       // datagrams that are no echo of what was sent
	GaveUp                              int64       // sessions that are not dialed any more
	BySize                              []SizeCount // packets, in the order of their sizes' turns
}

// take takes over what another one has counted.
func (c *PacketCounts) take(from *PacketCounts) {
	c.Connected += from.Connected
	c.Reconnected += from.Reconnected
	c.Lost += from.Lost
	c.Moved += from.Moved
	c.Sent += from.Sent
	c.Received += from.Received
	c.Dropped += from.Dropped
	c.Corrupted += from.Corrupted
	c.Foreign += from.Foreign
	c.GaveUp += from.GaveUp
	for i, n := range from.BySize {
		c.BySize[i].Sent += n.Sent
		c.BySize[i].Received += n.Received
	}
	clear(from.BySize)
	*from = PacketCounts{BySize: from.BySize}
}
