package options

import (
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/verdicts"
)

// Idle is what a script asks of idle().
type Idle struct {
	Call
	From, To  time.Duration // 0 is the default
	Precision time.Duration // 0 is a part of the result
	Expected  time.Duration // 0 is none
}

// ParseIdle checks the arguments of idle().
func ParseIdle(target, options any) (*Idle, error) {
	d := &Idle{}
	if err := d.parse(target, options, d.table(), d.settle); err != nil {
		return nil, fmt.Errorf("idle(): %w", err)
	}
	plan := d.With(d.Plan)
	const replacements = 10 // connections in place of forgotten ones
	d.Most, d.Limit = replacements*plan.Silent(), plan.TimeLimit()
	return d, nil
}

func (d *Idle) table() map[string]setter {
	return d.setters(map[string]setter{
		"connections": whole(&d.Plan.Connections, 1, connect.MaxIdleConnections),
		"from":        duration(&d.From),
		"to":          duration(&d.To),
		"precision":   duration(&d.Precision),
		"reply":       answer(&d.Plan.Reply),
		"expect": expect(&d.Expect, "{timeout: '5m'}", []string{verdicts.Complete, verdicts.Answered, verdicts.Idle}, map[string]setter{
			"timeout": duration(&d.Expect.IdleTimeout),
		}),
	})
}

// settle checks options that depend on each other.
func (d *Idle) settle() error {
	d.Expected = d.Expect.IdleTimeout
	from, to := d.With(d.Plan).Range()
	switch {
	case from > to:
		return fmt.Errorf("option \"from\": got %s with to %s; want silences from the shorter to the longer one", from, to)
	case d.Precision > to:
		return fmt.Errorf("option \"precision\": got %s with to %s; want less", d.Precision, to)
	case d.Plan.Timeout > 0 && d.Plan.Timeout <= max(from, d.Expected):
		return fmt.Errorf("option \"timeout\": got %s; want more than the silences of from and expect.timeout (%s)", d.Plan.Timeout, max(from, d.Expected))
	}
	return nil
}

// With is the plan of the call, whose part that all calls have is p.
func (d *Idle) With(p connect.Plan) connect.IdlePlan {
	return connect.IdlePlan{Plan: p, From: d.From, To: d.To, Precision: d.Precision, Expect: d.Expected}
}
