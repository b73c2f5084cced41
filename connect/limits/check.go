package limits

import (
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
)

// Need is what a test asks of this machine.
type Need struct {
	Connections uint64    // open at once
	Sources     uint64    // different source addresses; 0 counts as 1
	From        Addresses // these, if they are not the system's choice
	Ports       uint64    // fixed source ports; 0 leaves them to the system
	Targets     uint64    // different target addresses and ports; 0 counts as 1
	Rate        uint64    // connects a second
	Packets     bool      // by the packet driver, whose connections have no descriptor, no socket and no port of the kernel's choice
}

// Check is one thing that may limit a test.
type Check struct {
	Name   string `json:"name"`
	Value  uint64 `json:"value"`
	Needed uint64 `json:"needed"`
	OK     bool   `json:"ok"`
	Fix    string `json:"fix"` // the command that raises the limit, if it is too low; or what is used in place of what is missing

	present bool // 1 means that it is there, 0 that it is not
}

// String says what there is, and if that is too little, what to do.
func (c Check) String() string {
	switch {
	case c.OK && c.present && c.Needed == 0:
		return c.Name + ": missing; " + c.Fix
	case c.OK && c.present:
		return c.Name + ": present"
	case c.Name == memoryName: // numbers of ten digits are hard to read
		c.Name, c.Value, c.Needed = "available memory in MiB", c.Value>>20, c.Needed>>20+1
		return c.String()
	case c.OK:
		return fmt.Sprintf("%s: %d, of which %d are needed", c.Name, c.Value, c.Needed)
	case c.present:
		return fmt.Sprintf("%s: missing; %s", c.Name, c.Fix)
	}
	return fmt.Sprintf("%s: %d, but %d are needed; %s", c.Name, c.Value, c.Needed, c.Fix)
}

// memoryName is the name of a check that programs read, too.
const memoryName = "available memory in bytes"

const (
	// descriptorReserve is what k6 itself needs: its outputs, files, event loops.
	descriptorReserve = 100
	// Kernel memory of a TCP connection: two sockets' structures, where both ends are on this host.
	bytesPerConnection = 8 << 10
	// Memory of a connection of the packet driver's, which is all in this process, at its peak: when all are closed at once.
	packetsBytesPerConnection = 112
	// Processor time of a connect, answer and close at this end, in microseconds, by a k6 script with all metrics: docs/scale.md.
	socketsMicroseconds, packetsMicroseconds = 26, 13
)

// Preflight compares what a test needs with what this machine allows. Limits that this system does not tell are left out.
func Preflight(n Need) []Check {
	n.Sources, n.Targets = max(n.Sources, 1), max(n.Targets, 1)
	if n.Packets {
		return slices.Concat(PacketDriver(), packetTuples(n), memory(n, packetsBytesPerConnection), processors(n, packetsMicroseconds))
	}
	descriptors := n.Connections + descriptorReserve
	first := check("file descriptors", Descriptors(), descriptors,
		fmt.Sprintf("ulimit -n %d (LimitNOFILE= of a service; /etc/security/limits.conf), or several processes", descriptors))
	return slices.Concat([]Check{first}, sourceCheck(n), tupleChecks(n), systemChecks(n), memory(n, bytesPerConnection), processors(n, socketsMicroseconds))
}

func memory(n Need, each uint64) []Check {
	available, ok := availableMemory()
	if !ok {
		return nil
	}
	return []Check{check(memoryName, available, saturatingProduct(n.Connections, each), "fewer connections, a larger machine, or several")}
}

// processors tells whether this machine can make so many connects a second, if another one answers them.
func processors(n Need, microseconds float64) []Check {
	if n.Rate == 0 {
		return nil
	}
	const microsecondsPerSecond = 1e6
	needed := math.Ceil(float64(n.Rate) * microseconds / microsecondsPerSecond)
	return []Check{check("processors, by measured connects", uint64(runtime.NumCPU()), uint64(needed), // #nosec G115 -- neither is negative
		"a lower rate, a larger machine, or several instances (docs/how-to/many-machines.md)")}
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

// packetTuples is tupleChecks of the packet driver, which by itself chooses ports from 1024 up.
func packetTuples(n Need) []Check {
	if n.Ports == 0 {
		const ports = 65536 - 1024
		n.Ports = ports
	}
	return tupleChecks(n)
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

// presence is the check of something that is there, or not.
func presence(name string, value uint64, fix string) Check {
	c := check(name, value, 1, fix)
	c.present = true
	return c
}

func check(name string, value, needed uint64, fix string) Check {
	return Check{Name: name, Value: value, Needed: needed, OK: value >= needed, Fix: fix}
}
