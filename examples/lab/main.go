//go:build linux

// Command lab runs k6 scripts against real load balancers on one machine: network namespaces with a client, a load
// balancer and some servers, a virtual address (VIP) and a range of source addresses. The scripts change the backends
// while they run, and compare what that did to their connections with the ideal; a table shows all of it.
//
// It needs root and Linux, and leaves nothing behind: what it makes has its process number in its name, and goes with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	balancers []string
	scenarios []string
	families  []string
	servers   int
	k6        string
	server    string
	verbose   bool
	env       []string // for the scripts
}

func main() { os.Exit(exitCode()) }

func exitCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := runAll(ctx, parse())
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
	}
	if err != nil || failed {
		return 1
	}
	return 0
}

func parse() *settings {
	s := &settings{balancers: names(kinds), scenarios: names(scenarios), families: []string{"4", "6"}}
	flag.Var(choice{&s.balancers, names(kinds)}, "balancer", "load `balancers`, separated by commas")
	flag.Var(choice{&s.scenarios, names(scenarios)}, "scenario", "`scenarios`, separated by commas")
	flag.Var(choice{&s.families, s.families}, "ip", "IP `versions`, separated by commas")
	flag.IntVar(&s.servers, "servers", 10, "how many servers there are, 3 to 100")
	flag.StringVar(&s.k6, "k6", "./k6", "k6 with this extension")
	flag.StringVar(&s.server, "server", "./mconnect-server", "the companion server")
	flag.BoolVar(&s.verbose, "v", false, "show what k6 prints")
	connections := flag.Int("connections", 400, "how many connections have traffic")
	rate := flag.Int("rate", 4000, "their traffic in KB/s, all together")
	steady := flag.Duration("steady", 10*time.Second, "how long the scenario steady lasts")
	flag.Parse()
	s.env = []string{
		fmt.Sprintf("CONNECTIONS=%d", *connections), fmt.Sprintf("RATE=%d", *rate), fmt.Sprintf("STEADY=%g", steady.Seconds()),
	}
	return s
}

// choice is a flag for some of a number of names.
type choice struct {
	chosen *[]string
	all    []string
}

// String implements flag.Value.
func (c choice) String() string { return strings.Join(c.all, ",") }

// Set implements flag.Value.
func (c choice) Set(text string) error {
	*c.chosen = strings.Split(text, ",")
	for _, name := range *c.chosen {
		if !slices.Contains(c.all, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(c.all, ", "))
		}
	}
	return nil
}

// runAll prints a row for each change in each scenario. It returns true if one of them was worse than it should be.
func runAll(ctx context.Context, s *settings) (failed bool, err error) {
	if err := s.missing(); err != nil {
		return false, err
	}
	results := newTable(os.Stdout)
	for _, name := range s.balancers {
		k := find(kinds, name)
		if missing := k.missing(); missing != "" {
			results.note(name + " is left out: " + missing)
			continue
		}
		bad, err := runBalancer(ctx, s, k, results)
		failed = failed || bad
		switch {
		case ctx.Err() != nil:
			return failed, errors.New("interrupted")
		case err != nil:
			return failed, fmt.Errorf("%s: %w", name, err)
		}
	}
	return failed, nil
}

// runBalancer runs all scenarios against one load balancer, in a network of its own.
func runBalancer(ctx context.Context, s *settings, k *kind, results *table) (failed bool, err error) {
	l, err := startLab(s, k, results)
	if err != nil {
		return false, err
	}
	defer l.close()
	for _, family := range s.families {
		for _, name := range s.scenarios {
			scene := find(scenarios, name)
			if scene.udp && !k.udp {
				continue
			}
			ok, err := l.play(ctx, scene, family)
			if err != nil {
				return failed, fmt.Errorf("%s over IPv%s: %w", name, family, err)
			}
			failed = failed || !ok
		}
	}
	return failed, nil
}

type named interface{ title() string }

func names[T named](all []T) []string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = one.title()
	}
	return list
}

// find returns the one of that name, which there must be.
func find[T named](all []T, name string) T {
	return all[slices.IndexFunc(all, func(one T) bool { return one.title() == name })]
}
