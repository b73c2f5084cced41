package options

import (
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/limits"
)

// Need is what the call asks of this machine, with so many connections open at once.
func (c *Call) Need(atOnce int64) limits.Need {
	need := limits.Need{ // #nosec G115 -- none is negative
		Connections: uint64(max(atOnce, 1)), Targets: uint64(len(c.Targets)), Ports: c.Plan.Sources.Ports.Count(), Packets: c.Plan.KernelBypass,
	}
	if pool := c.Plan.Sources.Pool; pool != nil {
		need.Sources, need.From = pool.Size(), pool
	}
	return need
}

// AtOnce is how many connections a flood has open at once, at most: it needs no more than its concurrency.
func (f *Flood) AtOnce() int64 {
	concurrency := int64(f.Plan.Concurrency)
	if concurrency == 0 {
		concurrency = connect.DefaultConcurrency
	}
	return min(concurrency, max(f.Plan.Connections, 1))
}
