package options

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Capacity is what a script asks of capacity().
type Capacity struct {
	Call
	Step     int64
	Patience time.Duration
}

// ParseCapacity checks the arguments of capacity().
func ParseCapacity(target, options any) (*Capacity, error) {
	c := &Capacity{}
	if err := c.parse(target, options, c.table(), c.settle); err != nil {
		return nil, fmt.Errorf("capacity(): %w", err)
	}
	plan := c.With(c.Plan)
	c.Most, c.Limit = plan.Most(), plan.TimeLimit()
	return c, nil
}

// With is the plan of the call, whose part that all calls have is p.
func (c *Capacity) With(p connect.Plan) connect.CapacityPlan {
	return connect.CapacityPlan{Plan: p, Step: c.Step, Patience: c.Patience}
}

// settle checks options that can't do without a payload.
func (c *Capacity) settle() error {
	switch {
	case c.Plan.Payload != nil:
		return nil
	case c.Plan.Protocol() == "udp":
		return fmt.Errorf("option \"network\": got '%s' without payload; want payload: 'Hello' or the like with it, since UDP has no connections, and only answers tell of a peer", c.Plan.Network)
	case c.Plan.Reply != nil:
		return errors.New("option \"reply\": got one without payload; want payload with it, since it judges the answer to that")
	}
	return nil
}

func (c *Capacity) table() map[string]setter {
	return c.setters(map[string]setter{
		"step":     whole(&c.Step, 1, connect.MaxConnections),
		"patience": duration(&c.Patience),
		"reply":    answer(&c.Plan.Reply),
		"expect": expect(&c.Expect, "{connections: 10000}", []string{verdicts.Complete, verdicts.Capacity}, map[string]setter{
			"connections": whole(&c.Expect.Connections, 1, int64(1e9)),
		}),
	})
}
