package main

import (
	"context"
	_ "embed"
	"fmt"
)

const (
	manyTargets     = 30_000
	mostTargetBytes = 200_000_000 // that k6 may take for so many, all in all
)

//go:embed targets.js
var targetsScript []byte

// weighTargets measures the memory of k6 with a flood to very many targets, each of which has its own series of all metrics.
func weighTargets(ctx context.Context, s *settings, r *report) error {
	server, err := startResponder(ctx, s.server)
	if err != nil {
		return err
	}
	defer server.stop()
	var result k6Result
	state, err := runScript(ctx, []string{s.k6}, targetsScript, map[string]any{"count": manyTargets, "port": server.port}, &result)
	if err != nil {
		return err
	}
	if result.Completed != manyTargets {
		return fmt.Errorf("%d of %d targets answered: %v", result.Completed, manyTargets, result.First)
	}
	peak, err := peakBytes(state)
	if err != nil {
		return err
	}
	r.add(figure{
		Name: fmt.Sprintf("k6's MB with %d targets", manyTargets), Value: spreadOf([]float64{float64(peak) / 1e6}), Target: mostTargetBytes / 1e6, AtMost: true,
	})
	return nil
}
