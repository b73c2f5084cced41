package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
)

// mostClientBytes is the target of DESIGN.md, section 7, for a connection that k6 holds.
const mostClientBytes = 600

// fewHeld are held before the first weighing, so that what the first connections cost once is not counted.
const fewHeld = 1000

//go:embed hold.js
var holdScript []byte

// weighClients measures what a held connection costs a client in memory: k6 with all metrics, and a goroutine for each.
func weighClients(ctx context.Context, s *settings, r *report) error {
	server, err := startResponder(ctx, s.server)
	if err != nil {
		return err
	}
	defer server.stop()
	ours, err := weighK6(ctx, s, server.port)
	if err != nil {
		return fmt.Errorf("memory of %s run: %w; %s", s.k6, err, heldHint)
	}
	theirs, err := weighHolder(ctx, s, server.port)
	if err != nil {
		return fmt.Errorf("memory of a client with a goroutine per connection: %w; %s", err, heldHint)
	}
	r.add(figure{Name: "k6's bytes per held connection", Value: spreadOf([]float64{ours}), Target: mostClientBytes, AtMost: true})
	r.add(figure{Name: "the same with a goroutine per connection", Value: spreadOf([]float64{theirs})})
	return nil
}

// weighK6 runs the script, and weighs k6 whenever it stands at the gate.
func weighK6(ctx context.Context, s *settings, port uint16) (float64, error) {
	gate, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("opening the gate: %w", err)
	}
	defer func() { _ = gate.Close() }()
	dir, err := os.MkdirTemp("", "mconnect-bench-")
	if err != nil {
		return 0, fmt.Errorf("making a directory for the script: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	script := filepath.Join(dir, "hold.js")
	if err := os.WriteFile(script, holdScript, 0o600); err != nil {
		return 0, fmt.Errorf("writing the script: %w", err)
	}
	many := s.held - fewHeld
	task, err := json.Marshal(map[string]any{
		"target": fmt.Sprintf("127.0.0.1:%d", port), "gate": gate.Addr().String(), "few": fewHeld, "many": many,
	})
	if err != nil {
		return 0, fmt.Errorf("writing the task: %w", err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, s.k6, "run", "--quiet", "--no-usage-report", "--env", "HOLD="+string(task), script) // #nosec G204 -- the user's own k6
	cmd.Env, cmd.Stderr = withoutK6(os.Environ()), &stderr
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting it: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		_ = gate.Close() // so that nobody waits for a k6 that is gone
	}()
	weights, gateErr := weighAtGate(gate, cmd.Process.Pid, 2)
	if err := <-ended; err != nil {
		return 0, explain(err, stderr.String())
	}
	if gateErr != nil {
		return 0, gateErr
	}
	return float64(weights[1]-weights[0]) / float64(many), nil
}

// weighAtGate weighs a process each time it comes, and lets it pass.
func weighAtGate(gate net.Listener, pid, times int) (weights []int64, err error) {
	for range times {
		conn, err := gate.Accept()
		if err != nil {
			return nil, fmt.Errorf("waiting at the gate: %w", err)
		}
		bytes, err := residentBytes(pid)
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		weights = append(weights, bytes)
		_, _ = io.WriteString(conn, "pass")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	return weights, nil
}

// weighHolder compares two holders that have a goroutine waiting on every connection.
func weighHolder(ctx context.Context, s *settings, port uint16) (float64, error) {
	few, err := holderBytes(ctx, port, fewHeld)
	if err != nil {
		return 0, err
	}
	all, err := holderBytes(ctx, port, s.held)
	if err != nil {
		return 0, err
	}
	return float64(all-few) / float64(s.held-fewHeld), nil
}

func holderBytes(ctx context.Context, port uint16, count int) (int64, error) {
	f := flood{Network: "tcp", Connections: count, Concurrency: concurrency, Targets: newAddresses().take(count, port)}
	return bytesWhileHeld(ctx, "reader", f, 0)
}
