// Package tools has the command lines of the tools that people use today: mconnect, tcpgoon, ctraffic, perftest and pingmesh. Flags, output
// and exit codes are theirs; the connections are made by package connect.
package tools

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/seed-aa7fe5b5/xk6-mconnect/connect"
	"github.com/seed-aa7fe5b5/xk6-mconnect/connect/source"
)

// Process is what a tool runs in.
type Process struct {
	Name           string          // of the tool: perftest and pingmesh are one
	Ctx            context.Context // done when the user has had enough
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Version        string
	// Serve runs mconnect-server with flags, and returns its exit code.
	Serve func(flags ...string) int
}

// Tool runs with its arguments, and returns its exit code.
type Tool func(p *Process, args []string) int

// All are the tools by their names.
var All = map[string]Tool{"mconnect": mconnect, "tcpgoon": tcpgoon, "ctraffic": ctraffic, "perftest": perftest, "pingmesh": perftest}

// HasFlag reports whether a tool that uses package flag has a flag.
func HasFlag(tool, name string) bool {
	p := &Process{Stderr: io.Discard}
	switch tool {
	case "mconnect":
		return (&mconnectFlags{}).flagSet(p).Lookup(name) != nil
	case "ctraffic":
		return (&ctrafficFlags{}).flagSet(p).Lookup(name) != nil
	default:
		return (&perftestFlags{}).flagSet(p).Lookup(name) != nil
	}
}

// The exit codes that all of them have.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // as package flag has it
)

// newFlags are those of a tool which uses package flag. help is what it prints before them.
func newFlags(p *Process, name, help string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(p.Stderr)
	f.Usage = func() {
		fmt.Fprintln(p.Stderr, help)
		f.PrintDefaults()
	}
	return f
}

// parse reads the flags, and tells whether there is nothing more to do, and with which exit code.
func parse(f *flag.FlagSet, args []string) (code int, done bool) {
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, true
	case err != nil:
		return exitUsage, true // which package flag has told
	case len(args) == 0:
		f.Usage()
		return exitOK, true
	}
	return exitOK, false
}

// fail tells an error.
func (p *Process) fail(err error) int {
	fmt.Fprintln(p.Stderr, err)
	return exitFailed
}

// target is one that a name stands for. Its look-up may fail, and so do its connections then.
func target(address string) (connect.Target, error) { return connect.ResolveTarget(address) }

// sources are addresses of a CIDR; in order, or as a seed has it.
func sources(cidr string, random bool, seed int64) (source.Sequence, error) {
	if cidr == "" {
		return source.Sequence{}, nil
	}
	pool, err := source.ParsePool(cidr)
	if err != nil {
		return source.Sequence{}, err
	}
	s := source.Sequence{Pool: pool, Random: random, Seed: uint64(seed)} // #nosec G115 -- any bits make a seed
	if seed == 0 {
		s.Seed = rand.Uint64() // #nosec G404 -- picks test traffic, not secrets
	}
	return s, nil
}

// ticks calls something at an interval until the returned function is called, which waits for the last call.
func ticks(every time.Duration, do func()) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do()
			case <-end:
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
