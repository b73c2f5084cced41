package main

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// engine is package connect as a Go program uses it.
func engine(ctx context.Context, f flood) (time.Duration, error) {
	plan, err := f.plan()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	r, err := connect.Flood(ctx, connect.FloodPlan{Plan: plan})
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	if r.States.Completed != int64(f.Connections) {
		return 0, fmt.Errorf("%d of %d connections got an answer: %v", r.States.Completed, f.Connections, r.First)
	}
	return took, nil
}

// plan is what package connect is asked for.
func (f *flood) plan() (connect.Plan, error) {
	plan := connect.Plan{
		Network:      f.Network,
		Connections:  int64(f.Connections),
		KernelBypass: f.Packets,
		Frames:       f.Frames,
		Reset:        f.Reset,
		Concurrency:  f.Concurrency, // over UDP with the default payload, as all contenders
	}
	if f.Source != "" {
		pool, err := source.ParsePool(f.Source)
		if err != nil {
			return plan, fmt.Errorf("source: %w", err)
		}
		plan.Sources.Pool = pool
	}
	for _, t := range f.Targets {
		plan.Targets = append(plan.Targets, connect.Target{Name: t.String(), Addr: t})
	}
	return plan, nil
}
