package connect

import "context"

// Flood connects to the plan's targets, reads the host name that each answers with, and closes. It returns when every
// connection has ended, when the plan's time is up, or soon after ctx is done. The result accounts for every connection
// in each of these cases; an error means that the plan is wrong or the event loops could not start, and nothing was dialled.
func (e *Engine) Flood(ctx context.Context, plan Plan) (*FloodResult, error) {
	plan = plan.withDefaults()
	if err := plan.validate(); err != nil {
		return nil, err
	}
	j := newJob(plan, &e.Total)
	r := e.newFlood(j)
	if err := r.start(); err != nil {
		j.count(&steps{planned: -j.plan.Connections})
		return nil, err
	}
	defer r.close()
	t := newFloodTally(&j.plan)
	c := collector{job: j, runner: r, tally: t, atEnd: ClassAborted}
	c.run(ctx)
	return t.result(j), nil
}

// Flood makes one call on an engine of its own; see [Engine.Flood].
func Flood(ctx context.Context, plan Plan) (*FloodResult, error) {
	var e Engine
	return e.Flood(ctx, plan)
}
