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
