package connect

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/disruption"
)

// FloodPlan says which connections to make, and what to take from the answers.
type FloodPlan struct {
	Plan
	// SkipReply ends a connection once it is established (UDP: once its datagram is sent), without waiting for an answer.
	SkipReply bool
	// Flows makes the result say which host answered which 5-tuple; wants fixed source ports.
	Flows bool
	// Weights are the shares of the connections that hosts are due, in relation to each other; nil means equal ones for all
	// that answer. The result's balance is judged by them.
	Weights map[string]float64
}

// validate returns a *PlanError for what is wrong.
func (p *FloodPlan) validate() error {
	if p.Flows {
		if err := p.checkFlows(); err != nil {
			return &PlanError{err}
		}
	}
	return p.Plan.validate()
}

// checkFlows checks that the flows can be told from each other and dialled again.
func (p *FloodPlan) checkFlows() error {
	switch {
	case p.Sources.Ports.Count() == 0:
		return errors.New("flows without source ports; want a range of fixed ones, since 5-tuples with ports of the system's choice can't be dialled again")
	case p.SkipReply:
		return errors.New("flows without replies; want replies to be read, since they tell which host has answered")
	case p.Connections > disruption.MaxFlows:
		return fmt.Errorf("flows of %d connections; want at most %d", p.Connections, disruption.MaxFlows)
	}
	return nil
}

// Flood connects to the plan's targets, reads the host name that each answers with, and closes. It returns when every
// connection has ended, when the plan's time is up, or soon after ctx is done. The result accounts for every connection
// in each of these cases; an error means that the plan is wrong or the event loops could not start, and nothing was dialled.
func (e *Engine) Flood(ctx context.Context, plan FloodPlan) (*FloodResult, error) {
	plan.Plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	j := newJob(plan.Plan, &e.Total)
	j.skipReply = plan.SkipReply
	r := e.newFlood(j)
	if err := r.start(); err != nil {
		j.count(&steps{planned: -j.plan.Connections})
		return nil, err
	}
	defer r.close()
	t := newFloodTally(&plan)
	c := collector{job: j, runner: r, tally: t, atEnd: ClassAborted}
	c.run(ctx)
	return t.result(j), nil
}

// Flood makes one call on an engine of its own; see [Engine.Flood].
func Flood(ctx context.Context, plan FloodPlan) (*FloodResult, error) {
	var e Engine
	return e.Flood(ctx, plan)
}
