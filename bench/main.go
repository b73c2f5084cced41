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

// run is the whole bench. Missed targets are no error: it measures.
func run(ctx context.Context, args []string) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	r := newReport(s)
	if err := race(ctx, s, r); err != nil {
		return err
	}
	if err := raceTraffic(ctx, s, r); err != nil {
		return err
	}
	if err := weighClients(ctx, s, r); err != nil {
		return err
	}
	if err := weigh(ctx, s, r); err != nil {
		return err
	}
	if err := r.print(os.Stdout); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	if s.json == "" {
		return nil
	}
	return r.writeJSON(s.json)
}
