package limits

import (
	"fmt"
	"slices"
)

// Need is what a test asks of this machine.
type Need struct {
	Connections uint64 // open at once
	Sources     uint64 // different source addresses; 0 counts as 1
	Targets     uint64 // different target addresses and ports; 0 counts as 1
}

// Check is one thing that may limit a test.
type Check struct {
	Name   string `json:"name"`
	Value  uint64 `json:"value"`
	Needed uint64 `json:"needed"`
	OK     bool   `json:"ok"`
	Fix    string `json:"fix"` // the command that raises the limit, if it is too low
}

// String says what is lacking, and what to do.
func (c Check) String() string {
	return fmt.Sprintf("%s: %d, but %d are needed; %s", c.Name, c.Value, c.Needed, c.Fix)
}

const (
	// descriptorReserve is what k6 itself needs: its outputs, files, event loops.
	descriptorReserve = 100
	// Kernel memory of a TCP connection: two sockets' structures, where both ends are on this host.
	bytesPerConnection = 8 << 10
)

// Preflight compares what a test needs with what this machine allows. Limits that this system does not tell are left out.
func Preflight(n Need) []Check {
	n.Sources, n.Targets = max(n.Sources, 1), max(n.Targets, 1)
	descriptors := n.Connections + descriptorReserve
	first := check("file descriptors", Descriptors(), descriptors,
		fmt.Sprintf("ulimit -n %d (LimitNOFILE= of a service; /etc/security/limits.conf), or several processes", descriptors))
	return slices.Concat([]Check{first}, systemChecks(n))
}

func check(name string, value, needed uint64, fix string) Check {
	return Check{Name: name, Value: value, Needed: needed, OK: value >= needed, Fix: fix}
}
