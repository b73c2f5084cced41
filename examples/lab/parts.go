//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// split deals out what is to run to so many labs at most, as the flags of each. What is about the network runs with the first load balancer only, so in the
// first lab, which has fewer load balancers therefore. Faults are the last one's.
func (s *settings) split(jobs int) (parts [][]string) {
	ofNetwork := func(name string) bool { return find(scenarios, name).netem != "" }
	jobs = max(1, min(jobs, len(s.balancers)))
	balancers, load := make([][]string, jobs), make([]int, jobs)
	for _, name := range s.balancers {
		i := slices.Index(load, slices.Min(load))
		balancers[i] = append(balancers[i], name)
		if load[i]++; name == s.balancers[0] && slices.ContainsFunc(s.scenarios, ofNetwork) {
			load[i]++
		}
	}
	for i := range jobs {
		var part []string
		chosen := s.scenarios
		if i > 0 {
			chosen = slices.DeleteFunc(slices.Clone(chosen), ofNetwork)
		}
		if len(balancers[i]) > 0 && len(chosen) > 0 {
			part = append(part, "-balancer="+strings.Join(balancers[i], ","), "-scenario="+strings.Join(chosen, ","))
		}
		if i == jobs-1 && len(s.faults) > 0 {
			part = append(part, "-fault="+strings.Join(s.faults, ","))
		}
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// partFlags are the flags of this run for each of its parts, besides those that say what it runs.
func partFlags() (flags []string) {
	ours := []string{"vm", "kernel", "limit", "jobs", "json", "docs", "balancer", "scenario", "fault"}
	flag.Visit(func(f *flag.Flag) {
		if !slices.Contains(ours, f.Name) {
			flags = append(flags, fmt.Sprintf("-%s=%s", f.Name, f.Value))
		}
	})
	return append(flags, "-json")
}

// guestFlags are those of the parts in virtual machines. Without flags for the load, there is less of it, since processors may be emulated.
func guestFlags(given map[string]bool) (flags []string) {
	for name, value := range map[string]string{"connects": "1000", "connections": "200", "rate": "200", "steady": "5s"} {
		if !given[name] {
			flags = append(flags, fmt.Sprintf("-%s=%s", name, value))
		}
	}
	return append(flags, partFlags()...)
}

// A part has as much time to take away what it has made.
const tidyUp = time.Minute

// runParts runs labs of their own side by side, and prints what they tell.
func (s *settings) runParts(ctx context.Context, results *table) (failed bool, err error) {
	if err := s.missing(); err != nil {
		return false, err
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	parts := s.split(s.jobs)
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { errs[i] = runPart(ctx, results, slices.Concat([]string{self}, part, partFlags())) })
	}
	all.Wait()
	err = errors.Join(errs...)
	return err != nil, nil // its reason is on standard error
}

func runPart(ctx context.Context, results *table, command []string) error {
	reader, writer := io.Pipe()
	part, err := host.start(ctx, func(cmd *exec.Cmd) {
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = writer, os.Stderr, tidyUp
	}, command...)
	if err != nil {
		return err
	}
	go func() {
		<-part.ended
		_ = writer.Close()
	}()
	results.receive(reader)
	if !part.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %s", part.cmd, part.cmd.ProcessState)
	}
	return nil
}
