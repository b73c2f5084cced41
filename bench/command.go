package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// atLeastCommand is the least speed of the command line, in relation to the same flood in a script.
const atLeastCommand = 1.0

// raceCommand compares `k6 x mconnect flood` with a script that makes the same flood: how long each takes from its start to its end.
func raceCommand(ctx context.Context, s *settings, r *report) error {
	server, err := startResponder(ctx, s.server)
	if err != nil {
		return err
	}
	defer server.stop()
	c := &course{settings: s, port: server.port, fresh: newAddresses(), contenders: []contender{
		{"script", fromStartToEnd(byK6(s.k6))},
		{"command", fromStartToEnd(byCommand(s.k6))},
	}}
	measured, err := c.rounds(ctx, "tcp")
	if err != nil {
		return err
	}
	r.add(figure{Name: "TCP: k6 x mconnect flood / the same as a script", Value: spreadOf(perRound(measured["command"], measured["script"])), Target: atLeastCommand})
	return nil
}

// fromStartToEnd counts the start of a program, too, and all that it does after the flood.
func fromStartToEnd(run func(context.Context, flood) (time.Duration, error)) func(context.Context, flood) (time.Duration, error) {
	return func(ctx context.Context, f flood) (time.Duration, error) {
		start := time.Now()
		_, err := run(ctx, f)
		return time.Since(start), err
	}
}

// byCommand makes a flood with the command line of the k6 at that path.
func byCommand(path string) func(context.Context, flood) (time.Duration, error) {
	return func(ctx context.Context, f flood) (time.Duration, error) {
		dir, err := os.MkdirTemp("", "mconnect-bench-")
		if err != nil {
			return 0, fmt.Errorf("making a directory for the result: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		file := filepath.Join(dir, "result.json")
		args := []string{
			"x", "mconnect", "flood", "--network", f.Network, "--connections", strconv.Itoa(f.Connections),
			"--concurrency", strconv.Itoa(f.Concurrency), "--json", file,
		}
		for _, t := range f.Targets {
			args = append(args, t.String())
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, path, args...) // #nosec G204 -- the user's own k6
		cmd.Env, cmd.Stderr = withoutK6(os.Environ()), &stderr
		if err := cmd.Run(); err != nil {
			return 0, fmt.Errorf("%s x mconnect flood: %w", path, explain(err, stderr.String()))
		}
		text, err := os.ReadFile(file) // #nosec G304 -- in a directory of our own
		if err != nil {
			return 0, fmt.Errorf("%s x mconnect flood left no result: %w", path, err)
		}
		return completedIn(text, f)
	}
}

// completedIn is how long the flood of a recording took, if every connection got its answer.
func completedIn(recording []byte, f flood) (time.Duration, error) {
	var r struct {
		Duration time.Duration           `json:"duration"`
		States   struct{ Completed int } `json:"states"`
		First    map[string]string       `json:"first_errors"`
	}
	if err := json.Unmarshal(recording, &r); err != nil {
		return 0, fmt.Errorf("k6 x mconnect flood left a result that can't be read: %w", err)
	}
	if r.States.Completed != f.Connections {
		return 0, fmt.Errorf("%d of %d connections got an answer: %v", r.States.Completed, f.Connections, r.First)
	}
	return r.Duration, nil
}
