package limits

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Need is what a test asks of this machine.
type Need struct {
	Connections uint64 // open at once
	Sources     uint64 // different source addresses; 0 counts as 1
	Ports       uint64 // fixed source ports; 0 leaves them to the system
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
	return slices.Concat([]Check{first}, tupleChecks(n), systemChecks(n))
}

// tupleChecks tells how many connections fixed source ports are enough for, on any system. Sources, ports and targets are all used
// in turn (see source.Sequence), so two of them with a common divisor do not meet in every combination.
func tupleChecks(n Need) []Check {
	if n.Ports == 0 {
		return nil
	}
	tuples := leastCommonMultiple(saturatingProduct(n.Sources, n.Ports), n.Targets)
	return []Check{check("different combinations of source, source port and target", tuples, n.Connections,
		"a wider range of sourcePorts, more source addresses, or fewer connections")}
}

func leastCommonMultiple(a, b uint64) uint64 {
	divisor, rest := a, b
	for rest != 0 {
		divisor, rest = rest, divisor%rest
	}
	return saturatingProduct(a/divisor, b)
}

func saturatingProduct(factors ...uint64) uint64 {
	product := uint64(1)
	for _, f := range factors {
		high, low := bits.Mul64(product, f)
		if high > 0 {
			return math.MaxUint64
		}
		product = low
	}
	return product
}

func check(name string, value, needed uint64, fix string) Check {
	return Check{Name: name, Value: value, Needed: needed, OK: value >= needed, Fix: fix}
}
