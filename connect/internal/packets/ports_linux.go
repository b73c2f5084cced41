package packets

import (
	"fmt"
	"os"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

const (
	firstPort = 1024 // below, ports are for servers
	lastPort  = 65535
)

// turns gives each connection a turn, by its number, which chooses its port. Sources are used in turn, so all connections of one round of
// sources have the same turn.
type turns struct {
	begun uint64 // numbers below were dialed
	again uint64 // dials of connections that were dialed before
}

// of returns a connection's turn. A connection that is dialed again gets another port each time: connection tables on the way still know
// where the last one went, which may be why it is dialed again.
func (t *turns) of(number, sources uint64) uint64 {
	if number < t.begun {
		t.again++
		return number/sources + t.again
	}
	t.begun = number + 1
	return number / sources
}

// choosePorts returns the source ports to choose from when a call names none: with an address of this host those that the kernel does not
// give to its own connections, else all from 1024 up.
func choosePorts(own bool) []source.Ports {
	var first, last uint16
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range") // of IPv6, too
	if err == nil {
		_, err = fmt.Sscan(string(text), &first, &last)
	}
	if !own || err != nil {
		return []source.Ports{{First: firstPort, Last: lastPort}}
	}
	return portsWithout(first, last)
}

// portsWithout returns the ports outside a range, or all if there is none.
func portsWithout(first, last uint16) []source.Ports {
	if first <= firstPort && last == lastPort {
		return []source.Ports{{First: firstPort, Last: lastPort}}
	}
	var free []source.Ports
	if first > firstPort {
		free = append(free, source.Ports{First: firstPort, Last: first - 1})
	}
	if last < lastPort {
		free = append(free, source.Ports{First: max(last+1, firstPort), Last: lastPort})
	}
	return free
}

// portAt returns a port of several ranges, counted around.
func portAt(ranges []source.Ports, n uint64) uint16 {
	n %= countPorts(ranges)
	for _, r := range ranges {
		if n < r.Count() {
			return r.First + uint16(n) // #nosec G115 -- within the range
		}
		n -= r.Count()
	}
	return 0
}

func countPorts(ranges []source.Ports) (n uint64) {
	for _, r := range ranges {
		n += r.Count()
	}
	return n
}
