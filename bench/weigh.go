package main

import (
	"context"
	"fmt"
)

// mostServerBytes is the target of DESIGN.md, section 7, for a connection that the server holds.
const mostServerBytes = 300

const heldHint = "each connection that flag -held asks for takes a descriptor of the server's and one of the client's (ulimit -n)"

// weigh measures what a held connection costs a server in memory: ours, and one with a goroutine per connection.
func weigh(ctx context.Context, s *settings, r *report) error {
	ours, err := weighResponder(ctx, s)
	if err != nil {
		return fmt.Errorf("memory of %s: %w; %s", s.server, err, heldHint)
	}
	theirs, err := weighGoroutines(ctx, s)
	if err != nil {
		return fmt.Errorf("memory of a server with a goroutine per connection: %w; %s", err, heldHint)
	}
	r.add(figure{
		Name: "server's bytes per held connection", Value: spreadOf([]float64{ours}), Target: mostServerBytes, AtMost: true,
	})
	r.add(figure{Name: "the same with a goroutine per connection", Value: spreadOf([]float64{theirs})})
	return nil
}

func weighResponder(ctx context.Context, s *settings) (bytes float64, err error) {
	server, err := startResponder(ctx, s.server)
	if err != nil {
		return 0, err
	}
	defer server.stop()
	return bytesPerConnection(ctx, server.cmd.Process.Pid, server.port, s.held)
}

func weighGoroutines(ctx context.Context, s *settings) (bytes float64, err error) {
	server, err := startChild(ctx, "server", nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = server.end() }()
	var port uint16
	if err := server.answer(&port); err != nil {
		return 0, err
	}
	return bytesPerConnection(ctx, server.cmd.Process.Pid, port, s.held)
}

// bytesPerConnection is how much the process grows for each connection that it holds. What the kernel keeps for a
// connection is not in it, nor what the process needs for its first connections.
func bytesPerConnection(ctx context.Context, pid int, port uint16, count int) (float64, error) {
	f := flood{Network: "tcp", Connections: 1000, Concurrency: concurrency, Targets: newAddresses().take(count, port)}
	if _, err := byChild("net")(ctx, f); err != nil {
		return 0, err
	}
	before, err := residentBytes(pid)
	if err != nil {
		return 0, err
	}
	f.Connections = count
	after, err := bytesWhileHeld(ctx, "holder", f, pid)
	if err != nil {
		return 0, err
	}
	return float64(after-before) / float64(count), nil
}

// bytesWhileHeld is the memory of a process while a child in that role holds connections; pid 0 is the child itself.
func bytesWhileHeld(ctx context.Context, role string, f flood, pid int) (int64, error) {
	holder, err := startChild(ctx, role, f)
	if err != nil {
		return 0, err
	}
	defer func() { _ = holder.end() }()
	var held int
	if err := holder.answer(&held); err != nil {
		return 0, err
	}
	if pid == 0 {
		pid = holder.cmd.Process.Pid
	}
	return residentBytes(pid)
}
