package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed flood.js
var floodScript []byte

// k6Result is what the script tells of its flood.
type k6Result struct {
	Duration  time.Duration      `json:"duration"`
	Completed int64              `json:"completed"`
	First     map[string]string  `json:"first_errors"`
	Samples   map[string]float64 `json:"samples"` // how many connections a metric knows of
}

// byK6 makes a flood in the k6 at that path, which the wrapper runs.
func byK6(path string, wrapper ...string) func(context.Context, flood) (time.Duration, error) {
	return func(ctx context.Context, f flood) (time.Duration, error) {
		r := &k6Result{}
		if _, err := runScript(ctx, append(wrapper, path), floodScript, f, r); err != nil {
			return 0, err
		}
		return r.Duration, r.check(f)
	}
}

// runScript gives a script its task and reads the result that it leaves. It returns what is known of the process, which has ended.
func runScript(ctx context.Context, k6 []string, script []byte, task, to any) (*os.ProcessState, error) {
	dir, err := os.MkdirTemp("", "mconnect-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the script: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file, result := filepath.Join(dir, "script.js"), filepath.Join(dir, "result.json")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return nil, fmt.Errorf("writing the script: %w", err)
	}
	given, err := json.Marshal(task)
	if err != nil {
		return nil, fmt.Errorf("writing the task: %w", err)
	}
	var stderr bytes.Buffer
	command := append(slices.Clone(k6), "run", "--quiet", "--no-usage-report", "--env", "TASK="+string(given), "--env", "RESULT="+result, file)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) // #nosec G204 -- the user's own k6
	cmd.Env = withoutK6(os.Environ())
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s run: %w", k6, explain(err, stderr.String()))
	}
	text, err := os.ReadFile(result) // #nosec G304 -- in a directory of our own
	if err != nil {
		return nil, fmt.Errorf("%s run left no result: %w", k6, err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		return nil, fmt.Errorf("%s run left a result that can't be read: %w", k6, err)
	}
	return cmd.ProcessState, nil
}

// withoutK6 leaves out the variables that would make k6 do more, or less, than it does by default.
func withoutK6(env []string) (rest []string) {
	for _, variable := range env {
		if !strings.HasPrefix(variable, "K6_") {
			rest = append(rest, variable)
		}
	}
	return rest
}

// check makes sure that every connection got its answer, and is in every metric.
func (r *k6Result) check(f flood) error {
	want := int64(f.Connections)
	if r.Completed != want {
		return fmt.Errorf("%d of %d connections got an answer: %v", r.Completed, want, r.First)
	}
	names := []string{
		"mconnect_connects", "mconnect_connect_failed", "mconnect_connect_duration",
		"mconnect_reply_failed", "mconnect_reply_duration", "mconnect_replies",
	}
	if f.Network == "tcp" {
		names = append(names, "mconnect_rtt")
	}
	for _, name := range names {
		if n := int64(r.Samples[name]); n != want {
			return fmt.Errorf("metric %s knows of %d connections instead of %d", name, n, want)
		}
	}
	return nil
}
