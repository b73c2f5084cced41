// Command bench measures the engine, and k6 with it, against the least that the kernel needs and against the usual way
// to write such a tool, side by side, and prints ratios: absolute figures of one machine mean little on another.
//
// Each contender makes the same flood in a process of its own, against the same server. All of them take part in every
// round, in another order each time, and what counts is the median of the rounds' ratios, since contenders of one round
// see the same weather on the machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == childCommand {
		os.Exit(exitCode(playRole(os.Args[2])))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := exitCode(run(ctx, os.Args[1:]))
	stop()
	os.Exit(code)
}

func exitCode(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// part is something that the bench measures.
type part struct {
	name string
	run  func(context.Context, *settings, *report) error
}

var parts = []part{
	{"floods", race},
	{"command", raceCommand},
	{"ports", racePorts},
	{"packets", racePackets},
	{"traffic", raceTraffic},
	{"client", weighClients},
	{"targets", weighTargets},
	{"server", weigh},
}

// run is the whole bench. Missed targets are no error: it measures.
func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	r := newReport(s)
	for _, p := range parts {
		if s.only != "" && s.only != p.name {
			continue
		}
		if err := p.run(ctx, s, r); err != nil {
			return err
		}
	}
	if err := r.print(os.Stdout); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	if s.json == "" {
		return nil
	}
	return r.writeJSON(s.json)
}
