package epoll

import (
	"fmt"
	"os"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/internal/engine"
)

// mayBeOwn reports whether a socket of the job may have the target's port itself: then, where nothing listens on a port of this host, the
// system may connect the socket to itself.
func mayBeOwn(j *engine.Job, port uint16) bool {
	if ports := j.Plan.Sources.Ports; ports.Count() > 0 {
		return ports.First <= port && port <= ports.Last
	}
	var first, last uint16
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range") // of IPv6, too
	if err != nil {
		return true
	}
	if _, err := fmt.Sscan(string(text), &first, &last); err != nil {
		return true
	}
	return first <= port && port <= last
}
