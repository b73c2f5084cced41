package server

import "github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"

const (
	// Descriptors kept for what is not a connection: listeners, loops, the probe's clients, log files.
	reserve = 512
	// No more connections than this by default, however high the limit of descriptors: some systems have none.
	mostEver = 4 << 20
)

// mostConnections is how many connections the limit of file descriptors leaves room for.
func mostConnections() int {
	limit := limits.Descriptors()
	if limit > mostEver+reserve {
		return mostEver
	}
	// A limit so low that the reserve would take most of it is shared half and half.
	return max(1, int(limit)-min(reserve, int(limit)/2)) // #nosec G115 -- limit is below mostEver+reserve
}

// mostProbes is how many connections the probe has at once, unless the limit of file descriptors is low.
const mostProbes = 128

// probeConnections is how many connections the probe may have: a part of what mostConnections sets aside.
func probeConnections() int {
	return int(min(mostProbes, max(1, limits.Descriptors()/8))) // #nosec G115 -- at most mostProbes
}
