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
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// settings are what the flags say.
type settings struct {
	balancers         []string
	scenarios         []string
	faults            []string
	families          []string
	servers           int
	connections, rate int    // of traffic, and KB/s
	driver            string // that makes connections
	k6                string
	server            string
	verbose           bool
	env               []string // for the scripts
	script            string   // of the user's own, in place of the lab's
	runs              int      // of it, while nothing is broken
	vm                *vm      // nil for a run on this machine's kernel
	jobs              int      // labs side by side
	json              bool     // in place of a table
	docs              string   // a document for the results, "" for none
}

func main() {
	if os.Args[0] == guestInit {
		runGuest()
	}
	os.Exit(exitCode())
}

func exitCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := parse()
	run := s.runAll
	switch {
	case s.vm != nil:
		run = s.vm.run
	case s.jobs > 1 && len(s.balancers) > 1:
		run = s.runParts
	}
	removeLeftovers()
	results, started := newTable(os.Stdout, s.json), time.Now()
	failed, err := run(ctx, results)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	results.sumUp()
	if err == nil && s.docs != "" {
		err = s.writeDocs(results, failed, time.Since(started))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
	}
	if err != nil || failed {
		return 1
	}
	return 0
}

func parse() *settings {
	s := &settings{balancers: names(kinds), scenarios: names(scenarios), faults: names(faults), families: []string{"4", "6"}}
	flag.Var(choice{&s.balancers, names(kinds)}, "balancer", "load `balancers`, separated by commas, or all")
	flag.Var(choice{&s.scenarios, names(scenarios)}, "scenario", "`scenarios`, separated by commas, or all")
	flag.Var(choice{&s.faults, names(faults)}, "fault", "`faults` that verdicts must find, separated by commas, or all;\nwith -fault alone no scenario runs, with -balancer or -scenario alone no fault does")
	flag.Var(choice{&s.families, s.families}, "ip", "IP `versions`, separated by commas")
	flag.IntVar(&s.servers, "servers", 10, "how many servers there are, 3 to 100")
	flag.StringVar(&s.driver, "driver", "sockets", "what makes connections: sockets, or packets (docs/packets.md)")
	flag.StringVar(&s.k6, "k6", "./k6", "k6 with this extension")
	flag.StringVar(&s.server, "server", "./mconnect-server", "the companion server")
	flag.BoolVar(&s.verbose, "v", false, "show what k6 prints")
	flag.BoolVar(&s.json, "json", false, "print rows as JSON, one a line, in place of tables")
	flag.StringVar(&s.docs, "docs", "", "write the results into this `file`, as docs/lab.md has them, if all rows are within their tolerances")
	flag.IntVar(&s.connections, "connections", 400, "how many connections have traffic")
	flag.IntVar(&s.rate, "rate", 4000, "their traffic in KB/s, all together; at least 1 for each connection")
	connects := flag.Int("connects", 4000, "how many connections balance makes, and flows half as many each time")
	steady := flag.Duration("steady", 10*time.Second, "how long the scenario steady lasts")
	flag.StringVar(&s.script, "script", "", "a k6 script of your own, a `file`, in place of the lab's: it must exit with 0 for each of the balancers, and with 99 for each of the faults;\nits target is 10.0.0.1:5001, sources are of 10.10.0.0/24, and web-01, web-02 and so on must answer, without the last of the -servers")
	flag.IntVar(&s.runs, "runs", 1, "with -script: how often it runs while nothing is broken")
	inVM := flag.Bool("vm", false, "run in a virtual machine with Debian's kernel, which has IPVS and netem (qemu-system-x86_64)")
	kernel := flag.String("kernel", "bin/vm", "with -vm: `directory` with boot/vmlinuz-* and lib/modules; make vm-deps gets them")
	flag.IntVar(&s.jobs, "jobs", 0, "how many load balancers have their turn side by side, which makes the scenario cost useless; with -vm each in a machine\n(default 1, with -vm one for each processor, up to 4)")
	limit := flag.Duration("limit", 3*time.Hour, "with -vm: ends the machine after so long")
	outside.define()
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	s.narrow(given)
	if *inVM {
		if !given["balancer"] && !given["scenario"] && !given["fault"] {
			s.balancers, s.faults = names(ipvsKinds()), []string{forgotten}
		}
		if !given["jobs"] {
			s.jobs = min(runtime.NumCPU(), 4)
		}
		s.vm = &vm{kernel: *kernel, limit: *limit, k6: s.k6, server: s.server, parts: s.split(s.jobs), flags: guestFlags(given)}
	}
	s.env = []string{
		fmt.Sprintf("CONNECTIONS=%d", s.connections), fmt.Sprintf("CONNECTS=%d", *connects), fmt.Sprintf("RATE=%d", s.rate), fmt.Sprintf("STEADY=%g", steady.Seconds()),
	}
	return s
}

// narrow leaves out the half of the lab that no flag speaks of, if one speaks of the other half.
func (s *settings) narrow(given map[string]bool) {
	compared := given["balancer"] || given["scenario"]
	switch {
	case compared && !given["fault"]:
		s.faults = nil
	case given["fault"] && !compared:
		s.balancers = nil
	}
}

// choice is a flag for some of a number of names.
type choice struct {
	chosen *[]string
	all    []string
}

// String implements flag.Value, whose zero value is called, too.
func (c choice) String() string {
	if c.chosen == nil {
		return ""
	}
	return strings.Join(*c.chosen, ",")
}

// Set implements flag.Value.
func (c choice) Set(text string) error {
	if text == "all" {
		*c.chosen = c.all
		return nil
	}
	*c.chosen = strings.Split(text, ",")
	for _, name := range *c.chosen {
		if !slices.Contains(c.all, name) {
			return fmt.Errorf("%q is none of %s", name, strings.Join(c.all, ", "))
		}
	}
	return nil
}

// runAll prints a row for each change in each scenario. It returns true if one of them was worse than it should be.
func (s *settings) runAll(ctx context.Context, results *table) (failed bool, err error) {
	if err := s.missing(); err != nil {
		return false, err
	}
	if s.script != "" {
		return s.runScript(ctx, results)
	}
	for i, k := range possible(kinds, s.balancers, func(k *kind) string { return k.missing() }, results) {
		bad, err := runBalancer(ctx, s, k, results, i == 0)
		failed = failed || bad
		if err != nil {
			return failed, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	for _, f := range possible(faults, s.faults, func(f *fault) string { return f.missing() }, results) {
		bad, err := f.show(ctx, s, results)
		failed = failed || bad
		if err != nil {
			return failed, fmt.Errorf("fault %s: %w", f.name, err)
		}
	}
	return failed, nil
}

// possible are those of these names that lack nothing here. What the others lack is noted, once for all of the same reason.
func possible[T named](all []T, names []string, missing func(T) string, results *table) (here []T) {
	var reasons []string
	leftOut := map[string][]string{}
	for _, name := range names {
		one := find(all, name)
		reason := missing(one)
		if reason == "" {
			here = append(here, one)
			continue
		}
		if leftOut[reason] == nil {
			reasons = append(reasons, reason)
		}
		leftOut[reason] = append(leftOut[reason], name)
	}
	for _, reason := range reasons {
		results.print(entry{Note: "left out: " + strings.Join(leftOut[reason], ", ") + ": " + reason})
	}
	return here
}

// runBalancer runs all scenarios against one load balancer, in a network of its own; those that are about the network only against the first.
func runBalancer(ctx context.Context, s *settings, k *kind, results *table, first bool) (failed bool, err error) {
	l, err := startLab(s, k, results)
	if err != nil {
		return false, err
	}
	defer l.close()
	noNetem := ""
	if first && l.network.lb != nil && slices.ContainsFunc(s.scenarios, func(name string) bool { return find(scenarios, name).netem != "" }) {
		if noNetem = l.network.noNetem(); noNetem != "" {
			results.print(entry{Note: "left out: netem-*: " + noNetem})
		}
	}
	for _, family := range s.families {
		if _, found := l.network.vips[family]; !found {
			continue
		}
		for _, name := range s.scenarios {
			scene := find(scenarios, name)
			if !scene.fits(k, l.network) || scene.netem != "" && (!first || noNetem != "") {
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
